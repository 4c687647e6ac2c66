"""What comes after the money was taken: refunds, those that fail, disputes; and a second try."""

import secrets
from functools import partial

from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from tests.journeys.shop import Person, Shop, new_key, ok, refused
from tests.journeys.stage import JOURNEY

pytestmark = JOURNEY


def euros(amount: str) -> Json:
    return {"currency": "EUR", "amount": amount}


async def customer(shop: Shop) -> tuple[Person, str]:
    """Somebody with an account, signed in, and their id."""
    who = {"email": f"{secrets.token_hex(6)}@example.com", "password": secrets.token_hex(12)}
    made = ok(await shop.http.post("/v1/customers", json=who))
    session = ok(await shop.http.post("/v1/sessions", json=who))
    return Person(shop.http, session["accessToken"]), str(made["id"])


async def bought(shop: Shop, buyer: Person) -> tuple[str, Json]:
    """Goods for 80.00, shipped and paid for: the path of the order, and its payment."""
    sku = await shop.goods()
    await shop.set_price(sku, "80.00")
    placed = ok(await buyer.place(await buyer.cart(sku)))
    path = f"/v1/orders/{placed['order']}"
    (parcel,) = (await buyer.get(path))["fulfilments"]
    await shop.admin.post(f"/v1/fulfilments/{parcel['id']}:ship", {"carrier": "colissimo"})
    order = await poll(partial(buyer.get, path), lambda answer: "captured" in answer)
    order = await poll(
        partial(buyer.get, path), lambda answer: answer["captured"]["amount"] == "80.00"
    )
    (payment,) = order["payments"]
    return path, await shop.admin.get(f"/v1/payments/{payment}")


async def until_reviewed(buyer: Person, path: str, *reasons: str) -> list[str]:
    """What somebody has to look at, once it is this or patience has ended."""

    async def read() -> list[str]:
        return [each["reason"] for each in (await buyer.get(path)).get("reviews", [])]

    return await poll(read, lambda found: found == list(reasons))


class TestRefunds:
    async def test_store_credit_instead_of_money_needs_consent_and_buys_again(
        self, shop: Shop
    ) -> None:
        buyer, who = await customer(shop)
        _, payment = await bought(shop, buyer)
        path = f"/v1/payments/{payment['id']}:refund"
        wish = {"amount": euros("80.00"), "means": "store_credit", "reason": "withdrawal"}

        without = await shop.admin.send("POST", path, body=wish)
        refused(without, 409, "CONSENT_REQUIRED")
        consent = {
            "givenBy": who,
            "giveTime": "2026-03-01T10:00:00Z",
            "textVersion": "refund-2026-03",
        }
        refunded = await shop.admin.post(path, {**wish, "consent": consent})

        (done,) = (each for each in refunded["operations"] if each["kind"] == "KIND_REFUND")
        assert done["consent"] == consent
        assert (done["means"], refunded["refundedAmount"]) == ("store_credit", euros("80.00"))
        credit = await buyer.get(f"/v1/store-credits/{who}")
        assert credit["availableAmount"] == euros("80.00")

        sku = await shop.goods()
        await shop.set_price(sku, "80.00")
        choice = {"method": "store_credit"}
        async with shop.nothing_charged():
            again = ok(await buyer.place(await buyer.cart(sku), payment=choice))
        assert again["state"] == "STATE_PLACED"
        credit = await buyer.get(f"/v1/store-credits/{who}")
        assert credit["availableAmount"] == euros("0.00")

    async def test_one_that_could_not_be_delivered_is_looked_at_until_it_is_made_again(
        self, shop: Shop
    ) -> None:
        buyer = await shop.visitor()
        path, payment = await bought(shop, buyer)
        await shop.admin.post(f"/v1/payments/{payment['id']}:refund", {"amount": euros("12.50")})

        await shop.provider.lets(payment["providerReference"], "fail_refund")

        reasons = await until_reviewed(buyer, path, "REASON_REFUND_FAILED")
        assert reasons == ["REASON_REFUND_FAILED"]
        now = await shop.admin.get(f"/v1/payments/{payment['id']}")
        assert now["refundedAmount"] == euros("0.00")
        await shop.admin.post(f"/v1/payments/{payment['id']}:refund", {"amount": euros("12.50")})
        assert await until_reviewed(buyer, path) == []


class TestDisputes:
    async def test_won(self, shop: Shop) -> None:
        buyer = await shop.visitor()
        path, payment = await bought(shop, buyer)
        reference = payment["providerReference"]

        await shop.provider.lets(reference, "dispute", 8000)

        reasons = await until_reviewed(buyer, path, "REASON_PAYMENT_DISPUTED")
        assert reasons == ["REASON_PAYMENT_DISPUTED"]
        found = await shop.admin.get("/v1/orders?needsReview=true&pageSize=100")
        assert path.rpartition("/")[2] in [each["id"] for each in found["orders"]]
        refund = await shop.admin.send("POST", f"/v1/payments/{payment['id']}:refund", body={})
        refused(refund, 409, "REFUND_EXCEEDS_CAPTURE")

        await shop.provider.lets(reference, "win_dispute")

        assert await until_reviewed(buyer, path) == []

    async def test_lost(self, shop: Shop) -> None:
        buyer, who = await customer(shop)
        path, payment = await bought(shop, buyer)

        await shop.provider.lets(payment["providerReference"], "dispute")
        await shop.provider.lets(payment["providerReference"], "lose_dispute")

        reasons = await until_reviewed(buyer, path, "REASON_PAYMENT_CHARGED_BACK")
        assert reasons == ["REASON_PAYMENT_CHARGED_BACK"]
        now = await shop.admin.get(f"/v1/payments/{payment['id']}")
        assert now["chargedBackAmount"] == euros("80.00")

        async def touches() -> list[str]:
            told = (await buyer.get(f"/v1/customers/{who}/timeline"))["touches"]
            return sorted(each["kind"] for each in told if "DISPUTE" in each["kind"])

        wanted = ["KIND_DISPUTE_LOST", "KIND_PAYMENT_DISPUTED"]
        assert await poll(touches, lambda seen: seen == wanted) == wanted


class TestASecondTry:
    async def test_after_a_decline_the_same_cart_is_bought_with_another_card(
        self, shop: Shop
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        key = new_key()

        first = await visitor.place(cart, token="pm_card_declined", key=key)
        refused(first, 409, "PAYMENT_DECLINED")
        assert (await visitor.get(f"/v1/carts/{cart['id']}"))["etag"] != cart["etag"]
        refused(
            await visitor.place(cart, token="pm_card_declined", key=key), 409, "PAYMENT_DECLINED"
        )
        placed = ok(await visitor.place(cart))

        assert placed["state"] == "STATE_PLACED"
        assert await shop.available(sku) == 9
