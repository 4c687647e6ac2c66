"""Promising stock, and what becomes of promises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import Enum

from comptoir_inventory import errors, events
from comptoir_inventory.domain.promising import Ask, Decision, Wanted, changes_of, plan_batch
from comptoir_inventory.domain.reservations import (
    DEFAULT_TIME_TO_LIVE,
    OPEN,
    Line,
    Reservation,
    State,
)
from comptoir_inventory.domain.stock import (
    Place,
    Quantity,
    Reason,
    given_back,
    let_go,
    sold,
    summed,
)
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.stock import move
from comptoir_inventory.store import backorders
from comptoir_inventory.store import offers as offer_store
from comptoir_inventory.store import reservations as store
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, IdempotencyKeyReused
from comptoir_runtime.ids import new_id

SWEEP_BATCH = 100


class Wait(Enum):
    """Why nothing can be said yet."""

    FOR_OTHERS = "somebody else is changing the stock"
    FOR_EXPIRED = "what is short may be held by promises whose time is up"


class WrongPlan(Exception):
    """The database refused what had been decided over locked rows: a mistake in this service."""


async def reserve(
    session: Session, board: Board, asks: Sequence[Ask], *, waits: bool, again: bool = False
) -> list[Reservation | Failure | Wait]:
    """Decides together, first come first served: a promise, a refusal, or to wait.

    Without `waits` nobody else's lock is waited for. With `again` the one who asks may have been
    promised it so long ago that their answer is not kept any more.
    """
    if again:
        (ask,) = asks
        before = await _promised_before(session, ask.owner, ask.request_id, ask.lines)
        if before is not None:
            return [before]
    now = session.clock.now()
    wanted = [Wanted(summed(ask.lines), ask.channel) for ask in asks]
    offers = await offer_store.lock(session, _least(wanted), now, waits=waits)
    decisions = plan_batch(offers.by_place, wanted, now)
    strangers = await _strangers(session, offers, decisions)
    outcomes: list[Reservation | Failure | Wait] = []
    made = []
    for ask, decision in zip(asks, decisions, strict=True):
        if decision.busy:
            outcomes.append(Wait.FOR_OTHERS)
        elif decision.shortages and offers.overdue and not waits:
            outcomes.append(Wait.FOR_EXPIRED)
        elif not decision.lines:
            outcomes.append(_refusal(decision, offers.unknown, strangers))
        else:
            expires = now + (ask.time_to_live or DEFAULT_TIME_TO_LIVE)
            promise = _promise(ask.owner, State.HELD, decision.lines, expires, now)
            made.append((promise, ask.request_id))
            outcomes.append(promise)
    if made:
        changes = changes_of(decisions)
        changed = await store.hold(session, changes, made)
        if len(changed) != len(changes):
            raise WrongPlan(f"{len(changes)} places were to change, {len(changed)} did")
        board.changed(session, changed)
        await backorders.note(session, [(promise.id, promise.lines) for promise, _ in made])
        for promise, _ in made:
            session.emit(events.reservation_moved(promise))
    return outcomes


async def sell_stock(
    session: Session,
    board: Board,
    owner: str,
    request_id: str,
    lines: Sequence[Quantity],
    actor: str,
) -> Reservation:
    """Sells over the counter: promised and gone in one step, all lines or none."""
    before = await _promised_before(session, owner, request_id, lines)
    if before is not None:
        return before
    now = session.clock.now()
    wanted = summed(lines)
    decision, offers = await _decide_to_sell(session, wanted, now)
    if decision.shortages and offers.overdue and await sweep(session, board):
        decision, offers = await _decide_to_sell(session, wanted, now)
    if not decision.lines:
        raise _refusal(decision, offers.unknown, await _strangers(session, offers, [decision]))
    gone = tuple(replace(line, consumed=line.units) for line in decision.lines)
    receipt = _promise(owner, State.CONSUMED, gone, now, now)
    changed = await store.hold(session, [sold(each) for each in wanted], [(receipt, request_id)])
    if len(changed) != len(wanted):
        raise WrongPlan(f"{len(wanted)} places were to change, {len(changed)} did")
    board.changed(session, changed)
    session.emit(events.reservation_moved(receipt))
    await move(session, _taken_off(wanted), Reason.SALE, owner, actor)
    return receipt


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

    An order that is called off at once gives its stock back before the news of its placement
    arrive: then there is nothing to keep.
    """
    if await _confirm_held(session, reservation_id) is not None:
        return
    reservation = await _lock(session, reservation_id)
    if reservation.state is not State.RELEASED:
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
    units = _chosen(reservation, lines)
    changed = await stock_store.change(session, [given_back(each) for each in units])
    board.changed(session, changed)
    released = reservation.release(units)
    await _save(session, reservation, released)
    await backorders.trim(session, released)
    return released


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
    await move(session, _taken_off(units), Reason.SALE, reference or reservation.owner, actor)
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


async def _save(session: Session, before: Reservation, after: Reservation) -> None:
    """Stores what became of a locked promise, and tells it when it has come into another state."""
    await store.save(session, after)
    if after.state is not before.state:
        session.emit(events.reservation_moved(after))


async def _take_again(session: Session, board: Board, reservation: Reservation) -> Reservation:
    """Promises the units once more; now others of them may be beyond stock.

    From the same places, whichever channels those serve by now.
    """
    now = session.clock.now()
    wanted = Wanted(summed(reservation.everything_left()))
    offers = await offer_store.lock(session, _least([wanted]), now, waits=True)
    decisions = plan_batch(offers.by_place, [wanted], now)
    if not decisions[0].lines:
        raise errors.ReservationExpired(reservation.id)
    board.changed(session, await stock_store.change(session, changes_of(decisions)))
    await backorders.note(session, [(reservation.id, decisions[0].lines)])
    return reservation.promised_again(decisions[0].lines)


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


async def _decide_to_sell(
    session: Session, wanted: Sequence[Quantity], now: datetime
) -> tuple[Decision, offer_store.Offers]:
    """What is sold over the counter has to be there: nothing beyond stock."""
    offers = await offer_store.lock(session, _least([Wanted(wanted)]), now, waits=True)
    there = {place: replace(offer, beyond=None) for place, offer in offers.by_place.items()}
    [decision] = plan_batch(there, [Wanted(wanted)], now)
    return decision, offers


async def _lock(session: Session, reservation_id: str) -> Reservation:
    reservation = await store.lock(session, reservation_id)
    if reservation is None:
        raise errors.ReservationNotFound(reservation_id)
    return reservation


def _promise(
    owner: str, state: State, lines: tuple[Line, ...], expires_at: datetime, now: datetime
) -> Reservation:
    return Reservation(new_id("rsv"), owner, state, lines, expires_at, now)


async def _promised_before(
    session: Session, owner: str, request_id: str, lines: Sequence[Quantity]
) -> Reservation | None:
    """What the same request was promised; raises `IdempotencyKeyReused` when it was another."""
    found = await store.by_request(session, owner, request_id)
    if found is None:
        return None
    if [Quantity(*line.place, line.units) for line in found.lines] != summed(lines):
        raise IdempotencyKeyReused(
            "the request id was used for another request", metadata={"request_id": request_id}
        )
    return found


async def _strangers(
    session: Session, offers: offer_store.Offers, decisions: Sequence[Decision]
) -> set[str]:
    """Skus that are short because nobody has ever had them."""
    short = {each.sku for decision in decisions for each in decision.shortages}
    missing = short & offers.without_figures
    return missing - await stock_store.known(session, missing) if missing else missing


def _refusal(decision: Decision, unknown: frozenset[str], strangers: set[str]) -> Failure:
    if decision.excess is not None:
        return errors.TooManyPerOrder(*decision.excess)
    for short in decision.shortages:
        if short.location in unknown:
            return errors.LocationNotFound(short.location)
        if short.sku in strangers:
            return errors.SkuNotFound(short.sku)
    return errors.OutOfStock(decision.shortages)


def _least(requests: Sequence[Wanted]) -> Mapping[Place, int]:
    """By place the smallest number of units that somebody wants there."""
    least: dict[Place, int] = {}
    for request in requests:
        for each in request.lines:
            place = (each.sku, each.location)
            least[place] = min(each.units, least.get(place, each.units))
    return least


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
