"""From a stock change that is answered to its sight on another client, at half load."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from tests.load.client import Watch
from tests.load.figures import Figure, latencies
from tests.load.shopping import (
    WAREHOUSE,
    Journeys,
    Person,
    buy,
    for_seconds,
    key,
    plenty_of_goods,
)
from tests.load.world import World

SECONDS = 15.0
_BUYERS = 8
_GOODS = 20
_CALIBRATION_SECONDS = 4.0
_PAUSE_SECONDS = 0.04
_PATIENCE_SECONDS = 10.0


async def measure(world: World, seconds: float = SECONDS) -> list[Figure]:
    """First how much the platform can do, then changes while half of that is done."""
    skus = await plenty_of_goods(world, _GOODS + 1)
    watched, goods = skus[0], skus[1:]
    buyers = await asyncio.gather(*(Person.visitor(world) for _ in range(_BUYERS)))
    full = await buy(buyers, goods, for_seconds(_CALIBRATION_SECONDS))
    async with _half_load(buyers, goods, full.rate / 2) as load:
        answered, sent = await _changes(world, watched, seconds)
    journeys = await load
    for buyer in buyers:
        buyer.close()
    return [
        Figure("lag", latencies("lag", answered)[1].value, "ms"),
        *latencies("lag", answered),
        *latencies("lag.from-request", sent),
        Figure("lag.samples", len(answered), "changes"),
        Figure("lag.load", journeys.rate, "journeys/s", full.rate),
    ]


@asynccontextmanager
async def _half_load(
    buyers: list[Person], skus: list[str], rate: float
) -> AsyncIterator["asyncio.Task[Journeys]"]:
    """Buyers begin `rate` journeys a second while the block runs; they end soon after it."""
    pace, is_over = asyncio.Semaphore(0), asyncio.Event()

    async def beat() -> None:
        while True:
            pace.release()
            await asyncio.sleep(1 / rate)

    metronome = asyncio.create_task(beat())
    shopping = asyncio.create_task(buy(buyers, skus, lambda: not is_over.is_set(), pace))
    try:
        yield shopping
    finally:
        is_over.set()
        await asyncio.wait([shopping])
        metronome.cancel()


async def _changes(world: World, sku: str, seconds: float) -> tuple[list[float], list[float]]:
    """Seconds from answer to sight (0 when it was seen first), and from request to sight."""
    seen: dict[int, float] = {}
    news = asyncio.Event()

    def on_event(data: bytes) -> None:
        seen[int(orjson.loads(data)["revision"])] = time.perf_counter()
        news.set()

    admin = await Person.administrator(world)
    watcher = await Person.visitor(world)
    request = watcher.request("GET", f"/v1/availability:watch?skus={sku}")
    _, transport = await Watch.open(world.host, world.port, request, on_event)
    from_answer, from_request = list[float](), list[float]()
    go_on = for_seconds(seconds)
    body = {"lines": [{"sku": sku, "location": WAREHOUSE, "quantity": 1}], "reference": "lag"}
    while go_on():
        sent = time.perf_counter()
        answer = await admin.write("POST", "/v1/stock:receive", body, key())
        answered = time.perf_counter()
        revision = int(answer["availability"][0]["revision"])
        at = await asyncio.wait_for(_sight(seen, revision, news), _PATIENCE_SECONDS)
        from_answer.append(max(0.0, at - answered))
        from_request.append(at - sent)
        await asyncio.sleep(_PAUSE_SECONDS)
    transport.close()
    for person in (admin, watcher):
        person.close()
    return from_answer, from_request


async def _sight(seen: dict[int, float], revision: int, news: asyncio.Event) -> float:
    """When this revision or a later one was seen."""
    while True:
        times = [at for known, at in seen.items() if known >= revision]
        if times:
            return min(times)
        news.clear()
        await news.wait()
