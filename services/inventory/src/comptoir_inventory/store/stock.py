"""Figures of stock and their movements, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from comptoir_inventory.domain.stock import Change, Changed, Level, Movement, Place, Reason
from comptoir_runtime.database import Row, Session, Where

_LEVEL = (
    "s.sku, s.location, s.on_hand, s.reserved, s.safety_stock, s.version, s.backordered, "
    "s.low_stock"
)
_PLACES = "unnest($1::text[], $2::text[]) AS w (sku, location)"

LEVELS = f"""
SELECT {_LEVEL} FROM stock_item s WHERE s.sku = ANY($1::text[])
"""
# What the others are told: locations that offer nothing are left out, their changes count.
TOLD_LEVELS = f"""
SELECT {_LEVEL}, l.active, p.sku IS NOT NULL AS has_policy
FROM stock_item s JOIN location l ON l.code = s.location
LEFT JOIN selling_policy p ON p.sku = s.sku
WHERE s.sku = ANY($1::text[])
"""
MAKE_ROWS = f"""
INSERT INTO stock_item (sku, location, on_hand, reserved, safety_stock, version)
SELECT sku, location, 0, 0, 0, 0 FROM {_PLACES} ORDER BY sku, location
ON CONFLICT DO NOTHING
"""
LOCK = f"""
SELECT {_LEVEL} FROM stock_item s JOIN {_PLACES} USING (sku, location)
ORDER BY s.sku, s.location FOR UPDATE OF s
"""
_FREE = "s.on_hand - s.reserved - s.safety_stock"
# Units that have come, or are free again, cover what was promised beyond stock by themselves.
_SETTLED = "least({promised}, greatest(least({held}, {promised}), {on_hand} - {safety_stock}))"
_PROMISED = "(s.reserved + s.backordered + k.promised)"
_COVERED = _SETTLED.format(
    promised=_PROMISED,
    held="s.reserved + k.held",
    on_hand="s.on_hand + k.came",
    safety_stock="s.safety_stock",
)
# The one way figures change. What is not there, or was not promised, is refused here whatever
# was decided before: its place is missing in the answer.
_CHANGED = f"""
wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::int[], $6::int[])
        AS w (sku, location, came, held, promised, needed)
),
locked AS (
    SELECT w.*, {_FREE} AS before FROM stock_item s JOIN wanted w USING (sku, location)
    ORDER BY s.sku, s.location FOR UPDATE OF s
),
changed AS (
    UPDATE stock_item s SET
        on_hand = s.on_hand + k.came,
        reserved = {_COVERED},
        backordered = {_PROMISED} - {_COVERED},
        version = s.version + 1
    FROM locked k
    WHERE s.sku = k.sku AND s.location = k.location
        AND s.reserved + k.held >= 0 AND (k.needed IS NULL OR {_FREE} >= k.needed)
    RETURNING {_LEVEL}, k.before
),
noted AS (INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM changed)
"""
CHANGE = f"WITH {_CHANGED} SELECT * FROM changed"
# Promises are stored with the change they stand for.
CHANGE_AND_HOLD = f"""
WITH {_CHANGED},
held AS (
    INSERT INTO reservation (id, owner, request_id, state, expires_at, created_at, lines)
    SELECT * FROM ROWS FROM (
        unnest($7::text[], $8::text[], $9::text[], $10::smallint[], $11::timestamptz[],
               $12::timestamptz[]),
        jsonb_array_elements($13::jsonb)
    )
)
SELECT * FROM changed
"""
_SAFE = _SETTLED.format(
    promised="(s.reserved + s.backordered)",
    held="s.reserved",
    on_hand="s.on_hand",
    safety_stock="k.safety_stock",
)
SET_SAFETY_STOCK = f"""
WITH locked AS (
    SELECT w.*, {_FREE} AS before
    FROM stock_item s
    JOIN unnest($1::text[], $2::text[], $3::int[], $4::int[])
        AS w (sku, location, safety_stock, low_stock) USING (sku, location)
    ORDER BY s.sku, s.location FOR UPDATE OF s
),
changed AS (
    UPDATE stock_item s SET
        safety_stock = k.safety_stock,
        low_stock = k.low_stock,
        reserved = {_SAFE},
        backordered = s.reserved + s.backordered - {_SAFE},
        version = s.version + 1
    FROM locked k WHERE s.sku = k.sku AND s.location = k.location
    RETURNING {_LEVEL}, k.before
),
noted AS (INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM changed)
SELECT * FROM changed
"""
# After terms have changed: the figures are the same, what can be promised is not.
TOUCH = """
WITH locked AS (
    SELECT sku, location FROM stock_item WHERE sku = ANY($1::text[])
    ORDER BY sku, location FOR UPDATE
),
touched AS (
    UPDATE stock_item s SET version = s.version + 1 FROM locked k
    WHERE s.sku = k.sku AND s.location = k.location RETURNING s.sku
)
INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM touched
"""
MOVE = """
INSERT INTO movement (id, sku, location, units, reason, reference, actor, created_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::smallint[],
                     $6::text[], $7::text[], $8::timestamptz[])
"""
_MOVEMENT = "position, id, sku, location, units, reason, reference, actor, created_at"
# One announcer at a time, so that the newest figures are always the last ones published.
TAKE_CHANGES = """
WITH gate AS MATERIALIZED (SELECT pg_try_advisory_xact_lock(7207101) AS open),
taken AS (
    DELETE FROM stock_change WHERE position = ANY (ARRAY(
        SELECT c.position FROM gate, stock_change c WHERE gate.open
        ORDER BY c.position LIMIT $1 FOR UPDATE OF c SKIP LOCKED
    )) RETURNING sku
) SELECT DISTINCT sku FROM taken
"""
# The database sums the movements of a place as they are written.
DIFFERENCES = """
SELECT sku, location, on_hand, moved FROM stock_item WHERE on_hand <> moved
ORDER BY sku, location LIMIT $1
"""
# Lines are [sku, location, units, consumed, released, ...].
UNPROMISED = """
WITH promised AS (
    SELECT line ->> 0 AS sku, line ->> 1 AS location,
           sum((line ->> 2)::bigint - (line ->> 3)::bigint - (line ->> 4)::bigint) AS units
    FROM reservation, jsonb_array_elements(lines) AS line
    WHERE state IN (1, 2) GROUP BY 1, 2
)
SELECT sku, location, coalesce(s.reserved + s.backordered, 0)::bigint AS kept,
       coalesce(p.units, 0)::bigint AS promised
FROM stock_item s FULL JOIN promised p USING (sku, location)
WHERE coalesce(s.reserved + s.backordered, 0) <> coalesce(p.units, 0)
ORDER BY sku, location LIMIT $1
"""
PLACES = "SELECT count(*) FROM stock_item"
# The first of each location hold the first of all.
SKUS_AT = """
SELECT DISTINCT page.sku FROM unnest($1::text[]) AS w (location), LATERAL (
    SELECT s.sku FROM stock_item s WHERE s.location = w.location AND s.sku > $2
    ORDER BY s.sku LIMIT $3
) AS page ORDER BY page.sku LIMIT $3
"""
KNOWN = """
SELECT sku FROM unnest($1::text[]) AS asked (sku)
WHERE EXISTS (SELECT FROM stock_item s WHERE s.sku = asked.sku)
"""


async def levels(session: Session, skus: Sequence[str]) -> list[Level]:
    """Figures of these skus at every location that ever had them."""
    return [_level(row) for row in await session.fetch(LEVELS, list(skus))]


async def told_levels(
    session: Session, skus: Sequence[str]
) -> tuple[list[Level], set[str], set[str]]:
    """Figures of these skus, the locations that offer what they have, and skus with a policy."""
    rows = await session.fetch(TOLD_LEVELS, list(skus))
    return (
        [_level(row) for row in rows],
        {row["location"] for row in rows if row["active"]},
        {row["sku"] for row in rows if row["has_policy"]},
    )


async def make(session: Session, places: Sequence[Place]) -> None:
    """Sees to it that these places have figures; new ones start with nothing."""
    await session.execute(MAKE_ROWS, *_columns(places))


async def lock(session: Session, places: Sequence[Place]) -> dict[Place, Level]:
    """The figures at these places, kept from others."""
    rows = await session.fetch(LOCK, *_columns(places))
    return {(row["sku"], row["location"]): _level(row) for row in rows}


async def change(session: Session, changes: Sequence[Change]) -> list[Changed]:
    """Changes figures; a place whose change was refused, or that has none, is left out."""
    if not changes:
        return []
    return [_changed(row) for row in await session.fetch(CHANGE, *change_columns(changes))]


async def hold(
    session: Session,
    changes: Sequence[Change],
    reservations: Sequence[tuple[Any, ...]],
) -> list[Changed]:
    """As `change`, and stores the reservations that are the reason, as rows."""
    columns = map(list, zip(*reservations, strict=True))
    rows = await session.fetch(CHANGE_AND_HOLD, *change_columns(changes), *columns)
    return [_changed(row) for row in rows]


async def set_safety_stock(
    session: Session, lines: Sequence[tuple[str, str, int, int]]
) -> list[Changed]:
    """Sets (sku, location, units kept back, warning); the places must have figures."""
    columns = map(list, zip(*lines, strict=True))
    return [_changed(row) for row in await session.fetch(SET_SAFETY_STOCK, *columns)]


async def known(session: Session, skus: Iterable[str]) -> set[str]:
    """Those of the skus that some location has, or once had."""
    return {row["sku"] for row in await session.fetch(KNOWN, list(skus))}


async def skus_at(session: Session, locations: Iterable[str], after: str, most: int) -> list[str]:
    """What these locations have, or once had, in order, behind a sku."""
    return [row["sku"] for row in await session.fetch(SKUS_AT, list(locations), after, most)]


async def touch(session: Session, skus: Sequence[str]) -> None:
    """Has these skus announced with a higher revision."""
    await session.execute(TOUCH, list(skus))


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
    where = Where()
    if sku:
        where.add("sku = {}", sku)
    if sku and location:
        where.add("location = {}", location)
    place = ("location", location) if location and not sku else None
    order = where.walk(("position",), (before,), among=place, descending=True)
    most = where.parameter(size)
    rows = await session.fetch(
        f"SELECT {_MOVEMENT} FROM movement {where} {order} LIMIT {most}", *where.values
    )
    return [(row["position"], _movement(row)) for row in rows]


async def take_changes(session: Session, most: int) -> list[str]:
    """Skus to announce; none while another replica is announcing."""
    return [row["sku"] for row in await session.fetch(TAKE_CHANGES, most)]


async def places(session: Session) -> int:
    """How many places have figures."""
    count: int = await session.fetchval(PLACES)
    return count


async def moved_otherwise(session: Session, most: int) -> list[tuple[str, str, int, int]]:
    """Places whose figure on hand is not the sum of its movements: (sku, location, both)."""
    rows = await session.fetch(DIFFERENCES, most)
    return [(row["sku"], row["location"], row["on_hand"], row["moved"]) for row in rows]


async def promised_otherwise(session: Session, most: int) -> list[tuple[str, str, int, int]]:
    """Places whose promised units are not those of their promises: (sku, location, both)."""
    rows = await session.fetch(UNPROMISED, most)
    return [(row["sku"], row["location"], row["kept"], row["promised"]) for row in rows]


def change_columns(changes: Sequence[Change]) -> tuple[list[Any], ...]:
    """Changes as the arrays that statements unnest."""
    return (
        [each.sku for each in changes],
        [each.location for each in changes],
        [each.on_hand for each in changes],
        [each.reserved for each in changes],
        [each.promised for each in changes],
        [each.needed for each in changes],
    )


def _columns(places: Sequence[Place]) -> tuple[list[str], list[str]]:
    return [sku for sku, _ in places], [location for _, location in places]


def _changed(row: Row) -> Changed:
    return Changed(_level(row), max(0, row["before"]))


def _level(row: Row) -> Level:
    return Level(
        row["sku"],
        row["location"],
        row["on_hand"],
        row["reserved"],
        row["safety_stock"],
        row["version"],
        row["backordered"],
        row["low_stock"],
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
