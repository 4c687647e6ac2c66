"""Promising stock: whoever asks at the same time is decided together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import Enum
from typing import TypeAlias

from comptoir_inventory import errors, events
from comptoir_inventory.domain.promising import Ask, Decision, Wanted, changes_of, plan_batch
from comptoir_inventory.domain.reservations import DEFAULT_TIME_TO_LIVE, Reservation, State
from comptoir_inventory.domain.stock import Change, Place, Quantity, summed
from comptoir_inventory.operations.board import Board
from comptoir_inventory.store import backorders
from comptoir_inventory.store import offers as offer_store
from comptoir_inventory.store import reservations as store
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime.database import Session
from comptoir_runtime.errors import Failure, IdempotencyKeyReused
from comptoir_runtime.ids import new_id


class Wait(Enum):
    """Why nothing can be said yet."""

    FOR_OTHERS = "somebody else is changing the stock"
    FOR_EXPIRED = "what is short may be held by promises whose time is up"


class WrongPlan(Exception):
    """The database refused what had been decided over locked rows: a mistake in this service."""


Answer: TypeAlias = Reservation | Failure | Wait
"""A promise, a refusal, or to wait."""


async def reserve(
    session: Session, board: Board, asks: Sequence[Ask], *, waits: bool, again: bool = False
) -> list[Answer]:
    """Decides together, first come first served.

    Without `waits` nobody else's lock is waited for. With `again` the one who asks was promised it
    so long ago that their answer is not kept any more.
    """
    if again and (before := await promised_before(session, asks)):
        return list(before.values())
    answers: list[Answer] = []
    made, granted = [], []
    for ask, decided in zip(asks, await decide(session, asks, waits=waits), strict=True):
        if not isinstance(decided, Decision):
            answers.append(decided)
            continue
        now = session.clock.now()
        expires = now + (ask.time_to_live or DEFAULT_TIME_TO_LIVE)
        promise = Reservation(new_id("rsv"), ask.owner, State.HELD, decided.lines, expires, now)
        made.append((promise, ask.request_id))
        granted.append(decided)
        answers.append(promise)
    if made:
        await write(session, board, changes_of(granted), made)
        await backorders.note(session, [(promise.id, promise.lines) for promise, _ in made])
    return answers


async def decide(
    session: Session, asks: Sequence[Ask], *, waits: bool, beyond_stock: bool = True
) -> list[Decision | Answer]:
    """What becomes of each ask; figures of what is granted are kept from others.

    With `waits` nobody is told to wait. Who cannot have it now may have been given it before.
    """
    now = session.clock.now()
    wanted = [Wanted(summed(ask.lines), ask.channel) for ask in asks]
    offers = await offer_store.lock(session, _least(wanted), now, waits=waits)
    by_place = offers.by_place
    if not beyond_stock:
        by_place = {place: replace(offer, beyond=None) for place, offer in by_place.items()}
    decisions = plan_batch(by_place, wanted, now)
    strangers = await _strangers(session, offers, decisions)
    decided: list[Decision | Answer] = []
    for decision in decisions:
        if decision.busy:
            decided.append(Wait.FOR_OTHERS)
        elif decision.shortages and offers.overdue and not waits:
            decided.append(Wait.FOR_EXPIRED)
        elif decision.lines:
            decided.append(decision)
        else:
            decided.append(_refusal(decision, offers.unknown, strangers))
    refused = [ask for ask, each in zip(asks, decided, strict=True) if isinstance(each, Failure)]
    before = await promised_before(session, refused) if refused else {}
    return [before.get(_request(ask), each) for ask, each in zip(asks, decided, strict=True)]


async def write(
    session: Session,
    board: Board,
    changes: Sequence[Change],
    made: Sequence[tuple[Reservation, str]],
) -> None:
    """Changes figures as decided, stores what was promised, by request, and tells both."""
    changed = await store.hold(session, changes, made)
    if len(changed) != len(changes):
        raise WrongPlan(f"{len(changes)} places were to change, {len(changed)} did")
    board.changed(session, changed)
    for promise, _ in made:
        session.emit(events.reservation_moved(promise))


async def promised_before(
    session: Session, asks: Sequence[Ask]
) -> dict[tuple[str, str], Reservation | Failure]:
    """What the same requests were promised, however long ago, by owner and request.

    `IdempotencyKeyReused` where it was another request.
    """
    found = await store.by_requests(session, list(map(_request, asks)))
    return {
        request: found[request] if _is_same(ask, found[request]) else _reused(ask)
        for ask in asks
        if (request := _request(ask)) in found
    }


def _request(ask: Ask) -> tuple[str, str]:
    return ask.owner, ask.request_id


def _is_same(ask: Ask, promise: Reservation) -> bool:
    return [Quantity(*line.place, line.units) for line in promise.lines] == summed(ask.lines)


def _reused(ask: Ask) -> Failure:
    return IdempotencyKeyReused(
        "the request id was used for another request", metadata={"request_id": ask.request_id}
    )


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
