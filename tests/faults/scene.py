"""One fault after the other on one platform; each ends with a verdict over all books."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rich.markup import escape
from rich.table import Table

from comptoir_local.catalogue.first import Door
from tests.faults.buyers import COUPON, Buyer, Crowd, Json
from tests.faults.judge import Verdict, judge
from tests.faults.witness import Witness
from tests.faults.world import World

FULL = os.environ.get("FAULTS_SIZE", "") == "full"
"""Whether to take the time that a night has."""

# All tests live in the loop of the platform. The first of them waits for its start.
FAULT = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(6 * 3600 if FULL else 600),
]
# While processes are killed all the time a buyer may have to ask for long.
_PATIENCE_SECONDS = 1800.0 if FULL else 180.0
_STOCK = 1_000_000
_PLACE = "warehouse_paris"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table at the end."""

    fault: str
    kills: int
    seconds: float
    verdict: Verdict


def table(rows: Sequence[Row]) -> Table:
    """What was broken, and what came of it."""
    made = Table(title="faults", title_justify="left")
    for column in ("fault", "orders", "refused", "kills", "lost", "doubled", "leaked"):
        made.add_column(column, justify="left" if column == "fault" else "right")
    made.add_column("quiet after", justify="right")
    made.add_column("took", justify="right")
    for row in rows:
        v = row.verdict
        numbers = (v.acknowledged, v.refused, row.kills, v.lost, v.doubled, v.leaked)
        made.add_row(
            escape(row.fault),
            *(str(number) for number in numbers),
            f"{v.recovered_seconds:.1f} s",
            f"{row.seconds:.1f} s",
        )
    return made


@dataclass
class Scene:
    """Where a fault takes place: the platform, goods to buy, and the witness."""

    fault: str
    world: World
    skus: Sequence[str]
    path: Path
    rows: list[Row]
    witness: Witness = field(init=False)
    _opened: list[Buyer | Crowd] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _kills: int = field(init=False)

    def __post_init__(self) -> None:
        self.witness = Witness(self.path)
        self._kills = self.world.kills

    @property
    def authority(self) -> str:
        """host:port of the gateway."""
        return self.world.surroundings.addresses["gateway"]

    def buyer(self) -> Buyer:
        buyer = Buyer(self.authority, self.witness)
        self._opened.append(buyer)
        return buyer

    def crowd(self, size: int) -> Crowd:
        crowd = Crowd(self.authority, self.witness, self.skus, size, _PATIENCE_SECONDS)
        self._opened.append(crowd)
        return crowd

    def close(self) -> None:
        for opened in self._opened:
            opened.close()
        self.witness.close()

    async def verdict(self, *, dead_letters: int = 0) -> Verdict:
        """Judges what has been, and writes it into the table."""
        told = await judge(self.world, self.path, dead_letters=dead_letters)
        seconds = time.monotonic() - self._started
        self.rows.append(Row(self.fault, self.world.kills - self._kills, seconds, told))
        return told


async def plenty(world: World, number: int = 12) -> list[str]:
    """Skus that the web sells, with more of each in stock than the tests can buy; and a coupon."""
    witness = Witness(world.root / "admin.jsonl")
    admin = await administrator(world, witness)
    page = await content(admin, "GET", f"/v1/products?channel=web&pageSize={number}")
    skus: list[str] = [product["sku"] for product in page["products"]]
    lines = [{"sku": sku, "location": _PLACE, "quantity": _STOCK} for sku in skus]
    await content(admin, "POST", "/v1/stock:receive", {"lines": lines, "reference": "faults"})
    coupon = {"code": COUPON, "percent": "10", "usageLimit": 1_000_000}
    await content(admin, "PUT", f"/v1/coupons/{COUPON}", {"coupon": coupon})
    admin.close()
    witness.close()
    return skus


async def administrator(world: World, witness: Witness) -> Buyer:
    """The first member of staff."""
    door = Door.of(world.surroundings)
    admin = Buyer(world.surroundings.addresses["gateway"], witness)
    session = await content(
        admin, "POST", "/v1/sessions:staff", {"email": door.email, "password": door.password}
    )
    admin.become(session["accessToken"])
    return admin


async def content(person: Buyer, method: str, path: str, body: Json | None = None) -> Json:
    """What is answered on a day without faults."""
    found = await person.content(method, path, body)
    assert found is not None, f"{method} {path}: {person.failures[-1:]}"
    return found
