"""This clone against another one: what a change costs, seen on a machine that does other work, too.

On such a machine an order costs a third more at one minute than at the next, so two runs tell
nothing. Here both platforms run at the same time and are shopped at in turn, a few seconds each:
what else the machine does falls on both. Told are medians over the turns, and how many times the
other's processor this one burns per order, turn by turn.
"""

import asyncio
from collections.abc import Mapping, Sequence
from statistics import median

from tests.load.figures import Figure, WrongResult
from tests.load.processes import CLIENT, sample
from tests.load.shopping import Person, buy, for_seconds, plenty_of_goods
from tests.load.world import World

ROUNDS = 10
SECONDS = 4.0
_CLIENTS = 8
_GOODS = 20

Burnt = Mapping[str, float]
"""Milliseconds of processor per order, by process."""


class Shop:
    """One of the two platforms, with people who buy there."""

    def __init__(self, world: World, skus: Sequence[str], buyers: Sequence[Person]) -> None:
        self._world = world
        self._skus = skus
        self._buyers = buyers
        self.turns: list[Burnt] = []
        self.rates: list[float] = []

    @classmethod
    async def opened(cls, world: World) -> "Shop":
        """Warm: everybody has bought for a while."""
        skus = await plenty_of_goods(world, _GOODS)
        buyers = await asyncio.gather(*(Person.visitor(world) for _ in range(_CLIENTS)))
        await buy(buyers, skus, for_seconds(SECONDS))
        return cls(world, skus, buyers)

    async def turn(self, seconds: float) -> None:
        """Everybody buys, and what that burns is noted."""
        began = sample(self._world.runner, self._world.processes)
        journeys = await buy(self._buyers, self._skus, for_seconds(seconds))
        burnt = sample(self._world.runner, self._world.processes).since(began)
        if not journeys.whole:
            raise WrongResult("nobody came to the end of a purchase: give it more seconds")
        orders = len(journeys.whole)
        self.turns.append({name: used / orders * 1000 for name, used in burnt.items()})
        self.rates.append(journeys.rate)

    def close(self) -> None:
        """Everybody goes."""
        for buyer in self._buyers:
            buyer.close()


async def measure(this: World, other: World, seconds: float) -> list[Figure]:
    """Turns of both, each round begun by the other one of the two."""
    shops = [await Shop.opened(world) for world in (this, other)]
    for number in range(ROUNDS):
        for shop in shops if number % 2 else reversed(shops):
            await shop.turn(seconds)
    for shop in shops:
        shop.close()
    ours, theirs = shops
    return [
        *compared(ours.turns, theirs.turns),
        Figure("against.rate", median(ours.rates), "journeys/s", median(theirs.rates)),
    ]


def compared(ours: Sequence[Burnt], theirs: Sequence[Burnt]) -> list[Figure]:
    """How many times the other's processor, then what each process burns; the largest first."""
    platform = [_of_platform(turn) for turn in ours], [_of_platform(turn) for turn in theirs]
    ratios = [mine / other for mine, other in zip(*platform, strict=True)]
    names = {name for turn in (*ours, *theirs) for name in turn if name != CLIENT}
    each = {name: (_typical(ours, name), _typical(theirs, name)) for name in names}
    return [
        Figure("against", median(ratios), "times the processor"),
        Figure("against.cpu", median(platform[0]), "ms/order", median(platform[1])),
        *(
            Figure(f"against.cpu.{name}", mine, "ms/order", other)
            for name, (mine, other) in sorted(
                each.items(), key=lambda item: (-max(item[1]), item[0])
            )
        ),
    ]


def _of_platform(turn: Burnt) -> float:
    return sum(used for name, used in turn.items() if name != CLIENT)


def _typical(turns: Sequence[Burnt], name: str) -> float:
    return median(turn.get(name, 0.0) for turn in turns)
