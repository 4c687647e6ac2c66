"""Calling an order off: nothing leaves from now on, then money and stock are given up."""

from collections.abc import Sequence
from dataclasses import replace

from comptoir_orders import errors, events
from comptoir_orders.clients import Payments, PaymentStatus, PaymentView, Stock
from comptoir_orders.domain import departures, schedule
from comptoir_orders.domain.orders import Order, OrderState, may_move
from comptoir_orders.domain.processes import CancellationData, Kind, Step
from comptoir_orders.operations.abandoning import WRITE_ORDERS, abandon_order
from comptoir_orders.operations.access import require_access
from comptoir_orders.operations.collecting import done, postponed
from comptoir_orders.operations.driving import Runner
from comptoir_orders.operations.giving_back import give_back_all
from comptoir_orders.operations.runs import written
from comptoir_orders.store import fulfilments as fulfilment_store
from comptoir_orders.store import orders as order_store
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Process
from comptoir_runtime import etag
from comptoir_runtime.auth import Principal
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure
from comptoir_runtime.idempotency import RequestKey


async def cancel_order(
    transactions: Transactions,
    runner: Runner,
    principal: Principal,
    asked: RequestKey,
    *,
    order_id: str,
    given_etag: str,
    reason: str,
    patience: float,
) -> Order:
    """Marks the order, so that nothing leaves any more, and waits until all is given up.

    An order that is not placed yet is called off too, wherever it stands. Raises
    `OrderNotCancellable` once goods have left or money was taken, `CardNumberRefused`, and
    `CancellationUnderWay` when a neighbour does not answer: it goes on, and the same request tells
    how it ended.
    """
    refuse_card_numbers({"reason": reason})
    absent = errors.OrderNotFound("there is no such order", metadata={"order": order_id})

    async def begin(session: Session) -> tuple[Process, bool] | None:
        order = await order_store.lock(session, order_id)
        if order is None:
            return None
        require_access(principal, (order.customer,), (WRITE_ORDERS,), absent)
        return await _begin_or_find(session, runner, order, asked, given_etag, reason)

    while (cancellation := await transactions.run(begin)) is None:
        called_off = await abandon_order(
            transactions,
            runner,
            principal,
            asked,
            absent,
            order_id=order_id,
            reason=reason,
            patience=patience,
        )
        if called_off is not None:
            return called_off
    process, begun = cancellation
    if begun:
        runner.start(process)
    settled = await runner.settled(process.id, Kind.CANCELLATION, patience)
    if settled.state == Step.REFUSED:
        raise errors.again(settled.document.refusal)
    if not settled.ended:
        raise _under_way()
    async with transactions.reading() as session:
        cancelled = await order_store.by_id(session, order_id)
    assert cancelled is not None, "orders are never deleted"
    return cancelled


async def _begin_or_find(
    session: Session,
    runner: Runner,
    order: Order,
    asked: RequestKey,
    given_etag: str,
    reason: str,
) -> tuple[Process, bool]:
    """The cancellation, and whether this request begins it."""
    found = await processes.by_request(session, Kind.CANCELLATION, asked)
    if found is not None:
        return found, False
    etag.check(given_etag, order.version)
    if order.state is OrderState.CANCELLING:
        raise _under_way()
    if not may_move(order.state, OrderState.CANCELLING):
        raise errors.OrderNotCancellable(
            "the order cannot be cancelled any more", metadata={"state": order.state}
        )
    now = session.clock.now()
    content = order.content
    process = processes.new(
        Kind.CANCELLATION,
        asked,
        order.id,
        Step.STARTED,
        CancellationData(reason, content.payments, content.reservation),
        now,
        now + schedule.REVIEW,
    )
    begun = await processes.begin(session, process, runner.lease())
    assert begun is not None, "looked for before, while the order was locked"
    await order_store.save(session, replace(order, state=OrderState.CANCELLING, updated_at=now))
    return begun, True


def _under_way() -> Failure:
    return errors.CancellationUnderWay("the order is being cancelled", retry_after=schedule.SOON)


class Cancelling:
    """Drives cancellations: money first, because only there it can turn out to be too late."""

    def __init__(self, transactions: Transactions, stock: Stock, payments: Payments) -> None:
        self._transactions = transactions
        self._stock = stock
        self._payments = payments

    async def drive(self, process: Process) -> Process:
        """Gives up the payments, then the stock, then writes the end."""
        data: CancellationData = process.document
        try:
            if data.payments:
                found = await self._payments.find(process.order)
                if _untouched(found) and any(payment.captured for payment in found):
                    return await self._refuse(process)
                # What is taken from now on, by whomever, is given back with the rest.
                await give_back_all(self._payments, process.id, found)
            await self._stock.release(f"{process.id}/release", data.reservation)
        except Failure as failure:
            return await postponed(self._transactions, process, failure)
        return await self._finish(process)

    async def _finish(self, process: Process) -> Process:
        data: CancellationData = process.document

        async def finish(session: Session) -> Process:
            order = await order_store.lock(session, process.order)
            assert order is not None, "orders are never deleted"
            cancelled = departures.call_off(order, data.reason, session.clock.now())
            await fulfilment_store.save(session, cancelled.fulfilments)
            await order_store.save(session, cancelled)
            cancelled = _as_written(cancelled)
            session.emit(events.order_cancelled(cancelled))
            session.signal(events.order_changed(cancelled.id, cancelled.version))
            return await processes.end(session, process, done(process))

        return await written(self._transactions, finish)

    async def _refuse(self, process: Process) -> Process:
        refusal = errors.kept(
            errors.OrderNotCancellable(
                "money was taken for the order",
                metadata={"reason": errors.PAYMENT_ALREADY_CAPTURED},
            )
        )
        data = replace(process.document, refusal=refusal)
        after = replace(process, state=Step.REFUSED, document=data, next_run_at=None, driven=False)

        async def finish(session: Session) -> Process:
            order = await order_store.lock(session, process.order)
            assert order is not None, "orders are never deleted"
            await order_store.save(session, replace(order, state=OrderState.PLACED))
            return await processes.end(session, process, after)

        return await written(self._transactions, finish)


def _untouched(found: Sequence[PaymentView]) -> bool:
    """Whether nothing has been given back yet."""
    return not any(payment.status is PaymentStatus.ENDED or payment.refunded for payment in found)


def _as_written(order: Order) -> Order:
    """With the versions that writing has given to the order and its fulfilments."""
    parcels = tuple(replace(each, version=each.version + 1) for each in order.fulfilments)
    return replace(order, version=order.version + 1, fulfilments=parcels)
