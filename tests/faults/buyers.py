"""Buyers who buy for real, over HTTP, and do not give up when something breaks."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from tests.faults.witness import Witness
from tests.journeys.shop import CARD, SHIPPED, order_of
from tests.load.client import Answer, Connection, Disconnected, encode

Json = dict[str, Any]
COUPON = "FAULTS"
"""A coupon that some of them use, so that its uses can be counted afterwards."""
_ANSWER_SECONDS = 30.0
_PAUSE_SECONDS = 0.25
# Half of what a token lives: it must not end between filling a cart and buying it.
_TOKEN_SECONDS = 300.0
# "Not now": the same request may well succeed a little later.
_NOT_NOW = frozenset({429, 500, 502, 503, 504})
_UNDER_WAY = frozenset({"STATE_RUNNING", "STATE_PAYMENT_UNKNOWN"})


class GaveUp(AssertionError):
    """A buyer has tried for longer than anything here takes to recover."""


class Buyer:
    """A visitor with one connection, opened again whenever it breaks."""

    def __init__(self, authority: str, witness: Witness, patience: float = 90.0) -> None:
        self._host, _, port = authority.rpartition(":")
        self._port = int(port)
        self._authority = authority
        self._witness = witness
        self._patience = patience
        self._connection: Connection | None = None
        self._token = ""
        self._new_token_at = 0.0
        self.failures: list[str] = []
        """Requests that were not answered as they are on a day without faults."""

    @property
    def authorisation(self) -> str:
        """The header line of this buyer's requests."""
        return f"Authorization: Bearer {self._token}\r\n" if self._token else ""

    def become(self, token: str) -> None:
        """Go on as somebody else."""
        self._token = token

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def purchase(self, *skus: str, card: str = CARD, coupon: str = "") -> Json:
        """Buys one unit of each; answers what the shop said last: placed, waiting or refused."""
        cart = await self.fill(*skus, coupon=coupon)
        return await self.place(cart, card)

    async def fill(self, *skus: str, coupon: str = "") -> Json:
        """A cart that is ready to be ordered; begun anew when a step of it fails."""
        give_up = time.monotonic() + self._patience
        while True:
            cart = await self._try_to_fill(skus, coupon)
            if cart is not None:
                return cart
            self._check(give_up, "a cart could not be filled")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def place(self, cart: Json, card: str = CARD, key: str = "") -> Json:
        """Places the order under one key, as often as it takes to be told what became of it.

        An attempt that was undone has moved the cart on: then the buyer looks at it again and
        orders anew, which is another purchase to the witness.
        """
        key = key or secrets.token_hex(12)
        self._witness.asks(key, cart)
        give_up = time.monotonic() + self._patience
        while True:
            self._witness.sends(key)
            answer = await self.send("POST", "/v1/orders", order_of(cart, card), key)
            told = None if answer is None else _told(answer)
            if told is not None:
                self._witness.hears(key, told)
                if told.get("reason") == "STALE_ETAG":
                    return await self.place(await self._look_again(cart), card)
                if told.get("state") not in _UNDER_WAY:
                    return told
            self._check(give_up, f"order {key} was never settled: {told or self.failures[-3:]}")
            await asyncio.sleep(_PAUSE_SECONDS)

    async def send(
        self, method: str, path: str, body: Json | None = None, key: str = ""
    ) -> Answer | None:
        """One request; None when no answer came back."""
        headers = self.authorisation
        if method != "GET":
            headers += f"Idempotency-Key: {key or secrets.token_hex(12)}\r\n"
        content = b"" if body is None else orjson.dumps(body)
        request = encode(method, path, self._authority, headers, content)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                if self._connection is None:
                    self._connection = await Connection.open(self._host, self._port)
                answer = await self._connection.send(request)
        except (Disconnected, OSError, TimeoutError) as failure:
            self.close()
            self._connection = None
            self.failures.append(f"{method} {path}: {type(failure).__name__}")
            return None
        if _says_not_now(answer):
            self.failures.append(f"{method} {path}: {answer.status} {answer.body.decode()[:300]}")
        return answer

    async def _look_again(self, cart: Json) -> Json:
        give_up = time.monotonic() + self._patience
        while (now := await self.content("GET", f"/v1/carts/{cart['id']}")) is None:
            self._check(give_up, "the cart cannot be read")
            await asyncio.sleep(_PAUSE_SECONDS)
        return now

    async def _try_to_fill(self, skus: Sequence[str], coupon: str) -> Json | None:
        if time.monotonic() > self._new_token_at:
            self._token = ""
            session = await self.content("POST", "/v1/sessions:anonymous", {})
            if session is None:
                return None
            self._token = session["accessToken"]
            self._new_token_at = time.monotonic() + _TOKEN_SECONDS
        cart = await self.content("POST", "/v1/carts", {"channel": "web"})
        if cart is None:
            return None
        path = f"/v1/carts/{cart['id']}"
        steps: list[tuple[str, str, Json]] = [
            ("POST", f"{path}/lines", {"sku": sku, "quantity": 1}) for sku in skus
        ]
        if coupon:
            steps.append(("POST", f"{path}/coupons", {"code": coupon}))
        steps.append(("PUT", f"{path}/delivery", SHIPPED))
        for step in steps:
            cart = await self.content(*step)
            if cart is None:
                return None
        return cart

    async def content(self, method: str, path: str, body: Json | None = None) -> Json | None:
        """What was answered; None when there was no answer, or one that says: not now."""
        answer = await self.send(method, path, body)
        if answer is None or _says_not_now(answer):
            return None
        content: Json = orjson.loads(answer.body)
        if answer.status == 401:  # the token is too old, or its key not known again yet
            self._new_token_at = 0.0
            return None
        assert answer.status < 300, f"{path}: {answer.status} {content}"
        return content

    def _check(self, give_up: float, what: str) -> None:
        if time.monotonic() > give_up:
            raise GaveUp(what)


def _told(answer: Answer) -> Json | None:
    """What the buyer knows now; None when the answer says nothing for good."""
    content: Json = orjson.loads(answer.body)
    if answer.status == 200:
        return {name: content.get(name) for name in ("id", "state", "order", "total")}
    if _says_not_now(answer) or answer.status == 401:
        return None
    return {"state": "REFUSED", "reason": content.get("reason"), "status": answer.status}


def _says_not_now(answer: Answer) -> bool:
    return answer.status in _NOT_NOW or b'"CONCURRENT_CHANGE"' in answer.body


class Crowd:
    """Several buyers at once, each buying one thing after the other."""

    def __init__(
        self, authority: str, witness: Witness, skus: Sequence[str], size: int, patience: float
    ) -> None:
        self.buyers = [Buyer(authority, witness, patience) for _ in range(size)]
        self._skus = skus
        self.placed = 0

    async def shop(self, go_on: Callable[[], bool]) -> None:
        """Until told to stop; then each finishes what it has begun."""
        await asyncio.gather(*(self._one(number, go_on) for number in range(len(self.buyers))))

    async def _one(self, number: int, go_on: Callable[[], bool]) -> None:
        buyer, turn = self.buyers[number], number
        while go_on():
            skus = [self._skus[(turn + step) % len(self._skus)] for step in (0, 3)]
            told = await buyer.purchase(*skus, coupon="" if turn % 3 else COUPON)
            self.placed += told.get("state") == "STATE_PLACED"
            turn += len(self.buyers) + 1

    @property
    def failures(self) -> list[str]:
        return [failure for buyer in self.buyers for failure in buyer.failures]

    def close(self) -> None:
        for buyer in self.buyers:
            buyer.close()
