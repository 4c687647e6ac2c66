"""Pages, with the bus and without it."""

import asyncio
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir.cart.v1 import events_pb2 as cart_events
from comptoir.inventory.v1 import events_pb2 as inventory_events
from comptoir.payments.v1 import payment_pb2, payments_service_pb2
from comptoir.type.v1.money_pb2 import Money
from comptoir_gateway.__main__ import Gateway
from comptoir_runtime.bus import Bus
from comptoir_runtime.errors import PermissionDenied, Unauthenticated, Unavailable
from services.gateway.tests.catalogue import Shop, announce, make_streams
from services.gateway.tests.integration.conftest import settings_for
from services.gateway.tests.services import FakeServices

PRODUCT = "/v1/pages/products/A?channel=web&locale=fr_FR&near=45.76,4.83"
CATALOGUE = "/v1/pages/catalogue?channel=web&category=master&pageSize=20"
CUSTOMER = "Bearer e30." + urlsafe_b64encode(b'{"knd":"customer"}').decode().rstrip("=") + ".c2ln"
VISITOR = "Bearer e30." + urlsafe_b64encode(b'{"knd":"visitor"}').decode().rstrip("=") + ".c2ln"


class PricesAway(Unavailable):
    pass


class TokenExpired(Unauthenticated):
    pass


class NotYours(PermissionDenied):
    pass


@pytest.fixture
def shop(services: FakeServices) -> Shop:
    made = Shop()
    services.answers |= made.answers
    return made


@pytest.fixture
async def bus(clean_nats: str) -> AsyncIterator[Bus]:
    connection = Bus(clean_nats, "test")
    connection.start()
    await make_streams(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def live(
    shop: Shop, services: FakeServices, clean_nats: str, bus: Bus
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that has caught up with the bus."""
    await announce(bus, *shop.states())
    gateway = await Gateway.start(settings_for(services, clean_nats))
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:

        async def kept() -> bool:
            await client.get(PRODUCT)
            before = len(services.calls)
            await client.get(PRODUCT)
            return len(services.calls) == before

        await until(kept)
        services.calls.clear()
        yield client
    await gateway.stop()


async def until(happened: Callable[[], Awaitable[bool]]) -> None:
    """Waits for what the bus brings soon."""
    async with asyncio.timeout(30):
        while not await happened():  # noqa: ASYNC110 - it happens elsewhere
            await asyncio.sleep(0.02)


async def page(http: httpx.AsyncClient, target: str) -> Any:
    answer = await http.get(target)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestWithoutTheBus:
    async def test_a_product_page_has_all_its_parts(
        self, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        shown = await page(http, PRODUCT)
        assert shown["product"]["name"] == "Veste"
        assert shown["price"]["amount"] == {"currency": "EUR", "amount": "89.90"}
        assert (shown["availability"]["sku"], shown["availability"]["available"]) == ("A", 4)
        assert shown["stores"] == [
            {
                "location": "lyon",
                "name": "Magasin lyon",
                "city": "Lyon",
                "distanceKm": 0.8,
                "available": 3,
            },
            {
                "location": "paris",
                "name": "Magasin paris",
                "city": "Paris",
                "distanceKm": 392.1,
                "available": 1,
            },
        ]
        assert [each["sku"] for each in shown["related"]] == ["B", "C"]
        assert shown["degraded"] == []

    async def test_nothing_is_kept(
        self, http: httpx.AsyncClient, shop: Shop, services: FakeServices
    ) -> None:
        await page(http, PRODUCT)
        shop.names["A"] = "Manteau"
        assert (await page(http, PRODUCT))["product"]["name"] == "Manteau"
        assert len(services.called("GetPublishedProduct")) == 2

    async def test_a_catalogue_page_has_prices_and_stock(
        self, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        shown = await page(http, CATALOGUE)
        assert [
            (
                each["product"]["sku"],
                each["price"]["amount"]["amount"],
                each["availability"]["available"],
            )
            for each in shown["items"]
        ] == [("A", "89.90", 4), ("B", "19.90", 2), ("C", "24.90", 0)]

    async def test_a_missing_part_is_null_with_its_reason(
        self, http: httpx.AsyncClient, shop: Shop, services: FakeServices
    ) -> None:
        services.answers["GetPrices"] = PricesAway("away")
        shown = await page(http, PRODUCT)
        assert (shown["price"], shown["product"]["sku"]) == (None, "A")
        assert shown["degraded"] == [{"part": "price", "reason": "PRICES_AWAY"}]
        items = (await page(http, CATALOGUE))["items"]
        assert [each["price"] for each in items] == [None, None, None]

    async def test_a_page_without_stock_has_no_stores(
        self, http: httpx.AsyncClient, shop: Shop, services: FakeServices
    ) -> None:
        services.answers["GetAvailability"] = PricesAway("away")
        shown = await page(http, PRODUCT)
        assert (shown["availability"], shown["stores"]) == (None, None)
        assert [each["part"] for each in shown["degraded"]] == ["availability", "stores"]

    async def test_an_expired_token_does_not_close_the_shop_window(
        self, http: httpx.AsyncClient, shop: Shop, services: FakeServices
    ) -> None:
        assert (await http.get(PRODUCT, headers={"Authorization": VISITOR})).status_code == 200
        assert not any("authorization" in call.metadata for call in services.calls)

    async def test_a_customer_whose_token_is_refused_hears_of_it(
        self, http: httpx.AsyncClient, shop: Shop, services: FakeServices
    ) -> None:
        services.answers["GetPrices"] = TokenExpired("expired")
        for target in (PRODUCT, CATALOGUE):
            answer = await http.get(target, headers={"Authorization": CUSTOMER})
            assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_EXPIRED")

    async def test_an_unknown_product_has_no_page(
        self, http: httpx.AsyncClient, shop: Shop
    ) -> None:
        answer = await http.get("/v1/pages/products/Z")
        assert (answer.status_code, answer.json()["reason"]) == (404, "PRODUCT_NOT_PUBLISHED")

    @pytest.mark.parametrize(
        ("target", "field"),
        [
            ("/v1/pages/products/A?near=lyon", "near"),
            ("/v1/pages/products/A?x=1", "x"),
            ("/v1/pages/catalogue?pageSize=many", "pageSize"),
            ("/v1/pages/catalogue?channel=a&channel=b", "channel"),
        ],
    )
    async def test_a_parameter_that_is_none_is_named(
        self, http: httpx.AsyncClient, shop: Shop, target: str, field: str
    ) -> None:
        answer = await http.get(target)
        assert answer.status_code == 400
        assert [each["field"] for each in answer.json()["violations"]] == [field]


class TestCheckout:
    @pytest.fixture(autouse=True)
    def cart(self, services: FakeServices, shop: Shop) -> None:
        cart = cart_pb2.Cart(id="crt_1", etag="3", quote="q", channel="b2b", currency="EUR")
        cart.totals.total.CopyFrom(Money(currency="EUR", amount="12.00"))
        for sku in ("A", "B", "A"):
            cart.lines.add(sku=sku, quantity=1)
        services.answers["GetCart"] = cart
        services.answers["ListShippingMethods"] = cart_service_pb2.ListShippingMethodsResponse(
            methods=[cart_pb2.ShippingMethod(code="standard")]
        )
        services.answers["ListPaymentMethods"] = payments_service_pb2.ListPaymentMethodsResponse(
            methods=[payment_pb2.PaymentMethod(code="card")]
        )

    async def test_it_shows_what_can_be_chosen(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        answer = await http.get("/v1/pages/checkout/crt_1", headers={"Authorization": VISITOR})
        shown = answer.json()
        assert answer.headers["cache-control"] == "private, no-store"
        assert (shown["cart"]["id"], shown["cart"]["quote"]) == ("crt_1", "q")
        assert [each["code"] for each in shown["shippingMethods"]] == ["standard"]
        assert [each["code"] for each in shown["paymentMethods"]] == ["card"]
        assert [(each["sku"], each["available"]) for each in shown["availability"]] == [
            ("A", 4),
            ("B", 2),
        ]
        assert shown["degraded"] == []
        assert services.called("GetCart")[0].metadata["authorization"] == VISITOR

    async def test_means_of_payment_are_those_for_this_channel_and_amount(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        for amount, asked in (("12.00", True), ("0.00", False)):
            cart = cart_pb2.Cart(id="crt_1", channel="b2b", currency="EUR")
            cart.totals.total.CopyFrom(Money(currency="EUR", amount=amount))
            services.answers["GetCart"] = cart
            await page(http, "/v1/pages/checkout/crt_1")
            request = services.called("ListPaymentMethods")[-1].request
            assert (request.cart, request.channel, request.currency) == ("crt_1", "b2b", "EUR")
            assert request.HasField("amount") is asked
            assert request.amount.amount == (amount if asked else "")

    async def test_a_part_may_be_missing_but_not_the_cart(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["ListPaymentMethods"] = PricesAway("away")
        shown = await page(http, "/v1/pages/checkout/crt_1")
        assert shown["paymentMethods"] is None
        assert shown["degraded"] == [{"part": "paymentMethods", "reason": "PRICES_AWAY"}]
        services.answers["GetCart"] = NotYours("no")
        answer = await http.get("/v1/pages/checkout/crt_1")
        assert (answer.status_code, answer.json()["reason"]) == (403, "NOT_YOURS")


class TestWithTheBus:
    async def test_a_kept_page_asks_nobody(
        self, live: httpx.AsyncClient, services: FakeServices
    ) -> None:
        first, second = await live.get(PRODUCT), await live.get(PRODUCT)
        assert first.content == second.content
        assert second.headers["cache-control"] == "public, max-age=2"
        assert services.calls == []
        known = {"If-None-Match": second.headers["etag"]}
        assert (await live.get(PRODUCT, headers=known)).status_code == 304

    async def test_stock_is_that_of_the_bus(
        self, live: httpx.AsyncClient, shop: Shop, services: FakeServices, bus: Bus
    ) -> None:
        shop.stock["A"] = {"lyon": 0, "paris": 1}
        await announce(bus, shop.stock_state("A"))

        async def sold() -> bool:
            return bool((await page(live, PRODUCT))["availability"]["available"] == 1)

        await until(sold)
        shown = await page(live, PRODUCT)
        assert [each["available"] for each in shown["stores"]] == [0, 1]
        items = (await page(live, CATALOGUE))["items"]
        assert [each["availability"]["available"] for each in items] == [1, 2, 0]
        assert services.called("GetAvailability") == []

    async def test_stock_is_that_of_places_that_serve_the_channel(
        self, live: httpx.AsyncClient, shop: Shop, bus: Bus
    ) -> None:
        await page(live, CATALOGUE)
        shop.stores[0].channels.append("store")
        told = inventory_events.LocationState(code="lyon", location=shop.stores[0])
        await announce(bus, told)

        async def served() -> bool:
            return bool((await page(live, PRODUCT))["availability"]["available"] == 1)

        await until(served)
        assert [each["available"] for each in (await page(live, PRODUCT))["stores"]] == [0, 1]
        items = (await page(live, CATALOGUE))["items"]
        assert [each["availability"]["available"] for each in items] == [1, 0, 0]
        in_store = await page(live, PRODUCT.replace("web", "store"))
        assert in_store["availability"]["available"] == 4

    async def test_a_new_price_is_shown_as_soon_as_it_is_told(
        self, live: httpx.AsyncClient, shop: Shop, bus: Bus
    ) -> None:
        await page(live, CATALOGUE)
        shop.amounts["A"] = "79.90"
        assert (await page(live, PRODUCT))["price"]["amount"]["amount"] == "89.90"
        await announce(bus, cart_events.PriceState(sku="A", version=2))

        async def cheaper() -> bool:
            return bool((await page(live, PRODUCT))["price"]["amount"]["amount"] == "79.90")

        await until(cheaper)
        assert (await page(live, CATALOGUE))["items"][0]["price"]["amount"]["amount"] == "79.90"

    @pytest.mark.parametrize("sku", ["A", "B"])
    async def test_a_changed_product_changes_every_page_it_is_on(
        self, live: httpx.AsyncClient, shop: Shop, bus: Bus, sku: str
    ) -> None:
        await page(live, CATALOGUE)
        shop.names[sku] = "Autre nom"
        await announce(bus, shop.product_state(sku))

        async def renamed() -> bool:
            shown = await page(live, PRODUCT)
            names = [shown["product"]["name"], *(each["name"] for each in shown["related"])]
            return "Autre nom" in names

        await until(renamed)
        names = [each["product"]["name"] for each in (await page(live, CATALOGUE))["items"]]
        assert "Autre nom" in names

    async def test_a_customer_pays_their_own_price_and_a_visitor_everybodys(
        self, live: httpx.AsyncClient, services: FakeServices
    ) -> None:
        own = await live.get(PRODUCT, headers={"Authorization": CUSTOMER})
        assert own.json()["price"]["amount"]["amount"] == "1.00"
        assert own.headers["cache-control"] == "private, no-store"
        assert "etag" not in own.headers
        asked = len(services.calls)
        for given in ({"Authorization": VISITOR}, {}):
            shown = await live.get(PRODUCT, headers=given)
            assert shown.json()["price"]["amount"]["amount"] == "89.90"
        assert len(services.calls) == asked

    async def test_a_degraded_page_is_not_kept(
        self, live: httpx.AsyncClient, shop: Shop, services: FakeServices, bus: Bus
    ) -> None:
        services.answers["GetPrices"] = PricesAway("away")
        await announce(bus, cart_events.PriceState(sku="A", version=2))

        async def degraded() -> bool:
            return bool((await page(live, PRODUCT))["degraded"])

        await until(degraded)
        services.answers |= shop.answers
        assert (await page(live, PRODUCT))["degraded"] == []

    async def test_each_language_has_its_page(
        self, live: httpx.AsyncClient, services: FakeServices
    ) -> None:
        target = "/v1/pages/products/A"
        for language in ("fr", "en", "fr"):
            await live.get(target, headers={"Accept-Language": language})
        asked = [
            call.metadata["accept-language"] for call in services.called("GetPublishedProduct")
        ]
        assert asked == ["fr", "en"]
