"""Fifty units, two hundred buyers, thirty-two at once: exactly fifty orders."""

import asyncio
import time
from collections import Counter

import orjson

from tests.load.client import Answer, Connection, encode
from tests.load.figures import Figure, WrongResult, latencies
from tests.load.shopping import WAREHOUSE, Person, key, units_left
from tests.load.world import World

STOCK = 50
BUYERS = 200
AT_ONCE = 32
_PAGE = 1000


async def measure(world: World) -> list[Figure]:
    """WrongResult unless stock, answers and the provider's journal all say fifty."""
    sku = await _scarce(world)
    buyers = await asyncio.gather(*(Person.visitor(world) for _ in range(BUYERS)))
    carts = [await buyer.cart(sku) for buyer in buyers]
    known = len(await _authorisations(world))
    gate, waits = asyncio.Semaphore(AT_ONCE), list[float]()

    async def place(number: int) -> Answer:
        async with gate:
            started = time.perf_counter()
            answer = await buyers[number].place(carts[number])
            waits.append(time.perf_counter() - started)
            return answer

    started = time.perf_counter()
    answers = await asyncio.gather(*(place(number) for number in range(BUYERS)))
    seconds = time.perf_counter() - started
    for buyer in buyers:
        buyer.close()
    outcomes = Counter(outcome(answer, sku) for answer in answers)
    charged = len(await _authorisations(world)) - known
    check(outcomes, charged, await units_left(world, [sku]))
    return [
        Figure("oversell", outcomes["placed"], "orders", STOCK),
        Figure("oversell.refused", outcomes["refused"], "buyers", BUYERS - STOCK),
        Figure("oversell.authorised", charged, "payments", STOCK),
        Figure("oversell.rate", BUYERS / seconds, "attempts/s"),
        *latencies("oversell", waits),
    ]


def check(outcomes: Counter[str], charged: int, left: int) -> None:
    """Raise WrongResult, with every figure, unless all of them are right."""
    expected = Counter(placed=STOCK, refused=BUYERS - STOCK)
    if outcomes != expected or charged != STOCK or left != 0:
        raise WrongResult(
            f"{STOCK} units, {BUYERS} buyers: {dict(outcomes)}, {charged} authorisations at the "
            f"provider, {left} units left"
        )


def outcome(answer: Answer, sku: str) -> str:
    """`placed`, `refused` when the refusal is clear and names the sku, else what came instead."""
    content = orjson.loads(answer.body)
    if answer.status == 200:
        return "placed" if content["state"] == "STATE_PLACED" else str(content["state"])
    if answer.status == 409 and content["reason"] == "OUT_OF_STOCK" and sku in str(content):
        return "refused"
    return f"{answer.status} {content.get('reason')}"


async def _scarce(world: World) -> str:
    """A sku of which there are fifty units in one warehouse and none elsewhere."""
    admin = await Person.administrator(world)
    page = await admin.read("/v1/products?channel=web&pageSize=100")
    sku: str = page["products"][-1]["sku"]
    answer = await admin.read(f"/v1/availability?skus={sku}&byLocation=true")
    places = {level["location"] for level in answer["availability"][0]["levels"]} | {WAREHOUSE}
    lines = [
        {"sku": sku, "location": place, "quantity": STOCK if place == WAREHOUSE else 0}
        for place in sorted(places)
    ]
    await admin.write("POST", "/v1/stock:count", {"lines": lines, "reference": "benchmark"}, key())
    admin.close()
    return sku


async def _authorisations(world: World) -> list[str]:
    """Ids of all payments that the provider has authorised, from its own journal."""
    connection = await Connection.open(world.provider_host, world.provider_port)
    host, found, position, last = f"{world.provider_host}:{world.provider_port}", [], 0, 1
    while position < last:
        path = f"/v1/journal?after={position}&limit={_PAGE}"
        page = orjson.loads((await connection.send(encode("GET", path, host))).body)
        found += [
            entry["payment_id"]
            for entry in page["entries"]
            if entry["type"] == "payment.authorised"
        ]
        last = page["last"]
        position = page["entries"][-1]["seq"] if page["entries"] else last
    connection.close()
    return found
