"""Figures of stock and their movements, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comptoir_inventory.domain.stock import Level, Movement, Quantity, Reason
from comptoir_runtime.database import Row, Session

_LEVEL = "s.sku, s.location, s.on_hand, s.reserved, s.safety_stock, s.version"
_WANTED = "unnest($1::text[], $2::text[], $3::int[]) AS w (sku, location, units)"

LEVELS = f"""
SELECT {_LEVEL} FROM stock_item s WHERE s.sku = ANY($1::text[])
"""
# Rows are made and locked in (sku, location) order, as everywhere.
RECEIVE = f"""
WITH received AS (
    INSERT INTO stock_item AS s (sku, location, on_hand, reserved, safety_stock, version)
    SELECT sku, location, units, 0, 0, 1 FROM {_WANTED} ORDER BY sku, location
    ON CONFLICT (sku, location) DO UPDATE
        SET on_hand = s.on_hand + excluded.on_hand, version = s.version + 1
)
INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM {_WANTED}
"""
MAKE_ROWS = f"""
INSERT INTO stock_item (sku, location, on_hand, reserved, safety_stock, version)
SELECT sku, location, 0, 0, 0, 0 FROM {_WANTED} ORDER BY sku, location
ON CONFLICT DO NOTHING
"""
LOCK = f"""
SELECT {_LEVEL} FROM stock_item s JOIN {_WANTED} USING (sku, location)
ORDER BY s.sku, s.location FOR UPDATE OF s
"""
SET_COUNTED = f"""
WITH counted AS (
    UPDATE stock_item s SET on_hand = w.units, version = s.version + 1
    FROM {_WANTED} WHERE s.sku = w.sku AND s.location = w.location
    RETURNING s.sku
)
INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM counted
"""
MOVE = """
INSERT INTO movement (id, sku, location, units, reason, reference, actor, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::smallint[],
                     $6::text[], $7::text[], $8::timestamptz[])
"""
_MOVEMENT = "position, id, sku, location, units, reason, reference, actor, created_at"
MOVEMENTS = f"""
SELECT {_MOVEMENT} FROM movement
WHERE ($1 = '' OR sku = $1) AND ($2 = '' OR location = $2) AND position < $3
ORDER BY position DESC LIMIT $4
"""
# One announcer at a time, so that the newest figures are always the last ones published.
ANNOUNCER = "SELECT pg_try_advisory_xact_lock(7207101)"
TAKE_CHANGES = """
WITH taken AS (
    DELETE FROM stock_change WHERE position IN (
        SELECT position FROM stock_change ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED
    ) RETURNING sku
) SELECT DISTINCT sku FROM taken
"""
DIFFERENCES = """
SELECT s.sku, s.location, s.on_hand, coalesce(sum(m.units), 0)::int AS moved
FROM stock_item s LEFT JOIN movement m USING (sku, location)
GROUP BY s.sku, s.location, s.on_hand HAVING s.on_hand <> coalesce(sum(m.units), 0)
ORDER BY s.sku, s.location
"""


async def levels(session: Session, skus: Sequence[str]) -> list[Level]:
    """Figures of these skus at every location that ever had them."""
    return [_level(row) for row in await session.fetch(LEVELS, list(skus))]


async def receive(session: Session, lines: Sequence[Quantity]) -> None:
    """Adds units; `lines` name each place once."""
    await session.execute(RECEIVE, *columns(lines))


async def lock_to_count(
    session: Session, lines: Sequence[Quantity]
) -> dict[tuple[str, str], Level]:
    """The figures at these places, kept from others; a new place starts with nothing."""
    await session.execute(MAKE_ROWS, *columns(lines))
    rows = await session.fetch(LOCK, *columns(lines))
    return {(row["sku"], row["location"]): _level(row) for row in rows}


async def set_counted(session: Session, lines: Sequence[Quantity]) -> None:
    """Sets what is on hand; the places must be locked."""
    await session.execute(SET_COUNTED, *columns(lines))


async def add_movements(session: Session, movements: Sequence[Movement]) -> None:
    """Writes down why what is on hand has changed."""
    values = [
        (m.id, m.sku, m.location, m.units, int(m.reason), m.reference, m.actor, m.created_at)
        for m in movements
    ]
    if values:
        await session.execute(MOVE, *map(list, zip(*values, strict=True)))


async def movements(
    session: Session, sku: str, location: str, before: int, size: int
) -> list[tuple[int, Movement]]:
    """Movements below a position, newest first, each with its position."""
    rows = await session.fetch(MOVEMENTS, sku, location, before, size)
    return [(row["position"], _movement(row)) for row in rows]


async def take_changes(session: Session, most: int) -> list[str]:
    """Skus to announce; none while another replica is announcing."""
    if not await session.fetchval(ANNOUNCER):
        return []
    return [row["sku"] for row in await session.fetch(TAKE_CHANGES, most)]


async def differences(session: Session) -> list[tuple[str, str, int, int]]:
    """Places whose figure on hand is not the sum of its movements: (sku, location, both)."""
    rows = await session.fetch(DIFFERENCES)
    return [(row["sku"], row["location"], row["on_hand"], row["moved"]) for row in rows]


def columns(lines: Iterable[Quantity]) -> tuple[list[str], list[str], list[int]]:
    """Lines as the three arrays that statements unnest."""
    lines = list(lines)
    return (
        [line.sku for line in lines],
        [line.location for line in lines],
        [line.units for line in lines],
    )


def _level(row: Row) -> Level:
    return Level(
        row["sku"],
        row["location"],
        row["on_hand"],
        row["reserved"],
        row["safety_stock"],
        row["version"],
    )


def _movement(row: Row) -> Movement:
    return Movement(
        id=row["id"],
        sku=row["sku"],
        location=row["location"],
        units=row["units"],
        reason=Reason(row["reason"]),
        reference=row["reference"],
        actor=row["actor"],
        created_at=row["created_at"],
    )
