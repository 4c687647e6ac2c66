"""What load is made of: buyers who go from an empty cart to a placed order."""

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson

from tests.load.client import Answer, Connection, encode
from tests.load.figures import WrongResult
from tests.load.world import World

CARD = "pm_card_visa"
WAREHOUSE = "warehouse_paris"
_ENOUGH = 1_000_000
_DELIVERY = {
    "delivery": {
        "mode": "MODE_SHIP",
        "shippingMethod": "standard",
        "address": {
            "recipient": "Acheteuse de banc d'essai",
            "lines": ["4 rue des Lilas"],
            "postalCode": "75020",
            "city": "Paris",
            "country": "FR",
            "point": {"latitude": 48.8763, "longitude": 2.4066},
        },
    }
}

Json = dict[str, Any]


class Person:
    """Somebody with a token and one connection."""

    def __init__(self, world: World, connection: Connection, token: str = "") -> None:
        self._host = world.authority
        self._connection = connection
        self._authorisation = f"Authorization: Bearer {token}\r\n" if token else ""

    @classmethod
    async def administrator(cls, world: World) -> Self:
        """The first member of staff."""
        body = {"email": world.door.email, "password": world.door.password}
        return await cls._signed_in(world, "/v1/sessions:staff", body)

    @classmethod
    async def visitor(cls, world: World) -> Self:
        """A visitor without an account."""
        return await cls._signed_in(world, "/v1/sessions:anonymous", {})

    @classmethod
    async def _signed_in(cls, world: World, path: str, body: Json) -> Self:
        connection = await Connection.open(world.host, world.port)
        session = await cls(world, connection).write("POST", path, body)
        return cls(world, connection, session["accessToken"])

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    async def read(self, path: str) -> Json:
        """GET; WrongResult unless it is answered."""
        return _content(await self._connection.send(self.request("GET", path)), path)

    async def write(self, method: str, path: str, body: Json, headers: str = "") -> Json:
        """Send a body; WrongResult when it is refused."""
        return _content(await self.attempt(method, path, body, headers), path)

    async def attempt(self, method: str, path: str, body: Json, headers: str = "") -> Answer:
        """Send a body; the answer, refusals too."""
        request = self.request(method, path, headers, orjson.dumps(body))
        return await self._connection.send(request)

    def request(self, method: str, path: str, headers: str = "", body: bytes = b"") -> bytes:
        """The bytes of a request of this person."""
        return encode(method, path, self._host, self._authorisation + headers, body)

    async def cart(self, *skus: str) -> Json:
        """A new cart with one unit of each sku that is to be shipped; one request for each step."""
        cart = await self.write("POST", "/v1/carts", {"channel": "web"})
        path = f"/v1/carts/{cart['id']}"
        for sku in skus:
            line = {"sku": sku, "quantity": 1}
            cart = await self.write("POST", f"{path}/lines", line, _if_match(cart))
        return await self.write("PUT", f"{path}/delivery", _DELIVERY, _if_match(cart))

    async def place(self, cart: Json) -> Answer:
        """Place the order of a cart, paid by card."""
        body = {
            "cart": cart["id"],
            "cartVersion": cart["etag"],
            "quote": cart["quote"],
            "payment": {"method": "card", "token": CARD},
        }
        return await self.attempt("POST", "/v1/orders", body, key())


def key() -> str:
    """The header that makes a write repeatable."""
    return f"Idempotency-Key: {secrets.token_hex(12)}\r\n"


def _if_match(cart: Json) -> str:
    return f'If-Match: "{cart["etag"]}"\r\n'


def _content(answer: Answer, path: str) -> Json:
    if not 200 <= answer.status < 300:
        raise WrongResult(f"{path}: {answer.status} {answer.body.decode(errors='replace')}")
    content: Json = orjson.loads(answer.body)
    return content


def expect_placed(answer: Answer) -> Json:
    """The placement; WrongResult unless the order stands."""
    placement = _content(answer, "/v1/orders")
    if placement["state"] != "STATE_PLACED":
        raise WrongResult(f"the order should stand: {placement}")
    return placement


async def plenty_of_goods(world: World, number: int) -> list[str]:
    """Skus that the web sells, with more stock of each than a benchmark can buy."""
    admin = await Person.administrator(world)
    page = await admin.read(f"/v1/products?channel=web&pageSize={number}")
    skus = [product["sku"] for product in page["products"]]
    lines = [{"sku": sku, "location": WAREHOUSE, "quantity": _ENOUGH} for sku in skus]
    body = {"lines": lines, "reference": "benchmark"}
    await admin.write("POST", "/v1/stock:receive", body, key())
    admin.close()
    return skus


async def units_left(world: World, skus: Sequence[str]) -> int:
    """Units of all skus together that can be promised."""
    visitor = await Person.visitor(world)
    answer = await visitor.read(f"/v1/availability?skus={','.join(skus)}")
    visitor.close()
    return sum(entry["available"] for entry in answer["availability"])


@dataclass
class Journeys:
    """Whole purchases of several buyers, and how long each took."""

    whole: list[float] = field(default_factory=list)
    placing: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Journeys per second."""
        return len(self.whole) / self.seconds


async def buy(
    buyers: Sequence[Person],
    skus: Sequence[str],
    go_on: Callable[[], bool],
    pace: asyncio.Semaphore | None = None,
) -> Journeys:
    """All buyers shop while `go_on` says so; each journey waits for `pace` when one is given."""
    journeys = Journeys()
    started = time.perf_counter()

    async def shop(number: int) -> None:
        turn = number
        while go_on():
            if pace is not None:
                await pace.acquire()
            await _journey(buyers[number], skus[turn % len(skus)], skus[(turn + 7) % len(skus)])
            turn += len(buyers) + 1

    async def _journey(buyer: Person, *two: str) -> None:
        began = time.perf_counter()
        cart = await buyer.cart(*two)
        ready = time.perf_counter()
        expect_placed(await buyer.place(cart))
        ended = time.perf_counter()
        journeys.whole.append(ended - began)
        journeys.placing.append(ended - ready)

    await asyncio.gather(*(shop(number) for number in range(len(buyers))))
    journeys.seconds = time.perf_counter() - started
    return journeys


def for_seconds(seconds: float) -> Callable[[], bool]:
    """True until the time is over."""
    end = time.perf_counter() + seconds
    return lambda: time.perf_counter() < end
