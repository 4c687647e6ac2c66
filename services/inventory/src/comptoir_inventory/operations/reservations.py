"""Promising stock, and what becomes of promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from comptoir_inventory import errors, events
from comptoir_inventory.domain.reservations import (
    DEFAULT_TIME_TO_LIVE,
    OPEN,
    Line,
    Reservation,
    State,
)
from comptoir_inventory.domain.stock import Quantity, Reason, summed
from comptoir_inventory.operations.locations import require_known
from comptoir_inventory.operations.stock import move
from comptoir_inventory.store import reservations as store
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id

SWEEP_BATCH = 100


async def reserve(
    session: Session,
    owner: str,
    request_id: str,
    lines: Sequence[Quantity],
    time_to_live: timedelta | None,
) -> Reservation:
    """Promises all lines or none, for `time_to_live` (15 minutes when None)."""
    now = session.clock.now()
    wanted = summed(lines)
    reservation = Reservation(
        id=new_id("rsv"),
        owner=owner,
        state=State.HELD,
        lines=tuple(Line(each.sku, each.location, each.units) for each in wanted),
        expires_at=now + (time_to_live or DEFAULT_TIME_TO_LIVE),
        created_at=now,
    )
    shortages = await store.reserve(session, wanted, reservation, request_id)
    # What is short may be held by promises whose time is up and that nobody has swept yet.
    if shortages and await sweep(session):
        shortages = await store.reserve(session, wanted, reservation, request_id)
    await _refuse(session, shortages)
    return reservation


async def sell_stock(
    session: Session, owner: str, request_id: str, lines: Sequence[Quantity], actor: str
) -> Reservation:
    """Sells over the counter: promised and gone in one step, all lines or none."""
    now = session.clock.now()
    wanted = summed(lines)
    sold = Reservation(
        id=new_id("rsv"),
        owner=owner,
        state=State.CONSUMED,
        lines=tuple(
            Line(each.sku, each.location, each.units, consumed=each.units) for each in wanted
        ),
        expires_at=now,
        created_at=now,
    )
    shortages = await store.sell(session, wanted, sold, request_id)
    if shortages and await sweep(session):
        shortages = await store.sell(session, wanted, sold, request_id)
    await _refuse(session, shortages)
    await move(session, _taken_off(wanted), Reason.SALE, owner, actor)
    return sold


async def confirm_reservation(session: Session, reservation_id: str) -> Reservation:
    """Makes a promise stand without end.

    One that had expired is taken up again when its units are still free, in the same
    transaction. Confirming what is confirmed or gone changes nothing.
    """
    reservation = await _lock(session, reservation_id)
    if reservation.state in (State.CONFIRMED, State.CONSUMED):
        return reservation
    if reservation.state is State.RELEASED:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    if reservation.state is State.EXPIRED:
        wanted = reservation.everything_left()
        if await store.take_again(session, wanted):
            raise errors.ReservationExpired(reservation.id)
    confirmed = reservation.moved(State.CONFIRMED)
    await store.save(session, confirmed)
    return confirmed


async def keep_for_order(session: Session, reservation_id: str) -> None:
    """Confirms the promise an order was placed on.

    An order that is called off at once gives its stock back before the news of its placement
    arrive: then there is nothing to keep.
    """
    reservation = await _lock(session, reservation_id)
    if reservation.state is not State.RELEASED:
        await confirm_reservation(session, reservation_id)


async def release_reservation(
    session: Session, reservation_id: str, lines: Sequence[Quantity]
) -> Reservation:
    """Gives units back, all that are left when `lines` is empty."""
    reservation = await _lock(session, reservation_id)
    if reservation.state not in OPEN:
        return reservation
    units = _chosen(reservation, lines)
    await store.give_back(session, units)
    released = reservation.release(units)
    await store.save(session, released)
    return released


async def consume_reservation(
    session: Session, reservation_id: str, lines: Sequence[Quantity], reference: str, actor: str
) -> Reservation:
    """Records that promised goods have left, all that are left when `lines` is empty."""
    reservation = await _lock(session, reservation_id)
    if reservation.state is State.EXPIRED:
        reservation = await confirm_reservation(session, reservation_id)
    if reservation.state not in OPEN:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    units = _chosen(reservation, lines)
    await store.let_go(session, units)
    consumed = reservation.consume(units)
    await store.save(session, consumed)
    await move(session, _taken_off(units), Reason.SALE, reference or reservation.owner, actor)
    return consumed


async def get_reservation(session: Session, reservation_id: str) -> Reservation:
    """The reservation; raises `ReservationNotFound`."""
    reservation = await store.get(session, reservation_id)
    if reservation is None:
        raise errors.ReservationNotFound(reservation_id)
    return reservation


async def sweep(session: Session) -> int:
    """Gives back held promises whose time is up, a batch of them; answers how many."""
    expired = await store.lock_expired(session, session.clock.now(), SWEEP_BATCH)
    if not expired:
        return 0
    await store.give_back(
        session, summed(each for held in expired for each in held.everything_left())
    )
    for held in expired:
        ended = held.moved(State.EXPIRED)
        await store.save(session, ended)
        session.emit(events.reservation_expired(ended))
    return len(expired)


async def _lock(session: Session, reservation_id: str) -> Reservation:
    reservation = await store.lock(session, reservation_id)
    if reservation is None:
        raise errors.ReservationNotFound(reservation_id)
    return reservation


async def _refuse(session: Session, shortages: Sequence[errors.Shortage]) -> None:
    if shortages:
        await require_known(session, {short.location for short in shortages})
        raise errors.OutOfStock(shortages)


def _chosen(reservation: Reservation, lines: Sequence[Quantity]) -> list[Quantity]:
    if not lines:
        return summed(reservation.everything_left())
    chosen = summed(lines)
    for each in chosen:
        left = reservation.left_at((each.sku, each.location))
        if each.units > left:
            raise errors.NotReserved(each.sku, each.location, left)
    return chosen


def _taken_off(units: Sequence[Quantity]) -> list[Quantity]:
    return [replace(each, units=-each.units) for each in units]
