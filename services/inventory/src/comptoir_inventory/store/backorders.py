"""Who waits for units that were promised beyond stock, in the database.

The figures of a place say how many units are missing there; these rows say of whose promises.
A place's figures are locked before its rows change.
"""

from __future__ import annotations

from collections.abc import Sequence

from comptoir_inventory.domain.covering import Waiting, not_come
from comptoir_inventory.domain.reservations import Line, Reservation, State
from comptoir_inventory.domain.stock import Place
from comptoir_runtime.database import Session

NOTE = """
INSERT INTO backorder (reservation, sku, location, units)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[])
"""
TRIM = """
WITH kept AS (
    SELECT * FROM unnest($2::text[], $3::text[], $4::int[]) AS k (sku, location, units)
),
gone AS (
    DELETE FROM backorder b USING kept k
    WHERE b.reservation = $1 AND b.sku = k.sku AND b.location = k.location AND k.units = 0
)
UPDATE backorder b SET units = least(b.units, k.units) FROM kept k
WHERE b.reservation = $1 AND b.sku = k.sku AND b.location = k.location AND k.units > 0
"""
FORGET = "DELETE FROM backorder WHERE reservation = ANY($1::text[])"
COVERED_PLACES = """
SELECT sku, location FROM stock_item s
JOIN (SELECT sku, location, sum(units) AS waiting FROM backorder GROUP BY 1, 2) AS b
    USING (sku, location)
WHERE b.waiting > s.backordered ORDER BY sku, location
"""
LOCK_PLACE = "SELECT backordered FROM stock_item WHERE sku = $1 AND location = $2 FOR UPDATE"
WAITING = """
SELECT b.position, b.reservation, b.units, r.owner, r.state, sum(b.units) OVER () AS waiting
FROM backorder b JOIN reservation r ON r.id = b.reservation
WHERE b.sku = $1 AND b.location = $2 ORDER BY b.position LIMIT $3
"""
COVER = """
WITH came AS (SELECT * FROM unnest($1::bigint[], $2::int[]) AS c (position, units)),
gone AS (
    DELETE FROM backorder b USING came c WHERE b.position = c.position AND b.units <= c.units
)
UPDATE backorder b SET units = b.units - c.units FROM came c
WHERE b.position = c.position AND b.units > c.units
"""
STILL_WAITING = """
SELECT DISTINCT reservation FROM backorder WHERE reservation = ANY($1::text[]) AND location = $2
"""

LATE = """
SELECT own.sku, own.location, own.units, s.backordered,
    sum(b.units) FILTER (WHERE b.position < own.position) AS ahead, sum(b.units) AS waiting
FROM backorder own JOIN stock_item s USING (sku, location)
JOIN backorder b USING (sku, location)
WHERE own.reservation = $1 GROUP BY own.position, s.sku, s.location
"""


async def note(session: Session, promised: Sequence[tuple[str, Sequence[Line]]]) -> None:
    """Notes what of new promises is not there yet, in their order."""
    rows = [
        (reservation, line.sku, line.location, line.backordered)
        for reservation, lines in promised
        for line in lines
        if line.backordered
    ]
    if rows:
        await session.execute(NOTE, *map(list, zip(*rows, strict=True)))


async def trim(session: Session, reservation: Reservation) -> None:
    """Waits for no more units of a promise than are left of it."""
    late = [line for line in reservation.lines if line.backordered]
    if late:
        await session.execute(
            TRIM,
            reservation.id,
            [line.sku for line in late],
            [line.location for line in late],
            [line.left for line in late],
        )


async def forget(session: Session, ended: Sequence[Reservation]) -> None:
    """Waits for nothing any more for promises that have ended."""
    late = [each.id for each in ended if any(line.backordered for line in each.lines)]
    if late:
        await session.execute(FORGET, late)


async def covered_places(session: Session) -> list[Place]:
    """Places where units have come that some promise waits for."""
    return [(row["sku"], row["location"]) for row in await session.fetch(COVERED_PLACES)]


async def lock_waiting(session: Session, place: Place, most: int) -> tuple[list[Waiting], int]:
    """The first that wait at a place, kept from others, and how many units came for all."""
    missing = await session.fetchval(LOCK_PLACE, *place)
    rows = await session.fetch(WAITING, *place, most)
    waiting = [
        Waiting(
            row["position"], row["reservation"], row["owner"], State(row["state"]), row["units"]
        )
        for row in rows
    ]
    return waiting, rows[0]["waiting"] - missing if rows else 0


async def cover(session: Session, came: Sequence[tuple[Waiting, int]]) -> None:
    """Takes units that have come off what is waited for."""
    await session.execute(COVER, [each.position for each, _ in came], [units for _, units in came])


async def late(session: Session, reservation: str) -> dict[Place, int]:
    """By place, which must be locked, the units of a promise that have not come."""
    return {
        (row["sku"], row["location"]): not_come(
            row["units"], row["ahead"] or 0, row["waiting"], row["backordered"]
        )
        for row in await session.fetch(LATE, reservation)
    }


async def still_waiting(session: Session, reservations: Sequence[str], location: str) -> set[str]:
    """Those of the promises that wait for something at the location."""
    rows = await session.fetch(STILL_WAITING, list(reservations), location)
    return {row["reservation"] for row in rows}
