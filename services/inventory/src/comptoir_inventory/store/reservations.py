"""Promises of stock, in the database.

Stock rows are always locked in (sku, location) order; a reservation's own row is locked
before its stock. So no two transactions can wait for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from comptoir_inventory.domain.reservations import Line, Reservation, State
from comptoir_inventory.domain.stock import Change, Changed
from comptoir_inventory.store import stock
from comptoir_runtime.database import Row, Session

# Fields of a stored line that was promised from what is there.
UNITS_ONLY = 5

_COLUMNS = "id, owner, state, lines, expires_at, created_at, revoked_by, revoke_reason"
GET = f"SELECT {_COLUMNS} FROM reservation WHERE id = $1"
LOCK = f"{GET} FOR UPDATE"
SAVE = """
UPDATE reservation SET state = $2, lines = $3, expires_at = $4, revoked_by = $5, revoke_reason = $6
WHERE id = $1
"""
SAVE_MANY = """
UPDATE reservation r SET state = $2 FROM unnest($1::text[]) AS ended (id) WHERE r.id = ended.id
"""
CONFIRM = f"UPDATE reservation SET state = 2 WHERE id = $1 AND state = 1 RETURNING {_COLUMNS}"
BY_REQUESTS = f"""
SELECT {_COLUMNS}, request_id FROM reservation
JOIN unnest($1::text[], $2::text[]) AS w (owner, request_id) USING (owner, request_id)
"""
LOCK_EXPIRED = f"""
SELECT {_COLUMNS} FROM reservation WHERE state = 1 AND expires_at <= $1
ORDER BY expires_at LIMIT $2 FOR UPDATE"""
LOCK_EXPIRED_AND_FREE = f"{LOCK_EXPIRED} SKIP LOCKED"


async def hold(
    session: Session, changes: Sequence[Change], made: Sequence[tuple[Reservation, str]]
) -> list[Changed]:
    """Changes figures and stores new promises, each with the id of its request.

    As `store.stock.change`: what the figures do not allow is left out.
    """
    return await stock.hold(
        session, changes, [_values(reservation, request_id) for reservation, request_id in made]
    )


async def get(session: Session, reservation: str) -> Reservation | None:
    """The reservation, as it is."""
    row = await session.fetchrow(GET, reservation)
    return None if row is None else _reservation(row)


async def by_requests(
    session: Session, requests: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Reservation]:
    """The promises that these requests were given, by owner and id of the request."""
    owners, ids = [owner for owner, _ in requests], [request for _, request in requests]
    rows = await session.fetch(BY_REQUESTS, owners, ids)
    return {(row["owner"], row["request_id"]): _reservation(row) for row in rows}


async def lock(session: Session, reservation: str) -> Reservation | None:
    """The reservation, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK, reservation)
    return None if row is None else _reservation(row)


async def save(session: Session, reservation: Reservation) -> None:
    """Stores what may change of a locked reservation."""
    await session.execute(
        SAVE,
        reservation.id,
        int(reservation.state),
        [_stored(line) for line in reservation.lines],
        reservation.expires_at,
        reservation.revoked_by,
        reservation.revoke_reason,
    )


async def save_state(session: Session, ids: Sequence[str], state: State) -> None:
    """Moves locked reservations to a state."""
    await session.execute(SAVE_MANY, list(ids), int(state))


async def confirm(session: Session, reservation: str) -> Reservation | None:
    """Confirms a promise that is held, in one statement; None when it is not."""
    row = await session.fetchrow(CONFIRM, reservation)
    return None if row is None else _reservation(row)


async def lock_expired(
    session: Session, now: datetime, most: int, *, waits: bool
) -> list[Reservation]:
    """Held reservations whose time is up; without `waits` those that nobody else works on."""
    statement = LOCK_EXPIRED if waits else LOCK_EXPIRED_AND_FREE
    return [_reservation(row) for row in await session.fetch(statement, now, most)]


def _values(reservation: Reservation, request_id: str) -> tuple[Any, ...]:
    return (
        reservation.id,
        reservation.owner,
        request_id,
        int(reservation.state),
        reservation.expires_at,
        reservation.created_at,
        [_stored(line) for line in reservation.lines],
    )


def _stored(line: Line) -> list[Any]:
    stored: list[Any] = [line.sku, line.location, line.units, line.consumed, line.released]
    if line.backordered:
        expected = None if line.expected_at is None else line.expected_at.timestamp()
        stored += [line.backordered, expected]
    return stored


def _line(stored: Sequence[Any]) -> Line:
    line = Line(*stored[:UNITS_ONLY])
    if len(stored) == UNITS_ONLY:
        return line
    backordered, seconds = stored[UNITS_ONLY:]
    expected = None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return replace(line, backordered=backordered, expected_at=expected)


def _reservation(row: Row) -> Reservation:
    return Reservation(
        id=row["id"],
        owner=row["owner"],
        state=State(row["state"]),
        lines=tuple(map(_line, row["lines"])),
        expires_at=row["expires_at"],
        created_at=row["created_at"],
        revoked_by=row["revoked_by"],
        revoke_reason=row["revoke_reason"],
    )
