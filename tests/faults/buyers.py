"""Buyers who buy for real, over HTTP, and do not give up when something breaks."""

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from comptoir.type.v1.money_pb2 import Money
from comptoir_runtime import money
from tests.faults.client import Client, Json, says_not_now, says_under_way
from tests.faults.witness import Deed, Part, Witness
from tests.faults.world import PATIENCE_SECONDS
from tests.journeys.shop import CARD, SHIPPED, order_of
from tests.load.client import Answer

COUPON = "FAULTS"
"""A coupon that may be used more often than anybody can, so that its uses can be counted."""
SCARCE_COUPON = "FEW"
"""A coupon that is soon used up."""
_UNDER_WAY = frozenset({"STATE_RUNNING", "STATE_PAYMENT_UNKNOWN"})


@dataclass(frozen=True)
class Means:
    """How a part of an order is paid; without an amount, its rest."""

    method: str = "card"
    token: str = ""
    amount: int = 0
    purse: str = ""
    """The id of the balance it comes from, where the buyer knows it."""


BY_CARD = (Means(token=CARD),)


class Buyer(Client):
    """A visitor whom a witness watches."""

    def __init__(
        self, authorities: Sequence[str], witness: Witness, patience: float = PATIENCE_SECONDS
    ) -> None:
        super().__init__(authorities, patience)
        self._witness = witness

    async def purchase(
        self, *skus: str, card: str = CARD, coupon: str = "", means: Sequence[Means] = ()
    ) -> Json:
        """Buys one unit of each; answers what the shop said last: placed, waiting or refused."""
        cart = await self.fill(*skus, coupon=coupon)
        return await self.place(cart, means or (Means(token=card),))

    async def fill(self, *skus: str, coupon: str = "", channel: str = "web") -> Json:
        """A cart that is ready to be ordered; begun anew when a step of it fails."""
        give_up = time.monotonic() + self.patience
        while True:
            cart = await self._try_to_fill(skus, coupon, channel)
            if cart is not None:
                return cart
            await self.pause(give_up, "a cart could not be filled")

    async def place(self, cart: Json, means: Sequence[Means] = BY_CARD, key: str = "") -> Json:
        """Places the order under one key, as often as it takes to be told what became of it.

        An attempt that was undone has moved the cart on: then the buyer looks at it again and
        orders anew, which is another purchase to the witness.
        """
        key, give_up = key or secrets.token_hex(12), time.monotonic() + self.patience
        self._witness.orders(key, cart, parts_of(cart, means))
        while True:
            self._witness.sends(key)
            answer = await self.send("POST", "/v1/orders", order_by(cart, means), key)
            told = None if answer is None else _told(answer)
            if told is not None:
                self._witness.hears(key, told)
                if told.get("reason") == "STALE_ETAG":
                    return await self.place(await self._look_again(cart), means)
                if told.get("state") not in _UNDER_WAY:
                    return told
            await self.pause(give_up, f"order {key} was never settled: {told}")

    async def call_off(self, order: str) -> bool:
        """Cancels an order; whether that was granted."""
        key, give_up = secrets.token_hex(12), time.monotonic() + self.patience
        path = f"/v1/orders/{order}:cancel"
        self._witness.asks(key, Deed.CANCEL, order)
        # As the same visitor all the time: nobody else may.
        while (told := await self.try_once("POST", path, {}, key, renew=False)) is None:
            await self.pause(give_up, f"order {order} was never called off")
        return self._hears(key, *told)

    def _hears(self, key: str, status: int, content: Json, **more: Any) -> bool:
        granted = status < 300
        state = {"state": "GRANTED", **more} if granted else {"state": "REFUSED", "said": content}
        self._witness.hears(key, state)
        return granted

    async def _look_again(self, cart: Json) -> Json:
        give_up, path = time.monotonic() + self.patience, f"/v1/carts/{cart['id']}"
        while (told := await self.try_once("GET", path, renew=False)) is None:
            await self.pause(give_up, "the cart cannot be read")
        assert told[0] == 200, told
        return told[1]

    async def _try_to_fill(self, skus: Sequence[str], coupon: str, channel: str) -> Json | None:
        begun = await self.try_once("POST", "/v1/carts", {"channel": channel})
        if begun is None:
            return None
        path = f"/v1/carts/{begun[1]['id']}"
        steps: list[tuple[str, str, Json]] = [
            ("POST", f"{path}/lines", {"sku": sku, "quantity": 1}) for sku in skus
        ]
        if coupon:
            steps.append(("POST", f"{path}/coupons", {"code": coupon}))
        steps.append(("PUT", f"{path}/delivery", SHIPPED))
        for step in steps:
            told = await self.try_once(*step, renew=False)
            if told is None:
                return None
            status, cart = told
            # A coupon that is used up is done without.
            assert status < 300 or cart.get("reason") == "COUPON_NOT_VALID", told
        return cart


def order_by(cart: Json, means: Sequence[Means]) -> Json:
    """The body that places the order of a cart, paid by these means."""
    if len(means) == 1:
        return order_of(cart) | {"payment": {"method": means[0].method, "token": means[0].token}}
    body, currency = order_of(cart), cart["totals"]["total"]["currency"]
    del body["payment"]
    payments: list[Json] = []
    for each in means:
        amount = {"amount": as_json(each.amount, currency)} if each.amount else {}
        payments.append({"method": each.method, "token": each.token, **amount})
    return {**body, "payments": payments}


def parts_of(cart: Json, means: Sequence[Means]) -> list[Part]:
    """What each of the means pays."""
    rest = minor(cart["totals"]["total"]) - sum(each.amount for each in means)
    return [Part(each.method, each.amount or rest, each.purse) for each in means]


def minor(amount: Json) -> int:
    """Minor units of an amount as it is told."""
    return money.to_minor(Money(currency=amount["currency"], amount=amount["amount"]))


def as_json(amount: int, currency: str = "EUR") -> Json:
    """An amount as it is told."""
    told = money.from_minor(amount, currency)
    return {"currency": told.currency, "amount": told.amount}


def _told(answer: Answer) -> Json | None:
    """What the buyer knows now; None when the answer says nothing for good."""
    content: Json = orjson.loads(answer.body)
    if answer.status == 200:
        return {name: content.get(name) for name in ("id", "state", "order", "total")}
    if says_not_now(answer) or says_under_way(answer) or answer.status == 401:
        return None
    return {"state": "REFUSED", "reason": content.get("reason"), "status": answer.status}
