"""Telling whose back-orders have come."""

from __future__ import annotations

from comptoir_inventory import events
from comptoir_inventory.domain.covering import covered
from comptoir_inventory.domain.stock import Place
from comptoir_inventory.store import backorders as store
from comptoir_runtime.database import Session, Transactions

MOST_AT_ONCE = 1000


async def cover_all(transactions: Transactions) -> None:
    """Gives what has come to those who wait for it, place by place."""
    async with transactions.reading() as session:
        places = await store.covered_places(session)
    for place in places:
        await _cover_place(transactions, place)


async def _cover_place(transactions: Transactions, place: Place) -> None:
    while await transactions.run(lambda session: cover(session, place)):
        pass


async def cover(session: Session, place: Place) -> bool:
    """As `cover_all`, at one place for the first who wait; whether there may be more."""
    waiting, units = await store.lock_waiting(session, place, MOST_AT_ONCE)
    came = covered(waiting, units)
    if not came:
        return False
    await store.cover(session, came)
    _, location = place
    owners = {each.reservation: each.owner for each, _ in came}
    late = await store.still_waiting(session, list(owners), location)
    for reservation, owner in owners.items():
        if reservation not in late:
            session.emit(events.reservation_covered(reservation, owner, location))
    return len(waiting) == MOST_AT_ONCE
