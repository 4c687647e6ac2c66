"""Taking money for what has left, and giving up money that nobody asked for any more."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from comptoir_orders import errors, events
from comptoir_orders.clients import Payments
from comptoir_orders.domain import departures, schedule
from comptoir_orders.domain.fulfilments import Fulfilment
from comptoir_orders.domain.orders import Order
from comptoir_orders.domain.processes import CaptureData, Kind, Step, VoidData
from comptoir_orders.domain.tenders import TenderShare, due
from comptoir_orders.operations import overdue
from comptoir_orders.operations.giving_back import give_back, give_back_all
from comptoir_orders.operations.runs import noted, written
from comptoir_orders.store import orders as order_store
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure

log = logging.getLogger(__name__)


class Collecting:
    """Drives captures and late voids: tried until they succeed, less and less often."""

    def __init__(self, transactions: Transactions, payments: Payments) -> None:
        self._transactions = transactions
        self._payments = payments

    async def capture(self, process: Process) -> Process:
        """The key is made from the fulfilment's id: it is paid once, however often this runs.

        Should the provider have kept or taken something else than it was asked for, it is not
        counted, and somebody has to look.
        """
        if process.document.once and not process.document.amount:
            process = await self._settled(process)
        data: CaptureData = process.document
        try:
            taken = await self._payments.capture(
                process.request_id, data.payment, data.amount, data.currency
            )
            if not data.agrees(taken.authorised, taken.captured, taken.currency):
                raise errors.PaymentAmountMismatch("another amount was taken than was asked for")
        except Failure as failure:
            return await postponed(self._transactions, process, failure)

        async def finish(session: Session) -> Process:
            version = await order_store.add_captured(session, process.order, data.amount)
            session.signal(events.order_changed(process.order, version))
            return await processes.end(session, process, done(process))

        return await written(self._transactions, finish)

    async def _settled(self, process: Process) -> Process:
        """The amount is written down before it is asked for: the key stands for it from now on."""

        async def settle(session: Session) -> Process:
            order = await order_store.lock(session, process.order)
            assert order is not None, "orders are never deleted"
            amount = due_of(order.content.shares, departures.amount_left(order), process.document)
            after = replace(process, document=replace(process.document, amount=amount))
            until = session.clock.now() + schedule.LEASE
            return await processes.advance(session, process, after, until)

        return await written(self._transactions, settle)

    async def void(self, process: Process) -> Process:
        """Money that turned up for a placement that had failed."""
        data: VoidData = process.document
        try:
            if data.payment:
                await give_back(self._payments, process.id, data.payment)
            else:
                found = await self._payments.find(process.order)
                await give_back_all(self._payments, process.id, found)
        except Failure as failure:
            return await postponed(self._transactions, process, failure)
        return await noted(
            self._transactions, lambda session: processes.end(session, process, done(process))
        )


async def collect(
    session: Session, before: Order, after: Order, gone: Fulfilment, wake: Callable[[], None]
) -> None:
    """Begins to take what goods that leave cost: from each payment in turn, until it is used up.

    A payment that can be captured once is, for all that it pays: when the last parcel leaves, or
    before its promise ends. What leaves after that is asked for all the same, and staff hear of it.
    """
    now = session.clock.now()
    parts = due(after.content.shares, departures.amount_left(before), gone.amount, after.currency)
    for index, part in enumerate(parts):
        if part.once and await _join(session, after, gone, part, now):
            continue
        key = gone.id if index == 0 else f"{gone.id}/{index}"
        await processes.begin(session, _capture(after, gone, part, key, now), None)
    if parts:
        session.after_commit(wake)


async def _join(
    session: Session, order: Order, gone: Fulfilment, part: TenderShare, now: datetime
) -> bool:
    """Whether the one capture of the payment has still to come, and takes this part along."""
    at = now if departures.is_over(order) else max(now, order.placed_at + schedule.CAPTURE_ONCE)
    key = f"{order.id}/{part.payment}"
    once = _capture(order, gone, replace(part, amount=0), key, now, at)
    begun = await processes.begin(session, once, None)
    return begun is not None or await processes.hasten(session, once)


def _capture(
    order: Order,
    gone: Fulfilment,
    part: TenderShare,
    key: str,
    now: datetime,
    at: datetime | None = None,
) -> Process:
    pays = {share.payment: share.amount for share in order.content.shares}
    once = part.once and not part.amount
    data = CaptureData(
        gone.id, part.payment, part.amount, order.currency, pays[part.payment], once=once
    )
    begin = at or now
    asked = processes.own(key)
    process = processes.new(
        Kind.CAPTURE, asked, order.id, Step.STARTED, data, now, begin + schedule.REVIEW
    )
    return replace(process, next_run_at=begin)


def due_of(shares: Sequence[TenderShare], left: int, data: CaptureData) -> int:
    """What one payment pays of goods for `left` that have left."""
    parts = due(shares, 0, left, data.currency)
    return sum(part.amount for part in parts if part.payment == data.payment)


def late_void(order: str, payment: str, now: datetime) -> Process:
    """Gives up a payment of an order that never was; all of them without a payment."""
    return processes.new(
        Kind.VOID,
        processes.own(payment or order),
        order,
        Step.STARTED,
        VoidData(payment),
        now,
        now + schedule.REVIEW,
    )


def done(process: Process) -> Process:
    """The process as it ends well."""
    return replace(process, state=Step.DONE, next_run_at=None, driven=False)


async def postponed(transactions: Transactions, process: Process, failure: Failure) -> Process:
    """Parks a process whose step must succeed in the end; a refusal is for people to look at."""
    if not isinstance(failure, errors.OutcomeUnknown):
        log.error(
            "a step that must succeed was refused",
            extra={
                "process_id": process.id,
                "kind": process.kind,
                "reason": failure.reason,
                "attempts": process.attempts,
            },
        )
    attempts = process.attempts + 1
    now = transactions.clock.now()
    overdue.watch(process, errors.cause(failure), now)
    after = replace(
        process,
        attempts=attempts,
        trouble=errors.cause(failure),
        next_run_at=now + schedule.try_again(attempts),
    )
    return await noted(transactions, lambda session: processes.park(session, process, after))
