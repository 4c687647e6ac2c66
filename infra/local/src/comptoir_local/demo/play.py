"""What the scenes share: who takes part, what is known so far, and ways to wait for news."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import httpx

from comptoir_local.demo import cast
from comptoir_local.demo.api import Caller, Json
from comptoir_local.demo.provider import Provider

T = TypeVar("T")

# News between services take milliseconds; this bound only ends a broken demo.
PATIENCE_SECONDS = 10.0
PAUSE_SECONDS = 0.02


@dataclass
class Play:
    """The state of the journey between its scenes."""

    stage: cast.Stage
    http: httpx.AsyncClient
    provider: Provider
    admin: Caller = field(init=False)
    seller: Caller = field(init=False)
    shopper: Caller = field(init=False)
    second: Caller = field(init=False)
    visitor_token: str = field(init=False)
    customer: cast.Credentials = field(init=False)
    customer_id: str = field(init=False)
    cart: Json = field(init=False)
    second_cart: Json = field(init=False)
    order: Json = field(init=False)
    sale: Json = field(init=False)
    stock_before: dict[str, int] = field(init=False)

    async def visitor(self) -> Caller:
        """A visitor without an account."""
        session = await Caller(self.http).post("/v1/sessions:anonymous")
        self.visitor_token = session["accessToken"]
        return Caller(self.http, self.visitor_token)

    async def staff(self, who: cast.Credentials) -> Caller:
        """A member of staff, signed in."""
        body = {"email": who.email, "password": who.password}
        session = await Caller(self.http).post("/v1/sessions:staff", body)
        return Caller(self.http, session["accessToken"])

    async def sign_in(self, who: cast.Credentials) -> Caller:
        """A customer, signed in, who proves to have been the visitor until now."""
        body = {"email": who.email, "password": who.password, "visitorToken": self.visitor_token}
        session = await Caller(self.http).post("/v1/sessions", body)
        return Caller(self.http, session["accessToken"])

    async def product_page(self, sku: str, channel: str = "web") -> Json:
        """The composed page of a product near Lyon."""
        return await Caller(self.http).get(
            f"/v1/pages/products/{sku}", channel=channel, locale="fr_FR", near=cast.NEAR_LYON
        )

    async def availability(self, skus: Collection[str]) -> dict[str, int]:
        """Units that can be promised now, by sku."""
        answer = await Caller(self.http).get("/v1/availability", skus=list(skus))
        return {entry["sku"]: entry.get("available", 0) for entry in answer["availability"]}

    def skus_in_cart(self) -> list[str]:
        """The skus of the customer's cart."""
        return [line["sku"] for line in self.cart["lines"]]

    async def place(self, cart: Json, token: str, who: Caller | None = None) -> Json:
        """Places the order of a cart with a card token; the answer is a placement.

        One that still runs is asked about until it needs the payer, or has ended.
        """
        body = {
            "cart": cart["id"],
            "cartVersion": cart["etag"],
            "quote": cart["quote"],
            "payment": {"method": "card", "token": token},
        }
        caller = who or self.shopper
        placement = await caller.post("/v1/orders", body)
        if placement["state"] != "STATE_RUNNING":
            return placement
        return await poll(
            lambda: caller.get(f"/v1/placements/{placement['id']}"),
            lambda answer: answer["state"] != "STATE_RUNNING",
        )

    async def until_settled(self, placement: Json) -> Json:
        """Waits until a placement has ended."""
        waiting = {"STATE_RUNNING", "STATE_AWAITING_PAYMENT", "STATE_PAYMENT_UNKNOWN"}
        return await poll(
            lambda: self.shopper.get(f"/v1/placements/{placement['id']}"),
            lambda answer: answer["state"] not in waiting,
        )

    async def until_captured(self, amount: int) -> None:
        """Waits until `amount` minor units of the order are captured, and reads it again."""
        self.order = await poll(
            lambda: self.shopper.get(f"/v1/orders/{self.order['id']}"),
            lambda order: cents(order["captured"]) >= amount,
        )

    async def until_shown(self, sku: str, units: int, channel: str) -> int:
        """Waits until a channel's product page shows `units`, and tells what it shows."""
        page = await poll(
            lambda: self.product_page(sku, channel),
            lambda answer: stocked(answer) == units,
        )
        return stocked(page)

    async def until_timeline_has(self, kinds: Iterable[str]) -> list[Json]:
        """Waits until the customer's timeline has all `kinds` of touches."""
        wanted = set(kinds)
        page = await poll(
            lambda: self.shopper.get("/v1/customers/me/timeline", pageSize=100),
            lambda answer: wanted <= {touch["kind"] for touch in answer.get("touches", ())},
        )
        touches: list[Json] = page.get("touches", [])
        return touches


async def poll(read: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
    """Reads until the answer is good or patience ends; gives the last answer."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_SECONDS
    while True:
        answer = await read()
        if good(answer) or loop.time() > deadline:
            return answer
        await asyncio.sleep(PAUSE_SECONDS)


def cents(amount: Json) -> int:
    """Minor units of an amount in euros."""
    return int(Decimal(amount["amount"]) * 100)


def stocked(page: Json) -> int:
    """Units a product page shows."""
    return int((page.get("availability") or {}).get("available", 0))


def parcel_from(order: Json, location: str) -> Json:
    """The fulfilment of an order that leaves `location`."""
    return next(parcel for parcel in order["fulfilments"] if parcel["location"] == location)
