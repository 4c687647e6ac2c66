"""Purchases per second: create a cart, two lines, delivery, place with authorisation."""

import asyncio

from tests.load.figures import Figure, WrongResult, latencies
from tests.load.processes import CLIENT, sample
from tests.load.references import pgbench
from tests.load.shopping import Person, buy, for_seconds, plenty_of_goods, units_left
from tests.load.world import World

CLIENTS = 8
SECONDS = 12.0
_WARM_UP_SECONDS = 3.0
_REFERENCE_SECONDS = 5
_GOODS = 20


async def measure(world: World, seconds: float = SECONDS) -> list[Figure]:
    """The reference first, on the same server; then the buyers, after a warm-up."""
    reference = await pgbench(world.owner_urls["pim"], clients=CLIENTS, seconds=_REFERENCE_SECONDS)
    skus = await plenty_of_goods(world, _GOODS)
    buyers = await asyncio.gather(*(Person.visitor(world) for _ in range(CLIENTS)))
    before = await units_left(world, skus)
    warm_up = await buy(buyers, skus, for_seconds(_WARM_UP_SECONDS))
    began = sample(world.runner, world.processes)
    journeys = await buy(buyers, skus, for_seconds(seconds))
    burnt = sample(world.runner, world.processes).since(began)
    for buyer in buyers:
        buyer.close()
    placed = len(warm_up.whole) + len(journeys.whole)
    sold = before - await units_left(world, skus)
    if sold != 2 * placed:
        raise WrongResult(f"{placed} orders of two units each took {sold} units of stock")
    orders = len(journeys.whole)
    each = {name: used / orders * 1000 for name, used in burnt.items()}
    ours = sum(used for name, used in each.items() if name != CLIENT)
    return [
        Figure("checkout", journeys.rate, "journeys/s", reference),
        *latencies("checkout", journeys.whole),
        *latencies("checkout.place", journeys.placing),
        Figure("checkout.cpu", ours, "ms/order"),
        *(Figure(f"checkout.cpu.{name}", used, "ms/order") for name, used in each.items()),
    ]
