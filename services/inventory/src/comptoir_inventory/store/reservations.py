"""Promises of stock, in the database.

Stock rows are always locked in (sku, location) order; a reservation's own row is locked
before its stock. So no two transactions can wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from comptoir_inventory.domain.reservations import Line, Reservation, State
from comptoir_inventory.domain.stock import Quantity
from comptoir_inventory.errors import Shortage
from comptoir_inventory.store.stock import columns
from comptoir_runtime.database import Row, Session

_WANTED = "unnest($1::text[], $2::text[], $3::int[]) AS w (sku, location, units)"

# What is short of what is wanted, with the stock rows locked in order. A line is short when
# its location is unknown or offers nothing, too.
_DECIDE = f"""
wanted AS (SELECT sku, location, units FROM {_WANTED}),
locked AS (
    SELECT s.sku, s.location, s.on_hand - s.reserved - s.safety_stock AS available
    FROM stock_item s JOIN wanted USING (sku, location)
    ORDER BY s.sku, s.location FOR UPDATE OF s
),
offered AS (
    SELECT w.sku, w.location, w.units,
           CASE WHEN l.active THEN greatest(coalesce(k.available, 0), 0) ELSE 0 END AS available
    FROM wanted w LEFT JOIN locked k USING (sku, location)
                  LEFT JOIN location l ON l.code = w.location
),
short AS (SELECT * FROM offered WHERE available < units),
verdict AS (SELECT NOT EXISTS (SELECT FROM short) AS granted)
"""
_NOTE = "noted AS (INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM taken)"
_ANSWER = """
SELECT granted, (
    SELECT jsonb_agg(jsonb_build_array(sku, location, units, available) ORDER BY sku, location)
    FROM short
) AS short FROM verdict
"""
_INSERT = """
INSERT INTO reservation (id, owner, request_id, state, lines, expires_at, created_at)
SELECT $4, $5, $6, $7, $8, $9, $10 FROM verdict WHERE granted
"""
RESERVE = f"""
WITH {_DECIDE},
taken AS (
    UPDATE stock_item s SET reserved = s.reserved + w.units, version = s.version + 1
    FROM wanted w, verdict
    WHERE granted AND s.sku = w.sku AND s.location = w.location RETURNING s.sku
), {_NOTE}, held AS ({_INSERT})
{_ANSWER}
"""
SELL = f"""
WITH {_DECIDE},
taken AS (
    UPDATE stock_item s SET on_hand = s.on_hand - w.units, version = s.version + 1
    FROM wanted w, verdict
    WHERE granted AND s.sku = w.sku AND s.location = w.location RETURNING s.sku
), {_NOTE}, held AS ({_INSERT})
{_ANSWER}
"""
TAKE_AGAIN = f"""
WITH {_DECIDE},
taken AS (
    UPDATE stock_item s SET reserved = s.reserved + w.units, version = s.version + 1
    FROM wanted w, verdict
    WHERE granted AND s.sku = w.sku AND s.location = w.location RETURNING s.sku
), {_NOTE}
{_ANSWER}
"""
_LOCK_STOCK = f"""
locked AS (
    SELECT s.sku, s.location, w.units FROM stock_item s JOIN {_WANTED} USING (sku, location)
    ORDER BY s.sku, s.location FOR UPDATE OF s
)
"""
GIVE_BACK = f"""
WITH {_LOCK_STOCK},
taken AS (
    UPDATE stock_item s SET reserved = s.reserved - k.units, version = s.version + 1
    FROM locked k WHERE s.sku = k.sku AND s.location = k.location RETURNING s.sku
)
INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM taken
"""
LET_GO = f"""
WITH {_LOCK_STOCK},
taken AS (
    UPDATE stock_item s SET on_hand = s.on_hand - k.units, reserved = s.reserved - k.units,
        version = s.version + 1
    FROM locked k WHERE s.sku = k.sku AND s.location = k.location RETURNING s.sku
)
INSERT INTO stock_change (sku) SELECT DISTINCT sku FROM taken
"""
_COLUMNS = "id, owner, state, lines, expires_at, created_at"
GET = f"SELECT {_COLUMNS} FROM reservation WHERE id = $1"
LOCK = f"{GET} FOR UPDATE"
SAVE = "UPDATE reservation SET state = $2, lines = $3 WHERE id = $1"
LOCK_EXPIRED = f"""
SELECT {_COLUMNS} FROM reservation WHERE state = 1 AND expires_at <= $1
ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def reserve(
    session: Session, wanted: Sequence[Quantity], reservation: Reservation, request_id: str
) -> list[Shortage]:
    """Promises all of `wanted` and stores the reservation, or tells what is short."""
    return _shortages(
        await session.fetchrow(RESERVE, *columns(wanted), *_values(reservation, request_id))
    )


async def sell(
    session: Session, wanted: Sequence[Quantity], reservation: Reservation, request_id: str
) -> list[Shortage]:
    """Takes all of `wanted` off what is on hand at once, or tells what is short."""
    return _shortages(
        await session.fetchrow(SELL, *columns(wanted), *_values(reservation, request_id))
    )


async def take_again(session: Session, wanted: Sequence[Quantity]) -> list[Shortage]:
    """Promises units once more for a reservation that had expired, or tells what is short."""
    return _shortages(await session.fetchrow(TAKE_AGAIN, *columns(wanted)))


async def give_back(session: Session, units: Sequence[Quantity]) -> None:
    """Frees promised units; each place once."""
    await session.execute(GIVE_BACK, *columns(units))


async def let_go(session: Session, units: Sequence[Quantity]) -> None:
    """Takes promised units off what is on hand; each place once."""
    await session.execute(LET_GO, *columns(units))


async def get(session: Session, reservation: str) -> Reservation | None:
    """The reservation, as it is."""
    row = await session.fetchrow(GET, reservation)
    return None if row is None else _reservation(row)


async def lock(session: Session, reservation: str) -> Reservation | None:
    """The reservation, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK, reservation)
    return None if row is None else _reservation(row)


async def save(session: Session, reservation: Reservation) -> None:
    """Stores the state and the lines of a locked reservation."""
    lines = [_stored(line) for line in reservation.lines]
    await session.execute(SAVE, reservation.id, int(reservation.state), lines)


async def lock_expired(session: Session, now: datetime, most: int) -> list[Reservation]:
    """Held reservations whose time is up, those that nobody else is working on."""
    return [_reservation(row) for row in await session.fetch(LOCK_EXPIRED, now, most)]


def _shortages(row: Row | None) -> list[Shortage]:
    assert row is not None, "the verdict is always one row"
    if row["granted"]:
        return []
    return [Shortage(*line) for line in row["short"]]


def _values(reservation: Reservation, request_id: str) -> tuple[Any, ...]:
    return (
        reservation.id,
        reservation.owner,
        request_id,
        int(reservation.state),
        [_stored(line) for line in reservation.lines],
        reservation.expires_at,
        reservation.created_at,
    )


def _stored(line: Line) -> list[Any]:
    return [line.sku, line.location, line.units, line.consumed, line.released]


def _reservation(row: Row) -> Reservation:
    return Reservation(
        id=row["id"],
        owner=row["owner"],
        state=State(row["state"]),
        lines=tuple(Line(*line) for line in row["lines"]),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
    )
