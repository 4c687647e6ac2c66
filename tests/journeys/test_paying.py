"""Paying in several parts, and changing one's mind at the bank, through HTTP."""

from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from tests.journeys.shop import CARD, CARD_3DS, Person, Shop, new_key, ok, order_of, refused
from tests.journeys.stage import JOURNEY
from tests.journeys.test_aftermath import customer

pytestmark = JOURNEY

DECLINED = "pm_card_declined"


def in_two_parts(cart: Json, first: str, *tokens: str) -> Json:
    """The body that pays `first` euros with one card and the rest with another."""
    body = order_of(cart)
    del body["payment"]
    amount = {"currency": "EUR", "amount": first}
    one, other = ({"method": "card", "token": token} for token in tokens)
    return {**body, "payments": [{**one, "amount": amount}, other]}


async def cart_of_80(shop: Shop, buyer: Person) -> tuple[str, Json]:
    """A sku at 80.00 with its delivery for nothing, in a cart."""
    sku = await shop.goods()
    await shop.set_price(sku, "80.00")
    return sku, await buyer.cart(sku)


class TestTwoTenders:
    async def test_what_ships_is_taken_from_both_to_the_cent(self, shop: Shop) -> None:
        visitor = await shop.visitor()
        _, cart = await cart_of_80(shop, visitor)

        body = in_two_parts(cart, "30.00", CARD, CARD)
        placed = ok(await visitor.send("POST", "/v1/orders", body=body))

        order = await visitor.get(f"/v1/orders/{placed['order']}")
        (parcel,) = order["fulfilments"]
        await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})
        await poll(
            lambda: visitor.get(f"/v1/orders/{placed['order']}"),
            lambda answer: answer["captured"] == answer["totals"]["total"],
        )
        payments = [await shop.admin.get(f"/v1/payments/{each}") for each in order["payments"]]
        assert [each["capturedAmount"]["amount"] for each in payments] == ["30.00", "50.00"]
        assert [each["authorisedAmount"]["amount"] for each in payments] == ["30.00", "50.00"]

    async def test_when_the_second_is_declined_the_first_is_given_back(self, shop: Shop) -> None:
        visitor = await shop.visitor()
        sku, cart = await cart_of_80(shop, visitor)

        body = in_two_parts(cart, "30.00", CARD, DECLINED)
        refused(await visitor.send("POST", "/v1/orders", body=body), 409, "PAYMENT_DECLINED")

        assert await shop.available(sku) == 10
        now = await visitor.get(f"/v1/carts/{cart['id']}")
        assert now["state"] == "STATE_OPEN"
        page = await shop.admin.get("/v1/payments?pageSize=2")
        states = sorted(each["state"] for each in page["payments"])
        assert states == ["STATE_FAILED", "STATE_VOIDED"]

    async def test_parts_that_do_not_add_up_are_refused(self, shop: Shop) -> None:
        visitor = await shop.visitor()
        sku, cart = await cart_of_80(shop, visitor)
        too_much = in_two_parts(cart, "80.01", CARD, CARD)

        async with shop.nothing_charged():
            answer = await visitor.send("POST", "/v1/orders", body=too_much)

            refused(answer, 409, "TENDERS_DO_NOT_MATCH")
        assert await shop.available(sku) == 10


class TestMethods:
    async def test_12_companies_buy_on_account_where_it_is_offered_and_nowhere_else(
        self, shop: Shop
    ) -> None:
        (buyer, who), sku = await customer(shop), await shop.goods()
        terms = {"creditLimit": {"currency": "EUR", "amount": "500.00"}, "termsDays": 30}
        await shop.admin.put(f"/v1/credit-accounts/{who}", terms)
        on_account = {"method": "on_account"}
        web, b2b = await buyer.cart(sku), await buyer.cart(sku, channel="b2b")
        for cart, offered in (
            (web, ["card", "gift_card", "store_credit"]),
            (b2b, ["card", "on_account"]),
        ):
            shown = await buyer.get(f"/v1/pages/checkout/{cart['id']}")
            assert [each["code"] for each in shown["paymentMethods"]] == offered

        async with shop.nothing_charged():
            answer = await buyer.place(web, payment=on_account)
            told = refused(answer, 409, "PAYMENT_METHOD_NOT_OFFERED")["metadata"]
            assert (told["method"], told["field"]) == ("on_account", "channel")
            placed = ok(await buyer.place(b2b, payment=on_account))

        assert placed["state"] == "STATE_PLACED"
        (payment,) = (await buyer.get(f"/v1/orders/{placed['order']}"))["payments"]
        kept = await shop.admin.get(f"/v1/payments/{payment}")
        assert (kept["method"], kept["authorisedAmount"]) == ("on_account", b2b["totals"]["total"])


class TestChangingOnesMind:
    async def test_a_payer_at_the_bank_calls_it_off_and_buys_with_another_card(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        waiting = ok(await visitor.place(cart, token=CARD_3DS))
        assert waiting["state"] == "STATE_AWAITING_PAYMENT"
        path, key = f"/v1/placements/{waiting['id']}:cancel", new_key()

        body = {"reason": "another card"}
        cancelled = ok(await visitor.send("POST", path, body=body, key=key))
        again = ok(await visitor.send("POST", path, body=body, key=key))

        assert cancelled["state"] == "STATE_CANCELLED"
        assert again == cancelled
        assert await shop.available(sku) == 10
        now = await visitor.get(f"/v1/carts/{cart['id']}")
        assert now["state"] == "STATE_OPEN"
        placed = ok(await visitor.place(now))
        assert placed["state"] == "STATE_PLACED"
        assert placed["order"] != waiting["order"]

    async def test_a_stranger_cannot_call_it_off(self, shop: Shop) -> None:
        visitor, stranger = await shop.visitor(), await shop.visitor()
        waiting = ok(await visitor.place(await visitor.cart(await shop.goods()), token=CARD_3DS))

        answer = await stranger.send("POST", f"/v1/placements/{waiting['id']}:cancel", body={})

        refused(answer, 404, "PLACEMENT_NOT_FOUND")
        still = await visitor.get(f"/v1/placements/{waiting['id']}")
        assert still["state"] == "STATE_AWAITING_PAYMENT"
