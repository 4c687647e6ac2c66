"""Locations, in the database."""

from __future__ import annotations

from typing import Any

from comptoir_inventory.domain.locations import Location, LocationKind
from comptoir_runtime.addresses import Address, Point
from comptoir_runtime.database import Row, Session, Where

_COLUMNS = (
    "code, kind, name, address, latitude, longitude, time_zone, "
    "can_ship, can_pick_up, can_return, active, version, daily_capacity, cut_off, channels"
)
INSERT = f"""
INSERT INTO location ({_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (code) DO NOTHING RETURNING code
"""
UPDATE = """
UPDATE location SET kind = $2, name = $3, address = $4, latitude = $5, longitude = $6,
    time_zone = $7, can_ship = $8, can_pick_up = $9, can_return = $10, active = $11, version = $12,
    daily_capacity = $13, cut_off = $14, channels = $15
WHERE code = $1
"""
LOCK = f"SELECT {_COLUMNS} FROM location WHERE code = $1 FOR UPDATE"
ALL = f"SELECT {_COLUMNS} FROM location"
IS_TIME_ZONE = "SELECT EXISTS (SELECT FROM pg_timezone_names WHERE name = $1)"
UNKNOWN = """
SELECT code FROM unnest($1::text[]) AS code
WHERE NOT EXISTS (SELECT 1 FROM location WHERE location.code = code.code) ORDER BY code LIMIT 1
"""
# What a location offers, and to whom, changes what can be promised: the revisions grow.
TOUCH_STOCK_AT = """
WITH locked AS (
    SELECT sku FROM stock_item WHERE location = $1 ORDER BY sku FOR UPDATE
),
touched AS (
    UPDATE stock_item s SET version = s.version + 1 FROM locked k
    WHERE s.sku = k.sku AND s.location = $1 RETURNING s.sku
)
INSERT INTO stock_change (sku) SELECT sku FROM touched
"""


async def insert(session: Session, location: Location) -> bool:
    """Whether the code was free and the location is stored."""
    return await session.fetchval(INSERT, *_values(location)) is not None


async def update(session: Session, location: Location) -> None:
    """Stores the location, known by its code."""
    await session.execute(UPDATE, *_values(location))


async def lock(session: Session, code: str) -> Location | None:
    """The location, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK, code)
    return None if row is None else _location(row)


async def everywhere(session: Session) -> dict[str, Location]:
    """Every location by its code."""
    return {row["code"]: _location(row) for row in await session.fetch(ALL)}


async def page(session: Session, kind: int, after: str, size: int) -> list[Location]:
    """Locations of a kind (0: all) in the order of their codes."""
    where = Where()
    where.add("code > {}", after)
    if kind:
        where.add("kind = {}", kind)
    most = where.parameter(size)
    rows = await session.fetch(f"{ALL} {where} ORDER BY code LIMIT {most}", *where.values)
    return [_location(row) for row in rows]


async def first_unknown(session: Session, codes: list[str]) -> str | None:
    """A code no location has."""
    unknown: str | None = await session.fetchval(UNKNOWN, codes)
    return unknown


async def is_time_zone(session: Session, name: str) -> bool:
    """Whether the database knows the time zone; images hold none themselves."""
    known: bool = await session.fetchval(IS_TIME_ZONE, name)
    return known


async def announce_stock_at(session: Session, code: str) -> None:
    """Has the availability of every sku held there announced, with a higher revision."""
    await session.execute(TOUCH_STOCK_AT, code)


def _values(location: Location) -> tuple[Any, ...]:
    address, point = location.address, location.address.point
    return (
        location.code,
        location.kind,
        location.name,
        {
            "recipient": address.recipient,
            "lines": list(address.lines),
            "postal_code": address.postal_code,
            "city": address.city,
            "country": address.country,
            "phone": address.phone,
        },
        None if point is None else point.latitude,
        None if point is None else point.longitude,
        location.time_zone,
        location.can_ship,
        location.can_pick_up,
        location.can_return,
        location.active,
        location.version,
        location.daily_capacity,
        location.cut_off,
        sorted(location.channels),
    )


def _location(row: Row) -> Location:
    address: dict[str, Any] = row["address"]
    known = row["latitude"] is not None and row["longitude"] is not None
    return Location(
        code=row["code"],
        kind=LocationKind(row["kind"]),
        name=row["name"],
        address=Address(
            recipient=address["recipient"],
            lines=tuple(address["lines"]),
            postal_code=address["postal_code"],
            city=address["city"],
            country=address["country"],
            phone=address["phone"],
            point=Point(row["latitude"], row["longitude"]) if known else None,
        ),
        time_zone=row["time_zone"],
        can_ship=row["can_ship"],
        can_pick_up=row["can_pick_up"],
        can_return=row["can_return"],
        active=row["active"],
        version=row["version"],
        daily_capacity=row["daily_capacity"],
        cut_off=row["cut_off"],
        channels=frozenset(row["channels"]),
    )
