"""All that can be reached from outside, found in what the gateway documents of itself.

The numbers in the names are those of the catalogue of bad input that the design keeps.
"""

from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from comptoir_local.demo.api import Json
from tests.journeys.shop import Person, Shop, order_of, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY

# Of several languages that something may be put together in, and numbers of every shape.
HOSTILE = (
    "' OR '1'='1",
    "%' ESCAPE '",
    "{{7*7}}../../etc/passwd",
    "9223372036854775808",
    "-1",
    "\x00",
    "\u202e\U0001f600",
    "a" * 1500,
)
# 400 names what is wrong; the others are what honest questions may be answered, too.
ANSWERS = {200, 400, 403, 404}


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def document(shop: Shop) -> Json:
    answer = await shop.http.get("/openapi.json")
    found: Json = answer.json()
    return found


def questions(document: Json) -> Iterator[tuple[str, Json]]:
    """Every route that is read, but for those that go on for ever."""
    for template, methods in document["paths"].items():
        if "get" in methods and not template.endswith(":watch"):
            yield template, methods["get"]


def filled(template: str, parameters: list[Json], value: str) -> str:
    for each in parameters:
        if each["in"] == "path":
            template = template.replace(f"{{{each['name']}}}", quote(value, safe=""))
    return template


class TestQuestions:
    @pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
    async def test_54_60_whatever_is_asked_for_is_answered_as_documented(
        self, shop: Shop, document: Json, value: str
    ) -> None:
        """54, 60: in each place that takes a text, one after the other; staff may ask for all."""
        for template, operation in questions(document):
            parameters = operation.get("parameters", [])
            path = filled(template, parameters, value)
            asked = [each["name"] for each in parameters if each["in"] == "query"]
            for query in [{}, *({name: value} for name in asked)]:
                target = f"{path}?{httpx.QueryParams(query)}" if query else path
                answer = await shop.admin.send("GET", target)

                assert answer.status_code in ANSWERS, (target, answer.text)
                assert str(answer.status_code) in operation["responses"], target
                if not answer.is_success:
                    refused(answer, answer.status_code)

    async def test_64_what_is_told_to_somebody_is_kept_by_no_cache(
        self, shop: Shop, document: Json
    ) -> None:
        visitor = await shop.visitor()
        for who in (visitor, shop.admin):
            for template, operation in questions(document):
                if operation["security"]:
                    path = filled(template, operation.get("parameters", []), "me")
                    answer = await who.send("GET", path)
                    assert "no-store" in answer.headers["cache-control"], (path, answer.text)
                    assert "public" not in answer.headers["cache-control"], path


class TestCallers:
    @pytest.mark.parametrize(
        "shown",
        ["", "Bearer", "Bearer null", "Bearer undefined", "Bearer ..", "Basic YTpi", "null"],
    )
    async def test_7_an_empty_token_is_none(self, shop: Shop, document: Json, shown: str) -> None:
        for template, operation in questions(document):
            path = filled(template, operation.get("parameters", []), "me")
            if operation["security"]:
                answer = await shop.http.get(path, headers={"Authorization": shown})
                refused(answer, 401, "UNAUTHENTICATED")
                assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize("name", ["", " ", "%20", "%00", "null", "undefined", "0", "None"])
    async def test_7_an_empty_name_is_nobodys_thing(self, shop: Shop, name: str) -> None:
        visitor = await shop.visitor()
        for path in ("carts", "orders", "placements", "payments"):
            answer = await visitor.send("GET", f"/v1/{path}/{name}")
            assert answer.status_code in (400, 403, 404), answer.text
            refused(answer, answer.status_code)


class TestOtherPlaces:
    """21"""

    @pytest.mark.parametrize(
        "path",
        [
            "/metrics",
            "/admin",
            "/debug",
            "/v1",
            "/v1/outbox",
            "/docs/..%2f..%2fetc%2fpasswd",
            "/grpc.health.v1.Health/Check",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            "/comptoir.inventory.v1.InventoryService/Reserve",
            "/comptoir.payments.v1.PaymentsService/AuthorisePayment",
            "/comptoir.events.v1.EventsService/ReplayEvents",
        ],
    )
    async def test_21_what_services_tell_each_other_is_not_reached(
        self, shop: Shop, path: str
    ) -> None:
        for method in ("GET", "POST"):
            url = shop.http.base_url.copy_with(raw_path=path.encode())
            headers = {"Authorization": f"Bearer {shop.admin.token}"}
            refused(await shop.http.request(method, url, headers=headers), 404, "ROUTE_NOT_FOUND")


class TestCardNumbers:
    """72, E7: what a buyer types wherever a text is taken is in no order and in nobody's books."""

    NUMBER = "4242 4242 4242 4242"

    async def test_72_where_a_buyer_may_type_one_it_is_refused(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        line = {"sku": sku, "quantity": 1, "note": self.NUMBER}
        address = cart["delivery"]["address"] | {"recipient": self.NUMBER}
        delivery = {"delivery": cart["delivery"] | {"address": address}}
        order = order_of(cart, token=self.NUMBER)
        path = f"/v1/carts/{cart['id']}"

        noted = await visitor.send("POST", f"{path}/lines", body=line)
        sent = await visitor.send("PUT", f"{path}/delivery", body=delivery)
        async with shop.nothing_charged():
            paid = await visitor.send("POST", "/v1/orders", body=order)

        refused(noted, 400, "CARD_NUMBER_REFUSED", "note")
        refused(sent, 400, "CARD_NUMBER_REFUSED", "delivery.address.recipient")
        refused(paid, 400, "CARD_NUMBER_REFUSED", "payment.token")
        await self.is_nowhere(visitor, path)

    async def is_nowhere(self, visitor: Person, path: str) -> None:
        assert "4242" not in str(await visitor.get(path))
        assert "4242" not in str(await visitor.get("/v1/orders"))
