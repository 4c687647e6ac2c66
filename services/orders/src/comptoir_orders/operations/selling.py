"""Recording a till sale: it has happened, so once its stock is booked there is no way back."""

from collections.abc import Sequence
from dataclasses import replace

from comptoir_orders import errors, events
from comptoir_orders.clients import Carts, Payments, Stock
from comptoir_orders.domain import assembly, schedule
from comptoir_orders.domain.numbers import order_number
from comptoir_orders.domain.orders import Delivery, DeliveryMode, Order, Quote
from comptoir_orders.domain.processes import Kind, SaleData, Step, TenderTaken, TillSale
from comptoir_orders.domain.sourcing import Allocation, parcels_of
from comptoir_orders.operations.collecting import done, postponed
from comptoir_orders.operations.driving import Runner
from comptoir_orders.operations.placing import begin_or_find
from comptoir_orders.operations.runs import noted, written
from comptoir_orders.store import orders as order_store
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Process
from comptoir_runtime import ids
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, Violation
from comptoir_runtime.idempotency import RequestKey

CHANNEL = "store"


async def record_store_sale(
    transactions: Transactions,
    runner: Runner,
    carts: Carts,
    asked: RequestKey,
    sale: TillSale,
    patience: float,
) -> Order:
    """Prices the lines, checks the tenders, then books stock and money and writes the order.

    Raises `TendersDoNotMatch`, or what inventory refuses with; then nothing has happened.
    `SaleUnderWay` when it is written down but not booked yet: ask again with the same request.
    """
    async with transactions.reading() as session:
        known = await processes.by_request(session, Kind.STORE_SALE, asked)
    if known is None:
        quote = await _priced(carts, sale)
        _require_match(quote, sale.tenders)
        data = SaleData(quote, sale.tenders, sale.location, sale.customer, staff=asked.caller)
    else:
        data = known.document
    now = transactions.clock.now()
    new = processes.new(
        Kind.STORE_SALE,
        asked,
        ids.new_id("ord"),
        Step.STARTED,
        data,
        now,
        now + schedule.REVIEW,
    )
    process = await begin_or_find(transactions, runner, asked, new, numbered=True)
    settled = await runner.settled(process.id, Kind.STORE_SALE, patience)
    if settled.state == Step.REFUSED:
        raise errors.again(settled.document.refusal)
    async with transactions.reading() as session:
        order = await order_store.by_id(session, process.order)
    if order is None:
        raise errors.SaleUnderWay("the sale is being booked", retry_after=schedule.SOON)
    return order


class Selling:
    """Drives till sales."""

    def __init__(self, transactions: Transactions, stock: Stock, payments: Payments) -> None:
        self._transactions = transactions
        self._stock = stock
        self._payments = payments

    async def drive(self, process: Process) -> Process:
        """Stock first, it may be refused; then money and order, which must succeed in the end."""
        data: SaleData = process.document
        plan = tuple(
            Allocation(line.id, line.sku, data.location, line.quantity) for line in data.quote.lines
        )
        try:
            reservation = await self._stock.sell(
                f"{process.id}/sell", f"order/{process.order}", plan
            )
        except errors.OutcomeUnknown as lost:
            return await postponed(self._transactions, process, lost)
        except Failure as failure:
            return await self._refuse(process, failure)
        try:
            payments = await self._record_tenders(process, data)
        except Failure as failure:
            return await postponed(self._transactions, process, failure)
        return await self._finish(process, plan, reservation, payments)

    async def _record_tenders(self, process: Process, data: SaleData) -> tuple[str, ...]:
        payments = []
        for number, tender in enumerate(data.tenders):
            if tender.amount == 0:
                continue
            payment = await self._payments.record_till(
                f"{process.id}/tender/{number}",
                order=process.order,
                payer=data.customer,
                amount=tender.amount,
                currency=data.quote.currency,
                tender=tender.kind,
                reference=tender.reference,
                location=data.location,
            )
            payments.append(payment)
        return tuple(payments)

    async def _refuse(self, process: Process, failure: Failure) -> Process:
        data = replace(process.document, refusal=errors.kept(failure))
        after = replace(process, state=Step.REFUSED, document=data, next_run_at=None, driven=False)
        return await noted(
            self._transactions, lambda session: processes.end(session, process, after)
        )

    async def _finish(
        self,
        process: Process,
        plan: tuple[Allocation, ...],
        reservation: str,
        payments: tuple[str, ...],
    ) -> Process:
        data: SaleData = process.document
        now = self._transactions.clock.now()
        assert process.serial is not None, "drawn when the sale was written down"
        parcels = assembly.fulfilments(
            process.order, data.quote, parcels_of(plan), [ids.new_id("ful")], now
        )
        order = assembly.order(
            order_id=process.order,
            number=order_number(now.year, process.serial),
            quote=data.quote,
            parcels=parcels,
            payments=payments,
            reservation=reservation,
            staff=data.staff,
            placement="",
            now=now,
        )

        async def finish(session: Session) -> Process:
            await order_store.place(session, process, done(process), order)
            session.emit(events.order_placed(order))
            return done(process)

        return await written(self._transactions, finish)


async def _priced(carts: Carts, sale: TillSale) -> Quote:
    skus = [sku for sku, _ in sale.units]
    if len(set(skus)) < len(skus):
        raise errors.InvalidSale(
            "each sku may be given once",
            violations=[Violation("lines", "must not name a sku twice")],
        )
    try:
        quote = await carts.price(CHANNEL, sale.currency, sale.customer, sale.units)
    except errors.OutcomeUnknown as lost:
        raise errors.CheckoutUnavailable(
            "prices do not answer; nothing was recorded", metadata=lost.metadata
        ) from lost
    return replace(
        quote,
        cart="",
        owner=sale.customer,
        channel=CHANNEL,
        delivery=Delivery(DeliveryMode.COUNTER, location=sale.location),
    )


def _require_match(quote: Quote, tenders: Sequence[TenderTaken]) -> None:
    given = sum(tender.amount for tender in tenders)
    if given != quote.totals.total or not quote.adds_up():
        raise errors.TendersDoNotMatch(
            "the tenders do not add up to the total",
            metadata={
                "currency": quote.currency,
                "total_minor": str(quote.totals.total),
                "tenders_minor": str(given),
            },
        )
