"""Input that no honest client sends: refused with problem details, nothing changed, never a 500.

The numbers in the names are those of the catalogue of bad input that the design keeps.
"""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from comptoir_local.demo.api import Json
from tests.journeys.shop import Person, Shop, ok, order_of, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY

TWO_63 = 2**63


class OpenCart:
    """A visitor with a cart of one line; `unchanged` looks whether it still is as it was."""

    def __init__(self, person: Person, cart: Json, sku: str) -> None:
        self.person = person
        self.cart = cart
        self.sku = sku
        self.lines = f"/v1/carts/{cart['id']}/lines"

    async def unchanged(self) -> None:
        now = await self.person.get(f"/v1/carts/{self.cart['id']}")
        assert (now["etag"], now["lines"], now["totals"]) == (
            self.cart["etag"],
            self.cart["lines"],
            self.cart["totals"],
        )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def one_cart(shop: Shop) -> OpenCart:
    visitor, sku = await shop.visitor(), await shop.goods()
    return OpenCart(visitor, await visitor.cart(sku), sku)


@pytest_asyncio.fixture(loop_scope="session")
async def open_cart(one_cart: OpenCart) -> AsyncIterator[OpenCart]:
    """All tests share the cart: none of them can change it."""
    yield one_cart
    await one_cart.unchanged()


class TestQuantities:
    """24"""

    @pytest.mark.parametrize(
        "quantity", [0, -1, 2**31, TWO_63, -TWO_63, 1.5, "x", True, None, [1], 10**6]
    )
    async def test_24_a_quantity_that_is_none_is_refused(
        self, open_cart: OpenCart, quantity: Any
    ) -> None:
        body = {"sku": open_cart.sku, "quantity": quantity}

        answer = await open_cart.person.send("POST", open_cart.lines, body=body)

        refused(answer, 400, "INVALID_FIELDS", "quantity")

    @pytest.mark.parametrize("literal", ["NaN", "Infinity", "1e400", "1e3.5", "+1", "01"])
    async def test_24_what_is_no_json_number_is_refused(
        self, open_cart: OpenCart, literal: str
    ) -> None:
        raw = f'{{"sku": "{open_cart.sku}", "quantity": {literal}}}'.encode()

        refused(await open_cart.person.send("POST", open_cart.lines, raw=raw), 400)

    async def test_24_a_missing_quantity_is_refused(self, open_cart: OpenCart) -> None:
        answer = await open_cart.person.send("POST", open_cart.lines, body={"sku": open_cart.sku})

        refused(answer, 400, "INVALID_FIELDS", "quantity")

    async def test_24_a_line_cannot_be_set_below_one(self, open_cart: OpenCart) -> None:
        line = open_cart.cart["lines"][0]["id"]

        answer = await open_cart.person.send(
            "PATCH", f"{open_cart.lines}/{line}", body={"quantity": 0}
        )

        refused(answer, 400, "INVALID_FIELDS", "quantity")


class TestMoneyFromTheClient:
    """26, 27, 66"""

    @pytest.mark.parametrize(
        ("place", "extra"),
        [
            ("amount", {"amount": {"currency": "EUR", "amount": "0.00"}}),
            ("total", {"total": {"currency": "EUR", "amount": "-5.00"}}),
            ("currency", {"currency": "JPY"}),
            ("payment.amount", {"payment": {"method": "card", "token": "t", "amount": "0"}}),
            ("payment.currency", {"payment": {"method": "card", "token": "t", "currency": "JPY"}}),
        ],
    )
    async def test_26_27_a_client_cannot_say_what_it_pays(
        self, shop: Shop, open_cart: OpenCart, place: str, extra: Json
    ) -> None:
        async with shop.nothing_charged():
            answer = await open_cart.person.place(open_cart.cart, **extra)

            refused(answer, 400, "INVALID_FIELDS", place)

    async def test_26_a_client_cannot_say_what_a_line_costs(self, open_cart: OpenCart) -> None:
        price = {"currency": "EUR", "amount": "0.01"}
        body = {"sku": open_cart.sku, "quantity": 1, "unitPrice": price}

        answer = await open_cart.person.send("POST", open_cart.lines, body=body)

        refused(answer, 400, "INVALID_FIELDS", "unitPrice")

    @pytest.mark.parametrize("currency", ["eur", "EURO", "€", "E R", "\u0395UR"])
    async def test_27_what_is_no_currency_code_is_refused(self, shop: Shop, currency: str) -> None:
        visitor = await shop.visitor()

        answer = await visitor.send("POST", "/v1/carts", body={"currency": currency})

        refused(answer, 400, "INVALID_FIELDS", "currency")
        assert (await visitor.get("/v1/carts"))["carts"] == []

    async def test_27_a_weaker_currency_does_not_take_the_same_number(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.post("/v1/carts", {"currency": "JPY"})

        added = await visitor.send(
            "POST", f"/v1/carts/{cart['id']}/lines", body={"sku": sku, "quantity": 1}
        )

        problem = refused(added, 404, "PRODUCT_NOT_SOLD")
        assert problem["metadata"]["why"] == "NO_PRICE"
        assert (await visitor.get(f"/v1/carts/{cart['id']}"))["lines"] == []


class TestIdempotencyKeys:
    """42"""

    @pytest.mark.parametrize("key", [None, "", "k" * 256, "clé", "\u2028"])
    async def test_42_money_needs_a_key_that_is_one(
        self, shop: Shop, open_cart: OpenCart, key: str | None
    ) -> None:
        headers: Any = {} if key is None else {"Idempotency-Key": key.encode()}
        async with shop.nothing_charged():
            answer = await open_cart.person.send(
                "POST", "/v1/orders", body=order_of(open_cart.cart), key=None, headers=headers
            )

            refused(answer, 400, "INVALID_FIELDS", "Idempotency-Key")

    async def test_42_the_same_key_gives_the_same_order_and_another_body_is_refused(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        first = ok(await visitor.place(cart, key="mine"))
        async with shop.nothing_charged():
            again = ok(await visitor.place(cart, key="mine"))
            other = await visitor.place(cart, key="mine", quote="0" * 64)

        assert (again["id"], again["order"]) == (first["id"], first["order"])
        refused(other, 422, "IDEMPOTENCY_KEY_REUSED")
        assert await shop.available(sku) == 9

    async def test_42_the_key_of_somebody_else_tells_nothing(self, shop: Shop) -> None:
        visitor, stranger, sku = await shop.visitor(), await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        placed = ok(await visitor.place(cart, key="shared"))

        answer = await stranger.place(cart, key="shared")

        problem = refused(answer, answer.status_code)
        assert answer.status_code in (403, 404)
        assert placed["order"] not in str(problem)
        assert await shop.available(sku) == 9

    async def test_42_a_key_in_body_and_header_must_agree(self, open_cart: OpenCart) -> None:
        body = {"sku": open_cart.sku, "quantity": 1, "requestId": "one"}

        answer = await open_cart.person.send("POST", open_cart.lines, body=body, key="two")

        refused(answer, 400, "INVALID_FIELDS")


class TestSizes:
    """59"""

    async def test_59_more_skus_than_a_call_takes_are_refused(self, shop: Shop) -> None:
        skus = ",".join(f"S-{number}" for number in range(201))

        answer = await shop.admin.send("GET", f"/v1/availability?skus={skus}")

        refused(answer, 400, "INVALID_FIELDS", "skus")

    async def test_59_a_page_has_at_most_a_hundred(self, shop: Shop) -> None:
        page = await shop.admin.get("/v1/products?channel=web&pageSize=1000000")

        assert len(page["products"]) == 100
        assert page["nextPageToken"]

    @pytest.mark.parametrize("size", ["-1", "1e9", "99999999999", "x", "1.5", ""])
    async def test_59_what_is_no_page_size_is_refused(self, shop: Shop, size: str) -> None:
        answer = await shop.admin.send("GET", f"/v1/products?channel=web&pageSize={size}")

        refused(answer, 400, "INVALID_FIELDS", "pageSize")

    @pytest.mark.parametrize("token", ["x", "AAAA", "../..", "%00", "eyJhIjoxfQ"])
    async def test_59_a_token_that_we_did_not_give_is_refused(self, shop: Shop, token: str) -> None:
        answer = await shop.admin.send("GET", f"/v1/products?channel=web&pageToken={token}")

        refused(answer, 400)

    async def test_59_a_body_above_one_megabyte_is_refused(self, open_cart: OpenCart) -> None:
        raw = b'{"sku": "' + b"x" * 2_000_000 + b'"}'

        refused(await open_cart.person.send("POST", open_cart.lines, raw=raw), 413)

    async def test_59_headers_of_64_kilobytes_are_refused(self, shop: Shop) -> None:
        headers = {f"X-{number}": "y" * 4096 for number in range(16)}

        answer = await shop.http.get("/v1/products", headers=headers)

        assert answer.status_code in (400, 431)


BROKEN = {
    "duplicate_keys": b'{"sku": "S", "quantity": 1, "quantity": 2}',
    "nested_100000_times": b"[" * 100_000 + b"]" * 100_000,
    "nested_objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "an_integer_of_5000_digits": b'{"sku": "S", "quantity": ' + b"9" * 5000 + b"}",
    "truncated": b'{"sku": "S", "quantity":',
    "two_documents": b'{"sku": "S"}{"sku": "T"}',
    "not_an_object": b'["sku"]',
    "a_bare_text": b'"sku"',
    "utf_16": '{"sku": "S", "quantity": 1}'.encode("utf-16"),
    "byte_order_mark": b'\xef\xbb\xbf{"sku": "S", "quantity": 1}',
    "not_utf_8": b'{"sku": "\xff\xfe", "quantity": 1}',
    "single_quotes": b"{'sku': 'S', 'quantity': 1}",
    "trailing_comma": b'{"sku": "S", "quantity": 1,}',
    "comment": b'{"sku": "S", /* two */ "quantity": 1}',
}
MISFITS: dict[str, tuple[str, bytes]] = {
    "unknown_field": ("price", b'{"sku": "%s", "quantity": 1, "price": "0"}'),
    "null_character": ("note", b'{"sku": "%s", "quantity": 1, "note": "a\\u0000b"}'),
    "lone_surrogate": ("note", b'{"sku": "%s", "quantity": 1, "note": "\\ud800"}'),
    "huge_integer": ("quantity", b'{"sku": "%s", "quantity": ' + b"9" * 400 + b"}"),
    "text_for_a_list": ("sku", b'{"sku": ["%s"], "quantity": 1}'),
    "object_for_a_text": ("sku", b'{"sku": {"a": "%s"}, "quantity": 1}'),
    "text_too_long": ("note", b'{"sku": "%s", "quantity": 1, "note": "' + b"n" * 501 + b'"}'),
}


class TestJson:
    """61"""

    @pytest.mark.parametrize("name", BROKEN)
    async def test_61_a_body_that_is_no_json_object_is_refused(
        self, open_cart: OpenCart, name: str
    ) -> None:
        refused(await open_cart.person.send("POST", open_cart.lines, raw=BROKEN[name]), 400)

    @pytest.mark.parametrize("name", MISFITS)
    async def test_61_a_value_that_does_not_fit_is_named(
        self, open_cart: OpenCart, name: str
    ) -> None:
        field, raw = MISFITS[name]
        raw = raw.replace(b"%s", open_cart.sku.encode())

        answer = await open_cart.person.send("POST", open_cart.lines, raw=raw)

        refused(answer, 400, "INVALID_FIELDS", field)

    @pytest.mark.parametrize(
        "kind", ["text/plain", "application/xml", "application/x-protobuf", "multipart/form-data"]
    )
    async def test_61_62_another_content_type_is_refused(
        self, open_cart: OpenCart, kind: str
    ) -> None:
        raw = b'{"sku": "%s", "quantity": 1}' % open_cart.sku.encode()

        answer = await open_cart.person.send(
            "POST", open_cart.lines, raw=raw, headers={"Content-Type": kind}
        )

        refused(answer, 415)

    async def test_61_a_compressed_bomb_is_not_opened(self, open_cart: OpenCart) -> None:
        raw = gzip.compress(b"{" + b" " * 50_000_000 + b"}")

        answer = await open_cart.person.send(
            "POST", open_cart.lines, raw=raw, headers={"Content-Encoding": "gzip"}
        )

        assert answer.status_code in (400, 413, 415)
        refused(answer, answer.status_code)


class TestProtobufBehindJson:
    """62"""

    @pytest.mark.parametrize("mode", ["MODE_TELEPORT", 99, -1, 0, "", 2**40])
    async def test_62_an_unknown_enum_value_is_refused(
        self, open_cart: OpenCart, mode: Any
    ) -> None:
        answer = await open_cart.person.send(
            "PUT",
            f"/v1/carts/{open_cart.cart['id']}/delivery",
            body={"delivery": {"mode": mode, "location": "store_lyon"}},
        )

        refused(answer, 400, "INVALID_FIELDS", "delivery.mode")

    async def test_62_two_members_of_a_oneof_are_refused(self, shop: Shop) -> None:
        both = {"code": "T-BOTH", "percent": "10", "amount": {"currency": "EUR", "amount": "5.00"}}

        answer = await shop.admin.send("PUT", "/v1/coupons/T-BOTH", body={"coupon": both})

        refused(answer, 400, "INVALID_FIELDS")
        page = await shop.admin.get("/v1/coupons?pageSize=100")
        assert "T-BOTH" not in [coupon["code"] for coupon in page["coupons"]]

    @pytest.mark.parametrize(
        "path",
        [
            "/v1/carts/%ff",
            "/v1/carts/%00",
            "/v1/carts/" + "x" * 65,
            "/v1/carts/..%2f..%2fadmin",
            "/v1/carts/%ed%a0%80",
            "/v1/carts/' OR '1'='1",
        ],
    )
    async def test_62_a_path_that_names_nothing_is_refused(self, shop: Shop, path: str) -> None:
        visitor = await shop.visitor()

        answer = await visitor.send("GET", path)

        assert answer.status_code in (400, 403, 404)
        refused(answer, answer.status_code)

    @pytest.mark.parametrize(
        "query", ["unknown=1", "skus=A&near=north", "skus=A&near=91,181", "skus=A&withinKm=-1"]
    )
    async def test_62_a_query_that_does_not_fit_is_refused(self, shop: Shop, query: str) -> None:
        refused(await shop.admin.send("GET", f"/v1/availability?{query}"), 400, "INVALID_FIELDS")

    @pytest.mark.parametrize(
        ("currency", "amount"),
        [("EUR", "1.999"), ("JPY", "1.5"), ("KWD", "0.5000"), ("EUR", "1,99"), ("EUR", "1e3")],
    )
    async def test_40_62_an_amount_finer_than_its_currency_is_refused(
        self, shop: Shop, currency: str, amount: str
    ) -> None:
        coupon = {"code": "T-FINE", "amount": {"currency": currency, "amount": amount}}

        answer = await shop.admin.send("PUT", "/v1/coupons/T-FINE", body={"coupon": coupon})

        refused(answer, 400)
        page = await shop.admin.get("/v1/coupons?pageSize=100")
        assert "T-FINE" not in [coupon["code"] for coupon in page["coupons"]]
