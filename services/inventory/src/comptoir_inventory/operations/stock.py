"""Goods that come in, counts, and what is known of stock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from comptoir_inventory import errors, events
from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import (
    Availability,
    Level,
    Movement,
    Place,
    Quantity,
    Reason,
    entry_of,
    first_duplicate,
    moved,
    summed,
)
from comptoir_inventory.operations.board import Board, read_availability
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.store import selling as selling_store
from comptoir_inventory.store import stock as store
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id

# Differences a check tells: who has more has one mistake, many times.
MOST_DIFFERENCES = 1000


async def receive_stock(
    session: Session, board: Board, lines: Sequence[Quantity], reference: str, actor: str
) -> list[Availability]:
    """Adds goods that came in; units are at least one in each line."""
    for index, line in enumerate(lines):
        if line.units < 1:
            raise errors.nothing_received(index)
    await require_known(session, {line.location for line in lines})
    received = summed(lines)
    await bring_in(session, board, received, reference)
    await move(session, received, Reason.RECEIPT, reference, actor)
    return await figures(session, received)


async def count_stock(
    session: Session, board: Board, lines: Sequence[Quantity], reference: str, actor: str
) -> list[Availability]:
    """Sets what was counted; the differences become movements."""
    _each_place_once(lines)
    await require_known(session, {line.location for line in lines})
    await store.make(session, places_of(lines))
    present = await store.lock(session, places_of(lines))
    differences = []
    for line in lines:
        level = present[line.sku, line.location]
        if line.units < level.reserved:
            raise errors.CountBelowReserved(line.sku, line.location, level.reserved)
        if line.units != level.on_hand:
            differences.append(Quantity(line.sku, line.location, line.units - level.on_hand))
    await _apply(session, board, differences)
    await move(session, differences, Reason.COUNT, reference, actor)
    return await figures(session, lines)


async def adjust_stock(
    session: Session,
    board: Board,
    lines: Sequence[Quantity],
    reason: Reason,
    reference: str,
    actor: str,
) -> list[Availability]:
    """Adds to what is on hand or takes off it; what is promised must stay covered."""
    _each_place_once(lines)
    await require_known(session, {line.location for line in lines})
    await store.make(session, places_of(lines))
    await require_free(session, lines)
    await _apply(session, board, lines)
    await move(session, lines, reason, reference, actor)
    return await figures(session, lines)


async def set_safety_stock(
    session: Session, board: Board, lines: Sequence[tuple[Quantity, int]]
) -> list[Availability]:
    """Sets units kept back from sale, each with the figure at which to warn (0: never)."""
    quantities = [line for line, _ in lines]
    _each_place_once(quantities)
    await require_known(session, {line.location for line in quantities})
    await store.make(session, places_of(quantities))
    rows = [(line.sku, line.location, line.units, low) for line, low in lines]
    board.changed(session, await store.set_safety_stock(session, rows))
    return await figures(session, quantities)


async def list_movements(
    session: Session, sku: str, location: str, before: int, size: int
) -> list[tuple[int, Movement]]:
    """Movements below a position, newest first, each with its position."""
    return await store.movements(session, sku, location, before, size)


async def check_stock(session: Session) -> tuple[int, list[tuple[str, str, str, int, int]]]:
    """How many places there are, and (sku, location, figure, kept, expected) where books differ."""
    moved_otherwise = await store.moved_otherwise(session, MOST_DIFFERENCES)
    promised_otherwise = await store.promised_otherwise(session, MOST_DIFFERENCES)
    differences = [
        (sku, location, figure, kept, expected)
        for figure, found in (("on_hand", moved_otherwise), ("promised", promised_otherwise))
        for sku, location, kept, expected in found
    ]
    return await store.places(session), differences[:MOST_DIFFERENCES]


async def announce_changes(session: Session, most: int) -> int:
    """Publishes the availability of up to `most` changed skus; answers how many it found.

    A change only notes the sku, in its own transaction. The figures are read here, once for
    many changes: a hot product does not pay for a state event with every unit it sells.
    """
    skus = await store.take_changes(session, most)
    if not skus:
        return 0
    levels, active, with_policy = await store.told_levels(session, skus)
    terms = await selling_store.terms(session, sorted(with_policy)) if with_policy else {}
    rank = {code: (0.0, code) for code in active}
    now = session.clock.now()
    by_sku: dict[str, list[Level]] = defaultdict(list)
    for level in levels:
        by_sku[level.sku].append(level)
    for sku in skus:
        entry = entry_of(sku, by_sku[sku], rank, now, terms.get(sku))
        session.emit(events.availability_state(entry))
    return len(skus)


async def bring_in(
    session: Session, board: Board, lines: Sequence[Quantity], reference: str
) -> None:
    """Adds units, each place once; what was expected with the reference is so no more."""
    await store.make(session, places_of(lines))
    await _apply(session, board, lines)
    if reference:
        await selling_store.arrived(session, reference, lines)


async def take_out(session: Session, board: Board, lines: Sequence[Quantity]) -> None:
    """Takes units off what is on hand, each place once; refuses what is promised."""
    leaving = [Quantity(line.sku, line.location, -line.units) for line in lines]
    await require_free(session, leaving)
    await _apply(session, board, leaving)


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


async def require_stocked(session: Session, skus: Sequence[str]) -> None:
    """Raises `SkuNotFound` naming the first sku that no location ever had."""
    known = await store.known(session, skus)
    for sku in skus:
        if sku not in known:
            raise errors.SkuNotFound(sku)


async def require_free(session: Session, changes: Sequence[Quantity]) -> None:
    """Raises `NotEnoughStock` unless what is promised stays covered; the places are locked."""
    present = await store.lock(session, places_of(changes))
    for line in changes:
        level = present.get((line.sku, line.location))
        free = 0 if level is None else level.on_hand - level.reserved
        if free + line.units < 0:
            raise errors.NotEnoughStock(line.sku, line.location, free)


def places_of(lines: Iterable[Quantity]) -> list[Place]:
    """The places of lines, in the order of locks."""
    return sorted({(line.sku, line.location) for line in lines})


async def figures(session: Session, lines: Iterable[Quantity]) -> list[Availability]:
    """What can be promised of the skus of these lines, as this transaction leaves it."""
    skus = list(dict.fromkeys(line.sku for line in lines))
    return await read_availability(session, skus, Wish())


async def _apply(session: Session, board: Board, lines: Sequence[Quantity]) -> None:
    board.changed(session, await store.change(session, [moved(line) for line in lines]))


def _each_place_once(lines: Sequence[Quantity]) -> None:
    duplicate = first_duplicate(lines)
    if duplicate is not None:
        line = lines[duplicate]
        raise errors.duplicate_line(duplicate, line.sku, line.location)
