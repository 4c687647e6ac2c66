"""Fulfilments: one row per parcel or hand-over. Their order is locked before they change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from comptoir_orders.domain.fulfilments import (
    Fulfilment,
    FulfilmentLine,
    FulfilmentMode,
    FulfilmentState,
)
from comptoir_orders.store.documents import read
from comptoir_runtime.database import Row, Session, Where

_COLUMNS = """id, order_id, position, location, state, mode, lines, goods, shipping, currency,
  version, carrier, tracking_number, fulfilled_at, created_at, expected_at"""

_OF_ORDER = f"SELECT {_COLUMNS} FROM fulfilment WHERE order_id = $1 ORDER BY position"
_OF_ORDERS = f"""
SELECT {_COLUMNS} FROM fulfilment WHERE order_id = ANY($1::text[]) ORDER BY order_id, position"""

# In the words of the index of those that somebody has still to do something about.
_STILL_OPEN = "state IN ('AWAITING_STOCK', 'PROPOSED', 'READY_FOR_PICKUP')"
_OPEN = frozenset(
    {FulfilmentState.AWAITING_STOCK, FulfilmentState.PROPOSED, FulfilmentState.READY_FOR_PICKUP}
)

_SAVE = """
UPDATE fulfilment SET state = $2, shipping = $3, carrier = $4, tracking_number = $5,
  fulfilled_at = $6, version = version + 1
WHERE id = $1"""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which fulfilments to list; None means all."""

    location: str | None = None
    state: FulfilmentState | None = None
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A fulfilment with the time it was asked of its location."""

    fulfilment: Fulfilment
    created_at: datetime


async def of_order(session: Session, order_id: str) -> list[Fulfilment]:
    """In the order of the plan."""
    return [_fulfilment(row) for row in await session.fetch(_OF_ORDER, order_id)]


async def of_orders(
    session: Session, order_ids: Sequence[str]
) -> dict[str, tuple[Fulfilment, ...]]:
    """By order, each in the order of its plan."""
    if not order_ids:
        return {}
    found: dict[str, tuple[Fulfilment, ...]] = {}
    for row in await session.fetch(_OF_ORDERS, list(order_ids)):
        found[row["order_id"]] = (*found.get(row["order_id"], ()), _fulfilment(row))
    return found


async def save(session: Session, changed: Sequence[Fulfilment]) -> None:
    """Writes fulfilments of a locked order; their versions grow by one."""
    await session.executemany(
        _SAVE,
        [
            (
                each.id,
                each.state,
                each.shipping,
                each.carrier,
                each.tracking_number,
                each.fulfilled_at,
            )
            for each in changed
        ],
    )


async def page(
    session: Session, wanted: Filter, size: int, after: tuple[datetime, str] | None
) -> list[Listed]:
    """Up to `size` fulfilments, oldest first, after the one with this time and id."""
    where = Where()
    for column, value in (("state", wanted.state), ("order_id", wanted.order)):
        if value is not None:
            where.add(f"{column} = {{}}", value)
    if wanted.state in _OPEN:
        where.add(_STILL_OPEN)
    location = None if wanted.location is None else ("location", wanted.location)
    order = where.walk(("created_at", "id"), after, among=location)
    most = where.parameter(size)
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM fulfilment {where} {order} LIMIT {most}", *where.values
    )
    return [Listed(_fulfilment(row), row["created_at"]) for row in rows]


def _fulfilment(row: Row) -> Fulfilment:
    return Fulfilment(
        id=row["id"],
        order=row["order_id"],
        position=row["position"],
        location=row["location"],
        state=FulfilmentState(row["state"]),
        mode=FulfilmentMode(row["mode"]),
        lines=tuple(read(FulfilmentLine, line) for line in row["lines"]),
        goods=row["goods"],
        shipping=row["shipping"],
        currency=row["currency"],
        version=row["version"],
        carrier=row["carrier"],
        tracking_number=row["tracking_number"],
        fulfilled_at=row["fulfilled_at"],
        expected_at=row["expected_at"],
    )
