"""Creating, changing and listing locations."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from comptoir_inventory import errors, events
from comptoir_inventory.domain.locations import Location
from comptoir_inventory.errors import LocationExists, LocationNotFound
from comptoir_inventory.operations.board import Board
from comptoir_inventory.store import locations as store
from comptoir_runtime import etag
from comptoir_runtime.database import Session

CHANGEABLE = frozenset(
    {
        "kind",
        "name",
        "address",
        "time_zone",
        "can_ship",
        "can_pick_up",
        "can_return",
        "active",
        "daily_capacity",
        "cut_off",
        "channels",
    }
)


async def create_location(session: Session, board: Board, location: Location) -> Location:
    """Stores a location under a new code."""
    await _require_time_zone(session, location)
    if not await store.insert(session, location):
        raise LocationExists(location.code)
    board.location_changed(session, location.code)
    session.emit(events.location_state(location))
    return location


async def update_location(
    session: Session,
    board: Board,
    wanted: Location,
    fields: AbstractSet[str],
    given_etag: str,
) -> Location:
    """Changes the named fields; where it opens, closes or serves others, its stock is told anew."""
    present = await store.lock(session, wanted.code)
    if present is None:
        raise LocationNotFound(wanted.code)
    etag.check(given_etag, present.version)
    changes = {field: getattr(wanted, field) for field in fields}
    changed = replace(present, **changes, version=present.version + 1)
    if changed.time_zone != present.time_zone:
        await _require_time_zone(session, changed)
    await store.update(session, changed)
    if (present.active, present.channels) != (changed.active, changed.channels):
        await store.announce_stock_at(session, changed.code)
    board.location_changed(session, changed.code)
    session.emit(events.location_state(changed))
    return changed


async def _require_time_zone(session: Session, location: Location) -> None:
    name = location.time_zone
    if name and not await store.is_time_zone(session, name):
        raise errors.invalid("location.time_zone", "no such time zone in the IANA database")


async def list_locations(session: Session, kind: int, after: str, size: int) -> list[Location]:
    """Locations in the order of their codes."""
    return await store.page(session, kind, after, size)


async def require_known(session: Session, codes: AbstractSet[str]) -> None:
    """Raises `LocationNotFound` naming the first code nobody knows."""
    unknown = await store.first_unknown(session, sorted(codes))
    if unknown is not None:
        raise LocationNotFound(unknown)
