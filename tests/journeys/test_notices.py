"""What the payment provider tells by itself, genuine or not, through the gateway to the order.

The ids in the names are those of the catalogue of faults that the design keeps.
"""

import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from comptoir_local.demo.api import Json
from comptoir_local.demo.play import poll
from comptoir_local.environment import Surroundings
from tests.journeys.shop import CARD_3DS, Person, Shop, ok, refused
from tests.journeys.stage import JOURNEY, script

pytestmark = JOURNEY
SANDBOX = "/v1/webhooks/payments/sandbox"


@dataclass
class Unpaid:
    """An order whose buyer has been sent to their bank."""

    buyer: Person
    placement: Json

    @property
    def payment(self) -> str:
        return str(self.placement["nextAction"]["payment"])

    @property
    def url(self) -> str:
        return str(self.placement["nextAction"]["redirectUrl"])

    def notice(self, **changes: Any) -> Json:
        """What the provider would send once the buyer has passed the challenge."""
        told = {
            "id": self.url.rstrip("/").rpartition("/")[2],
            "status": "authorised",
            "reference": self.payment,
            "amount": 1,
            "currency": "EUR",
            "authorised_amount": 1,
            "captured_amount": 0,
            "voided_amount": 0,
            "refunded_amount": 0,
            "decline_code": None,
            "action": None,
            "card": {"brand": "visa", "last4": "3155"},
            "expires_at": 4_000_000_000,
        }
        return {
            "id": f"evt_{secrets.token_hex(6)}",
            "type": "payment.authorised",
            "data": {"payment": told | changes},
        }

    async def state(self) -> str:
        answer = await self.buyer.get(f"/v1/placements/{self.placement['id']}")
        return str(answer["state"])

    async def until_placed(self) -> Json:
        answer = await poll(
            lambda: self.buyer.get(f"/v1/placements/{self.placement['id']}"),
            lambda answer: answer["state"] in ("STATE_PLACED", "STATE_FAILED"),
        )
        assert answer["state"] == "STATE_PLACED"
        return answer


async def unpaid(shop: Shop) -> Unpaid:
    visitor, sku = await shop.visitor(), await shop.goods()
    placement = ok(await visitor.place(await visitor.cart(sku), token=CARD_3DS))
    assert placement["state"] == "STATE_AWAITING_PAYMENT"
    return Unpaid(visitor, placement)


async def delivered(surroundings: Surroundings) -> set[str]:
    """The events that the provider has got rid of."""
    found: set[str] = set()
    after, last = 0, 1
    async with httpx.AsyncClient(base_url=surroundings.provider_url, timeout=30) as http:
        while after < last:
            page = ok(await http.get("/v1/journal", params={"after": after, "limit": 1000}))
            entries = page["entries"]
            found |= {each["event_id"] for each in entries if each["type"] == "webhook.delivered"}
            last = page["last"]
            after = entries[-1]["seq"] if entries else last
    return found


def signed(body: bytes, secret: str, at: float | None = None) -> dict[str, str]:
    seconds = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d.%b" % (seconds, body), hashlib.sha256).hexdigest()
    return {"sandbox-signature": f"t={seconds},v1={digest}"}


async def authorised(shop: Shop, payment: str) -> list[Json]:
    """What the provider has authorised under our id of a payment."""
    return [
        entry
        for entry in await shop.provider.journal()
        if entry["type"] == "payment.authorised" and entry["answer"]["reference"] == payment
    ]


class TestOrders:
    """F23: before our answer, twice, never, after the order was cancelled."""

    async def test_f23_a_buyer_who_never_comes_back_from_the_bank_has_an_order(
        self, shop: Shop
    ) -> None:
        order = await unpaid(shop)
        await shop.provider.pass_challenge(order.url)
        await order.until_placed()
        assert len(await authorised(shop, order.payment)) == 1

    async def test_f23_a_notice_that_never_comes_is_not_missed_by_a_buyer_who_does(
        self, shop: Shop, surroundings: Surroundings
    ) -> None:
        order = await unpaid(shop)
        await script(surroundings, operation="webhook", action="drop")
        await shop.provider.pass_challenge(order.url)
        assert await order.state() == "STATE_AWAITING_PAYMENT"

        path = f"/v1/payments/{order.payment}:confirm"
        confirmed = ok(await order.buyer.send("POST", path, body={}))

        assert confirmed["state"] == "STATE_AUTHORISED"
        await order.until_placed()

    async def test_f23_a_notice_that_comes_twice_makes_one_order(
        self, shop: Shop, surroundings: Surroundings
    ) -> None:
        order = await unpaid(shop)
        await script(surroundings, operation="webhook", action="duplicate")
        await shop.provider.pass_challenge(order.url)
        placed = await order.until_placed()
        orders = await order.buyer.get("/v1/orders")
        assert [each["id"] for each in orders["orders"]] == [placed["order"]]
        assert len(await authorised(shop, order.payment)) == 1

    async def test_f23_a_notice_before_the_answer_makes_one_order(self, shop: Shop) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        placed = ok(await visitor.place(cart, token="pm_card_early_webhook"))
        assert placed["state"] == "STATE_PLACED"
        assert await shop.available(sku) == 9

    async def test_f23_a_notice_after_the_order_was_cancelled_charges_nothing(
        self, shop: Shop, surroundings: Surroundings
    ) -> None:
        visitor, sku = await shop.visitor(), await shop.goods()
        cart = await visitor.cart(sku)
        placed = ok(await visitor.place(cart, token="pm_card_late_webhook"))
        path = f"/v1/orders/{placed['order']}"
        await visitor.post(f"{path}:cancel", {"reason": "changed my mind"})

        (payment,) = (await shop.admin.get(f"/v1/payments?order={placed['order']}"))["payments"]
        (authorisation,) = await authorised(shop, payment["id"])
        announcement = authorisation["event"]["id"]
        await poll(
            lambda: delivered(surroundings),
            lambda events: announcement in events,
        )
        assert announcement in await delivered(surroundings)
        order = await visitor.get(path)
        assert order["state"] == "STATE_CANCELLED"
        payment = await shop.admin.get(f"/v1/payments/{payment['id']}")
        assert payment["state"] == "STATE_VOIDED"
        last = [
            entry["answer"]
            for entry in await shop.provider.journal()
            if entry["answer"]["reference"] == payment["id"]
        ][-1]
        assert (last["status"], last["captured_amount"]) == ("voided", 0)
        assert await shop.available(sku) == 10


class TestForgeries:
    """F25: refused with 400, and nothing has changed."""

    async def post(self, shop: Shop, body: bytes, headers: dict[str, str]) -> httpx.Response:
        sent = {"content-type": "application/json", **headers}
        return await shop.http.post(SANDBOX, content=body, headers=sent)

    @pytest.mark.parametrize(
        "forgery",
        ["unsigned", "wrong secret", "old", "from the future", "written anew", "of another body"],
    )
    async def test_f25_a_notice_that_is_not_the_providers_is_refused(
        self, shop: Shop, surroundings: Surroundings, forgery: str
    ) -> None:
        order, secret = await unpaid(shop), surroundings.webhook_secret
        body = json.dumps(order.notice()).encode()
        headers = {
            "unsigned": {},
            "wrong secret": signed(body, secret + "x"),
            "old": signed(body, secret, time.time() - 301),
            "from the future": signed(body, secret, time.time() + 330),
            "written anew": signed(body, secret),
            "of another body": signed(json.dumps(order.notice()).encode(), secret),
        }[forgery]
        if forgery == "written anew":
            body = json.dumps(json.loads(body), indent=1).encode()

        async with shop.nothing_charged():
            refused(await self.post(shop, body, headers), 400, "WEBHOOK_SIGNATURE_INVALID")

        assert await order.state() == "STATE_AWAITING_PAYMENT"

    async def test_f25_a_signed_notice_that_lies_pays_nothing(
        self, shop: Shop, surroundings: Surroundings
    ) -> None:
        """Even with the secret: what is true is asked of the provider."""
        order = await unpaid(shop)
        body = json.dumps(order.notice(authorised_amount=99999, amount=99999)).encode()

        answer = ok(await self.post(shop, body, signed(body, surroundings.webhook_secret)))

        assert answer == {"new": True}
        again = ok(await self.post(shop, body, signed(body, surroundings.webhook_secret)))
        assert again == {"new": False}
        assert await authorised(shop, order.payment) == []
        assert await order.state() == "STATE_AWAITING_PAYMENT"
        await shop.provider.pass_challenge(order.url)
        await order.until_placed()

    @pytest.mark.parametrize(
        ("path", "status", "reason"),
        [
            ("/v1/webhooks/payments/nobody", 404, "PROVIDER_NOT_FOUND"),
            ("/v1/webhooks/payments/stripe", 404, "PROVIDER_NOT_FOUND"),
            ("/v1/webhooks/payments/till", 400, "WEBHOOK_MALFORMED"),
        ],
    )
    async def test_f25_only_configured_providers_are_listened_to(
        self, shop: Shop, surroundings: Surroundings, path: str, status: int, reason: str
    ) -> None:
        body = b"{}"
        headers = signed(body, surroundings.webhook_secret)
        refused(await shop.http.post(path, content=body, headers=headers), status, reason)

    async def test_f25_a_signed_body_of_another_kind_is_refused(
        self, shop: Shop, surroundings: Surroundings
    ) -> None:
        body = b'{"id":"evt_1"}'
        answer = await self.post(shop, body, signed(body, surroundings.webhook_secret))
        refused(answer, 400, "WEBHOOK_MALFORMED")
