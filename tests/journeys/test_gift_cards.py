"""An order paid by gift card and card, the card used up, and the money back on it."""

from collections.abc import Callable
from functools import partial

from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from tests.journeys.shop import CARD, Person, Shop, ok, order_of, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


def euros(amount: str) -> Json:
    return {"currency": "EUR", "amount": amount}


def in_state(state: str) -> Callable[[Json], bool]:
    """Whether an answer is in a state."""
    return lambda answer: answer["state"] == state


async def gift_card(shop: Shop, amount: str) -> str:
    """The code of a new gift card; staff issues it."""
    issued = await shop.admin.post("/v1/gift-cards", {"amount": euros(amount)})
    return str(issued["code"])


async def left_on(buyer: Person, code: str) -> tuple[str, str]:
    """What is on a gift card, and what of it can be spent."""
    card = await buyer.post("/v1/gift-cards:balance", {"code": code})
    return card["balance"]["amount"], card["availableAmount"]["amount"]


def with_gift_card(cart: Json, code: str, amount: str) -> Json:
    """The body that pays `amount` euros with a gift card and the rest with a card."""
    body = order_of(cart)
    del body["payment"]
    gift = {"method": "gift_card", "token": code, "amount": euros(amount)}
    return {**body, "payments": [{"method": "card", "token": CARD}, gift]}


async def goods_of_80(shop: Shop) -> str:
    sku = await shop.goods()
    await shop.set_price(sku, "80.00")
    return sku


class TestGiftCards:
    async def test_it_is_spent_once_and_cancelling_gives_the_money_back(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await goods_of_80(shop)
        code = await gift_card(shop, "30.00")
        assert await left_on(visitor, code) == ("30.00", "30.00")

        body = with_gift_card(await visitor.cart(sku), code, "30.00")
        placed = ok(await visitor.send("POST", "/v1/orders", body=body))
        order = await visitor.get(f"/v1/orders/{placed['order']}")
        payments = [await shop.admin.get(f"/v1/payments/{each}") for each in order["payments"]]
        authorised = sorted(each["authorisedAmount"]["amount"] for each in payments)
        assert authorised == ["30.00", "50.00"]
        assert (await left_on(visitor, code))[1] == "0.00"

        again = with_gift_card(await visitor.cart(sku), code, "20.00")
        async with shop.nothing_charged():
            answer = await visitor.send("POST", "/v1/orders", body=again)
        problem = refused(answer, 409, "PAYMENT_DECLINED")
        told = problem["metadata"]
        assert (told["method"], told["decline_code"]) == ("gift_card", "insufficient_funds")
        assert (told["amount_left"], told["currency"]) == ("0.00", "EUR")
        assert await shop.available(sku) == 9

        await visitor.post(f"/v1/orders/{placed['order']}:cancel", {"reason": "no need"})
        left = await poll(lambda: left_on(visitor, code), lambda left: left[1] == "30.00")
        assert left == ("30.00", "30.00")
        for each in order["payments"]:
            path = f"/v1/payments/{each}"
            payment = await poll(partial(shop.admin.get, path), in_state("STATE_VOIDED"))
            assert payment["state"] == "STATE_VOIDED"

    async def test_what_has_left_is_taken_from_it_and_comes_back_with_a_refund(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await goods_of_80(shop)
        code = await gift_card(shop, "30.00")
        body = with_gift_card(await visitor.cart(sku), code, "30.00")
        placed = ok(await visitor.send("POST", "/v1/orders", body=body))
        order = await visitor.get(f"/v1/orders/{placed['order']}")

        (parcel,) = order["fulfilments"]
        await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})
        left = await poll(lambda: left_on(visitor, code), lambda left: left[0] == "0.00")
        assert left == ("0.00", "0.00")

        payments = [await shop.admin.get(f"/v1/payments/{each}") for each in order["payments"]]
        (gift,) = (each for each in payments if each["method"] == "gift_card")
        await shop.admin.post(f"/v1/payments/{gift['id']}:refund", {"amount": euros("12.50")})
        assert await left_on(visitor, code) == ("12.50", "12.50")
