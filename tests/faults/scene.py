"""One fault after the other on one platform; each ends with a verdict over all books."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.markup import escape
from rich.table import Table

from tests.faults.bank import Bank
from tests.faults.buyers import COUPON, SCARCE_COUPON, Buyer
from tests.faults.crowd import Crowd, Goods
from tests.faults.judge import Verdict, judge
from tests.faults.staff import Clerk
from tests.faults.witness import Deed, Witness
from tests.faults.world import PATIENCE_SECONDS, World

_SIZE = os.environ.get("FAULTS_SIZE", "")
FULL = _SIZE == "full"
"""Whether to take the time that a night has."""
KILLS, ORDERS = (500, 20_000) if FULL else (6, 40)
"""How many processes are killed at random, and how much is bought meanwhile."""
if _SIZE.isdecimal():
    KILLS, ORDERS = int(_SIZE), int(_SIZE) * 40
_IS_LONG = FULL or KILLS > 6

# All tests live in the loop of the platform. The first of them waits for its start.
FAULT = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(8 * 3600 if _IS_LONG else 1800),
]
# While processes are killed all the time a buyer may have to ask for long.
_PATIENCE_SECONDS = 1800.0 if _IS_LONG else PATIENCE_SECONDS
_PLENTY, _FEW = 1_000_000, 25
_PLACES = ("warehouse_paris", "warehouse_lyon")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table at the end."""

    fault: str
    replicas: int
    kills: int
    seconds: float
    verdict: Verdict


_FIGURES = (
    *("replicas", "kills", "orders", "refused", "called off"),
    *("parcels", "refunds", "came back", "disputes"),
    *("compared", "lost", "doubled", "leaked", "other"),
)

_COUNTED = (Deed.CANCEL, Deed.SHIP, Deed.REFUND, Deed.BOUNCE, Deed.DISPUTE)


def table(rows: Sequence[Row]) -> Table:
    """What was broken, and what came of it."""
    made = Table(title="faults", title_justify="left")
    made.add_column("fault")
    for column in (*_FIGURES, "quiet after", "took"):
        made.add_column(column, justify="right")
    for row in rows:
        v = row.verdict
        deeds = (v.granted(deed) for deed in _COUNTED)
        wrong = (v.lost, v.doubled, v.leaked, v.other)
        counts = (row.replicas, row.kills, v.acknowledged, v.refused)
        numbers = (*counts, *deeds, v.looked_at, *wrong)
        made.add_row(
            escape(row.fault),
            *(f"{number:,}" for number in numbers),
            f"{v.recovered_seconds:.1f} s",
            f"{row.seconds:.1f} s",
        )
    return made


@dataclass
class Night:
    """What all scenes have in common: the platform, the goods, and what was seen of it all."""

    world: World
    goods: Goods
    rows: list[Row] = field(default_factory=list)
    witnesses: list[Path] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Findings that a scene has been told of: they are not the next one's."""
    poisoned: set[str] = field(default_factory=set)
    """Subjects of events that nobody can read, and that have to end in quarantine."""


@dataclass
class Scene:
    """Where a fault takes place: the platform, goods to buy, and a witness."""

    fault: str
    night: Night
    path: Path
    witness: Witness = field(init=False)
    _opened: list[Buyer | Crowd] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _kills: int = field(init=False)

    def __post_init__(self) -> None:
        self.witness = Witness(self.path)
        self.night.witnesses.append(self.path)
        self._kills = self.world.kills

    @property
    def world(self) -> World:
        return self.night.world

    @property
    def skus(self) -> list[str]:
        """Goods of which there are more than enough."""
        return list(self.night.goods.skus)

    @property
    def authority(self) -> str:
        """host:port of the gateway; of the first when there are several."""
        return self.world.authorities[0]

    def buyer(self) -> Buyer:
        buyer = Buyer(self.world.authorities, self.witness)
        self._opened.append(buyer)
        return buyer

    def clerk(self) -> Clerk:
        clerk = Clerk(self.world, self.witness)
        self._opened.append(clerk)
        return clerk

    def bank(self) -> Bank:
        return Bank(self.world, self.witness)

    def crowd(self, size: int) -> Crowd:
        crowd = Crowd(self.world, self.witness, self.night.goods, size, _PATIENCE_SECONDS)
        self._opened.append(crowd)
        return crowd

    def close(self) -> None:
        for opened in self._opened:
            opened.close()
        self.witness.close()

    async def verdict(self) -> Verdict:
        """Judges all that has been so far, and writes this scene into the table."""
        night = self.night
        told = await judge(night.world, night.witnesses, self.path, night.poisoned)
        told.findings = [each for each in told.findings if each not in night.known]
        night.known.update(told.findings)
        seconds = time.monotonic() - self._started
        kills, replicas = self.world.kills - self._kills, self.world.surroundings.replicas
        night.rows.append(Row(self.fault, replicas, kills, seconds, told))
        return told


async def stocked(world: World, number: int = 12) -> Goods:
    """Goods that the web sells: each in one warehouse, so that two of them are two parcels."""
    witness = Witness(world.root / "stocking.jsonl")
    clerk = Clerk(world, witness)
    page = await clerk.insist_on("GET", f"/v1/products?channel=web&pageSize={number + 1}")
    skus = [str(product["sku"]) for product in page["products"]]
    lines = []
    for index, sku in enumerate(skus):
        asked = await clerk.insist_on("GET", f"/v1/availability?skus={sku}&byLocation=true")
        has = {level["location"] for level in asked["availability"][0].get("levels", ())}
        home, units = _PLACES[index % 2], _PLENTY if index < number else _FEW
        lines += [
            {"sku": sku, "location": place, "quantity": units if place == home else 0}
            for place in sorted(has | {home})
        ]
    await clerk.insist_on("POST", "/v1/stock:count", {"lines": lines, "reference": "faults"})
    for code, limit in ((COUPON, _PLENTY), (SCARCE_COUPON, _FEW)):
        coupon = {"code": code, "percent": "10", "usageLimit": limit}
        await clerk.insist_on("PUT", f"/v1/coupons/{code}", {"coupon": coupon})
    clerk.close()
    witness.close()
    return Goods(skus[:number], skus[number])
