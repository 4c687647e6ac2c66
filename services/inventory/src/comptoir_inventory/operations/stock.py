"""Goods that come in, counts, and what is known of stock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from comptoir_inventory import errors, events
from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import (
    Availability,
    Movement,
    Quantity,
    Reason,
    availability,
    first_duplicate,
    summed,
)
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.store import locations as location_store
from comptoir_inventory.store import stock as store
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id


async def get_availability(session: Session, skus: Sequence[str], wish: Wish) -> list[Availability]:
    """What of these skus can be promised at the wished locations, in the order asked."""
    levels = await store.levels(session, skus)
    locations = await location_store.everywhere(session)
    return availability(skus, levels, locations, wish, session.clock.now())


async def receive_stock(
    session: Session, lines: Sequence[Quantity], reference: str, actor: str
) -> list[Availability]:
    """Adds goods that came in; units are at least one in each line."""
    for index, line in enumerate(lines):
        if line.units < 1:
            raise errors.nothing_received(index)
    await require_known(session, {line.location for line in lines})
    received = summed(lines)
    await store.receive(session, received)
    await move(session, received, Reason.RECEIPT, reference, actor)
    return await _figures(session, received)


async def count_stock(
    session: Session, lines: Sequence[Quantity], reference: str, actor: str
) -> list[Availability]:
    """Sets what was counted; the differences become movements."""
    duplicate = first_duplicate(lines)
    if duplicate is not None:
        line = lines[duplicate]
        raise errors.duplicate_line(duplicate, line.sku, line.location)
    await require_known(session, {line.location for line in lines})
    present = await store.lock_to_count(session, lines)
    differences = []
    for line in lines:
        level = present[line.sku, line.location]
        if line.units < level.reserved:
            raise errors.CountBelowReserved(line.sku, line.location, level.reserved)
        if line.units != level.on_hand:
            differences.append(Quantity(line.sku, line.location, line.units - level.on_hand))
    await store.set_counted(session, lines)
    await move(session, differences, Reason.COUNT, reference, actor)
    return await _figures(session, lines)


async def list_movements(
    session: Session, sku: str, location: str, before: int, size: int
) -> list[tuple[int, Movement]]:
    """Movements below a position, newest first, each with its position."""
    return await store.movements(session, sku, location, before, size)


async def check_movements(session: Session) -> list[str]:
    """A sentence for each place whose figure is not the sum of its movements; none is right."""
    return [
        f"{sku} at {location}: {on_hand} on hand, {moved} by its movements"
        for sku, location, on_hand, moved in await store.differences(session)
    ]


async def announce_changes(session: Session, most: int) -> int:
    """Publishes the availability of up to `most` changed skus; answers how many it found.

    A change only notes the sku, in its own transaction. The figures are read here, once for
    many changes: a hot product does not pay for a state event with every unit it sells.
    """
    skus = await store.take_changes(session, most)
    for entry in await get_availability(session, skus, Wish()) if skus else ():
        session.emit(events.availability_state(entry))
    return len(skus)


async def move(
    session: Session, changes: Iterable[Quantity], reason: Reason, reference: str, actor: str
) -> None:
    """Writes a movement for each change of what is on hand, and tells the others."""
    now = session.clock.now()
    movements = [
        Movement(new_id("mov"), each.sku, each.location, each.units, reason, reference, actor, now)
        for each in changes
    ]
    await store.add_movements(session, movements)
    for movement in movements:
        session.emit(events.stock_moved(movement))


async def _figures(session: Session, lines: Iterable[Quantity]) -> list[Availability]:
    skus = list(dict.fromkeys(line.sku for line in lines))
    return await get_availability(session, skus, Wish())
