"""What becomes of promises of stock."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from comptoir_inventory import errors, events
from comptoir_inventory.domain.promising import Ask, Decision, changes_of
from comptoir_inventory.domain.reservations import OPEN, Reservation, State
from comptoir_inventory.domain.stock import Quantity, Reason, given_back, let_go, summed, taken_off
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.promising import decide
from comptoir_inventory.operations.stock import move
from comptoir_inventory.store import backorders
from comptoir_inventory.store import reservations as store
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime.database import Session, Transactions

SWEEP_BATCH = 100


async def confirm_reservation(
    session: Session, board: Board, reservation_id: str, *, held_only: bool = False
) -> Reservation:
    """Makes a promise stand without end.

    One that had expired is taken up again when its units are still free, in the same
    transaction; with `held_only` it is not. Confirming what is confirmed or gone changes nothing.
    """
    confirmed = await _confirm_held(session, reservation_id)
    if confirmed is not None:
        return confirmed
    reservation = await _lock(session, reservation_id)
    if reservation.state in (State.CONFIRMED, State.CONSUMED):
        return reservation
    if reservation.state is State.RELEASED:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    if reservation.state is State.EXPIRED:
        if held_only:
            raise errors.ReservationExpired(reservation.id)
        reservation = await _take_again(session, board, reservation)
    confirmed = reservation.moved(State.CONFIRMED)
    await _save(session, reservation, confirmed)
    return confirmed


async def keep_for_order(session: Session, board: Board, reservation_id: str) -> None:
    """Confirms the promise an order was placed on.

    Before the order was written it was asked for, as a rule (ADR 0026): then a look is enough, as
    what was confirmed is held no more. An order that is called off at once gives its stock back
    before the news of its placement arrive: then there is nothing to keep.
    """
    found = await store.get(session, reservation_id)
    if found is None or found.state in (State.HELD, State.EXPIRED):
        with suppress(errors.ReservationEnded):  # given back since that look
            await confirm_reservation(session, board, reservation_id)


async def extend_reservation(
    session: Session, reservation_id: str, time_to_live: timedelta
) -> Reservation:
    """Holds a promise for at least so long from now; one that stands without end stays so."""
    reservation = await _lock(session, reservation_id)
    if reservation.state is State.CONFIRMED:
        return reservation
    if reservation.state is State.EXPIRED:
        raise errors.ReservationExpired(reservation.id)
    if reservation.state is not State.HELD:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    extended = reservation.extended(session.clock.now() + time_to_live)
    await store.save(session, extended)
    return extended


async def release_reservation(
    session: Session, board: Board, reservation_id: str, lines: Sequence[Quantity]
) -> Reservation:
    """Gives units back, all that are left when `lines` is empty."""
    reservation = await _lock(session, reservation_id)
    if reservation.state not in OPEN:
        return reservation
    return await _give_back(session, board, reservation, _chosen(reservation, lines))


async def revoke_reservation(
    session: Session, board: Board, reservation_id: str, owner: str, reason: str, actor: str
) -> Reservation:
    """Gives back all that is left of a promise that nobody needs, with who did it and why."""
    reservation = await _lock(session, reservation_id)
    if reservation.owner != owner:
        raise errors.invalid("owner", f"{reservation_id} is for somebody else")
    if reservation.state not in OPEN:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    revoked = replace(reservation, revoked_by=actor, revoke_reason=reason)
    return await _give_back(session, board, revoked, revoked.everything_left())


async def consume_reservation(
    session: Session,
    board: Board,
    reservation_id: str,
    lines: Sequence[Quantity],
    reference: str,
    actor: str,
) -> Reservation:
    """Records that promised goods have left, all that are left when `lines` is empty."""
    reservation = await _lock(session, reservation_id)
    if reservation.state is State.EXPIRED:
        reservation = await confirm_reservation(session, board, reservation_id)
    if reservation.state not in OPEN:
        raise errors.ReservationEnded(reservation.id, reservation.state.name)
    units = _chosen(reservation, lines)
    await _require_come(session, reservation, units)
    changed = await stock_store.change(session, [let_go(each) for each in units])
    there = {(each.level.sku, each.level.location) for each in changed}
    for each in units:
        if (each.sku, each.location) not in there:
            raise errors.NotYetThere(each.sku, each.location)
    board.changed(session, changed)
    consumed = reservation.consume(units)
    await _save(session, reservation, consumed)
    await backorders.trim(session, consumed)
    await move(session, taken_off(units), Reason.SALE, reference or reservation.owner, actor)
    return consumed


async def get_reservation(session: Session, reservation_id: str) -> Reservation:
    """The reservation; raises `ReservationNotFound`."""
    reservation = await store.get(session, reservation_id)
    if reservation is None:
        raise errors.ReservationNotFound(reservation_id)
    return reservation


async def sweep(session: Session, board: Board, *, waits: bool = False) -> int:
    """Gives back held promises whose time is up, a batch of them; answers how many.

    With `waits` those that another is giving back are given back afterwards, too. Nothing of the
    stock may be locked then: whoever ends a promise locks that first.
    """
    now = session.clock.now()
    expired = await store.lock_expired(session, now, SWEEP_BATCH, waits=waits)
    if not expired:
        return 0
    units = summed(each for held in expired for each in held.everything_left())
    board.changed(session, await stock_store.change(session, [given_back(each) for each in units]))
    await store.save_state(session, [held.id for held in expired], State.EXPIRED)
    await backorders.forget(session, expired)
    for held in expired:
        session.emit(events.reservation_moved(held.moved(State.EXPIRED)))
    return len(expired)


async def sweep_all(transactions: Transactions, board: Board, *, waits: bool = False) -> None:
    """Gives back all held promises whose time is up, batch after batch; see `sweep`."""
    while await transactions.run(lambda session: sweep(session, board, waits=waits)) == SWEEP_BATCH:
        pass


async def _confirm_held(session: Session, reservation_id: str) -> Reservation | None:
    """Confirms a promise that is held, and tells it; None when it is not held."""
    confirmed = await store.confirm(session, reservation_id)
    if confirmed is not None:
        session.emit(events.reservation_moved(confirmed))
    return confirmed


async def _give_back(
    session: Session, board: Board, reservation: Reservation, units: Sequence[Quantity]
) -> Reservation:
    """Stores a locked promise without units that are free again; they are in the order of locks."""
    changed = await stock_store.change(session, [given_back(each) for each in units])
    board.changed(session, changed)
    released = reservation.release(units)
    await _save(session, reservation, released)
    await backorders.trim(session, released)
    return released


async def _save(session: Session, before: Reservation, after: Reservation) -> None:
    """Stores what became of a locked promise, and tells it when it has come into another state."""
    await store.save(session, after)
    if after.state is not before.state:
        session.emit(events.reservation_moved(after))


async def _take_again(session: Session, board: Board, reservation: Reservation) -> Reservation:
    """Promises the units once more; now others of them may be beyond stock.

    From the same places, whichever channels those serve by now.
    """
    ask = Ask(reservation.owner, "", reservation.everything_left())
    [decision] = await decide(session, [ask], waits=True)
    if not isinstance(decision, Decision):
        raise errors.ReservationExpired(reservation.id)
    board.changed(session, await stock_store.change(session, changes_of([decision])))
    await backorders.note(session, [(reservation.id, decision.lines)])
    return reservation.promised_again(decision.lines)


async def _require_come(
    session: Session, reservation: Reservation, units: Sequence[Quantity]
) -> None:
    """What has come for others, who were promised it before, leaves with nobody else."""
    if not any(line.backordered for line in reservation.lines):
        return
    await stock_store.lock(session, [(each.sku, each.location) for each in units])
    late = await backorders.late(session, reservation.id)
    for each in units:
        place = (each.sku, each.location)
        if each.units > reservation.left_at(place) - late.get(place, 0):
            raise errors.NotYetThere(*place)


async def _lock(session: Session, reservation_id: str) -> Reservation:
    reservation = await store.lock(session, reservation_id)
    if reservation is None:
        raise errors.ReservationNotFound(reservation_id)
    return reservation


def _chosen(reservation: Reservation, lines: Sequence[Quantity]) -> list[Quantity]:
    if not lines:
        return summed(reservation.everything_left())
    chosen = summed(lines)
    for each in chosen:
        left = reservation.left_at((each.sku, each.location))
        if each.units > left:
            raise errors.NotReserved(each.sku, each.location, left)
    return chosen
