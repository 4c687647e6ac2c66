"""Placing an order: from a cart to an order that stands, or to nothing at all.

Read `domain.placement` first: which state follows which outcome, what is written, and why that
is enough. Here is what each step does. Every key handed to a neighbour is made from the
placement's id and the step, so a step that is repeated asks for the same thing again.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from comptoir_orders import errors, events
from comptoir_orders.clients import Carts, Payments, Stock
from comptoir_orders.domain import assembly, schedule, tenders
from comptoir_orders.domain.numbers import order_number
from comptoir_orders.domain.orders import DeliveryMode, Order, Quote
from comptoir_orders.domain.placement import (
    FORWARD,
    UNDO,
    Outcome,
    State,
    is_parked,
    is_written,
    step,
)
from comptoir_orders.domain.processes import Intent, Kind, PlacementData
from comptoir_orders.domain.sourcing import Demand, Plan, Shortage, Site, parcels_of
from comptoir_orders.domain.tenders import TenderShare
from comptoir_orders.operations import collecting, overdue
from comptoir_orders.operations.driving import Runner
from comptoir_orders.operations.paying import Paying
from comptoir_orders.operations.runs import Run, noted, patiently, written
from comptoir_orders.operations.undoing import Undo
from comptoir_orders.policies.sourcing import SourcingPolicy
from comptoir_orders.policies.sourcing.departments import point_of
from comptoir_orders.store import bystanders, processes
from comptoir_orders.store import orders as order_store
from comptoir_orders.store.processes import Process
from comptoir_runtime import deadline, ids
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, ResourceExhausted, Unavailable
from comptoir_runtime.idempotency import RequestKey

# The first may be made with figures that are a second old.
_PLANS = 3
# How a cart refuses that another checkout holds, or that is an order.
_HELD = "CART_NOT_OPEN"
_NOT_NOW = frozenset({Unavailable.status.name, ResourceExhausted.status.name})


async def place_order(
    transactions: Transactions,
    runner: Runner,
    asked: RequestKey,
    intent: Intent,
    patience: float,
) -> Process:
    """Begins a placement, or finds the one of this request, and waits until it is settled.

    Answers it placed, waiting, or still running after `patience` seconds; raises the failure of
    one that failed. Raises `IdempotencyKeyReused` for another body under the same request id.
    """
    now = transactions.clock.now()
    new = processes.new(
        Kind.PLACEMENT,
        asked,
        ids.new_id("ord"),
        State.CREATED,
        PlacementData(intent),
        now,
        now + schedule.FORWARD,
    )
    process = await begin_or_find(transactions, runner, asked, new)
    settled = await runner.settled(process.id, Kind.PLACEMENT, patience)
    if settled.state == State.FAILED:
        raise errors.again(settled.document.refusal)
    return settled


async def begin_or_find(
    transactions: Transactions,
    runner: Runner,
    asked: RequestKey,
    new: Process,
    *,
    numbered: bool = False,
) -> Process:
    """Writes the process and starts to drive it, or finds what the same request began before."""
    async with transactions.reading() as session:  # one statement, one row
        begun = await processes.begin(session, new, runner.lease(), numbered=numbered)
        if begun is None:
            found = await processes.by_request(session, new.kind, asked)
    if begun is None:
        assert found is not None, "the row that was in the way is there"
        return found
    runner.start(begun)
    return begun


class Placing:
    """Drives placements."""

    def __init__(
        self,
        transactions: Transactions,
        carts: Carts,
        stock: Stock,
        payments: Payments,
        sourcing: SourcingPolicy,
    ) -> None:
        self._transactions = transactions
        self._clock = transactions.clock
        self._carts = carts
        self._stock = stock
        self._sourcing = sourcing
        paying = Paying(payments, transactions.clock)
        undo = Undo(carts, stock, payments)
        self._steps: dict[State, Callable[[Run], Awaitable[Outcome]]] = {
            State.CREATED: self._lock_cart,
            State.CART_LOCKED: self._choose_sources,
            State.SOURCED: self._hold_stock,
            State.STOCK_HELD: paying.authorise,
            State.ACTION_REQUIRED: paying.ask_payer,
            State.UNKNOWN: paying.ask_again,
            State.AUTHORISED: self._keep_stock,
            State.STOCK_KEPT: self._place,
            State.VOIDING: undo.void,
            State.RELEASING: undo.release,
            State.UNLOCKING: undo.unlock,
        }

    async def drive(self, process: Process) -> Process:
        """Takes steps until the placement has ended or has to wait."""
        run = Run(process, State(process.state), process.document)
        while not run.saved.ended:
            came_from = run.state
            run.state = step(came_from, await self.outcome(run))
            if is_parked(came_from, run.state):
                return await self._park(run, came_from)
            if is_written(came_from, run.state):
                await self._write(run)
            elif run.state in (State.FAILED, State.CANCELLED):
                await self._end(run)
        return run.saved

    async def outcome(self, run: Run) -> Outcome:
        """Takes the step of the state a placement is in, unless it was called off."""
        if run.saved.called_off is not None and run.state in FORWARD:
            run.note(abandoned=run.saved.called_off)
            return Outcome.ABANDONED
        return await self._steps[run.state](run)

    # --- forward -------------------------------------------------------------------------------

    async def _lock_cart(self, run: Run) -> Outcome:
        if self._clock.now() >= run.saved.deadline:
            return run.refuse(Outcome.LATE, errors.interrupted())
        intent, asked = run.data.intent, 0

        async def lock() -> Quote:
            nonlocal asked
            asked += 1
            return await self._carts.lock(
                intent.cart, run.saved.id, intent.cart_version, intent.quote, intent.buyer
            )

        try:
            quote = await patiently(lock)
        except errors.OutcomeUnknown as lost:
            return run.refuse(Outcome.LOST, _unavailable(lost))
        except Failure as failure:
            # A request of before, still under way, must not lock the cart after the end; nor must a
            # copy of this one that comes when whoever holds the cart has given it back.
            only = asked == 1 and run.saved.version == 1 and failure.reason != _HELD
            return run.refuse(Outcome.REFUSED if only else Outcome.PARTLY, failure)
        run.note(
            quote=quote,
            customer=quote.owner,
            channel=quote.channel,
            currency=quote.currency,
            total=quote.totals.total,
        )
        try:
            if not quote.adds_up() or quote.delivery.mode is DeliveryMode.COUNTER:
                raise errors.QuoteInconsistent("the quote cannot be sold as it is")
            tenders.require_currency(intent.tender_currency, quote.currency)
            run.note(tenders=tenders.arrange(intent.tenders, quote.totals.total))
        except Failure as failure:
            return run.refuse(Outcome.WRONG, failure)
        return Outcome.DONE

    async def _choose_sources(self, run: Run) -> Outcome:
        fresh = run.data.plan_number > 1
        try:
            plan = await patiently(lambda: self._planned(run.quote, fresh=fresh))
            if isinstance(plan, Shortage) and not fresh:
                plan = await patiently(lambda: self._planned(run.quote, fresh=True))
        except errors.OutcomeUnknown as lost:
            return run.refuse(Outcome.LOST, _unavailable(lost))
        except Failure as failure:
            return run.refuse(Outcome.REFUSED, failure)
        if isinstance(plan, Shortage):
            return run.refuse(Outcome.REFUSED, errors.out_of_stock(plan.asked, plan.available))
        run.note(plan=plan, hold_until=self._clock.now() + schedule.HOLD)
        return Outcome.DONE

    async def _planned(self, quote: Quote, *, fresh: bool) -> Plan | Shortage:
        demand = [Demand(line.id, line.sku, line.quantity) for line in quote.lines]
        sites = await self._sites(quote, fresh=fresh)
        return self._sourcing.plan(demand, sites, point_of(quote.delivery.address))

    async def _sites(self, quote: Quote, *, fresh: bool) -> list[Site]:
        store = quote.delivery.location if quote.delivery.mode is DeliveryMode.PICK_UP else ""
        skus = list(dict.fromkeys(line.sku for line in quote.lines))
        offers = await self._stock.available(skus, quote.channel, store=store, fresh=fresh)
        places = {} if store else await self._stock.places()
        return [
            Site(
                code,
                places[code].point if code in places else None,
                offer.available,
                offer.beyond,
            )
            for code, offer in offers.items()
        ]

    async def _hold_stock(self, run: Run) -> Outcome:
        if self._clock.now() >= run.saved.deadline:
            return run.refuse(Outcome.LATE, errors.interrupted())
        try:
            held = await patiently(
                lambda: self._stock.reserve(
                    run.reserve_key,
                    run.stock_owner,
                    run.data.channel,
                    run.data.plan,
                    schedule.HOLD,
                )
            )
        except errors.OutcomeUnknown as lost:
            return run.refuse(Outcome.LOST, _unavailable(lost))
        except Failure as failure:
            if failure.reason == errors.OutOfStock.reason and run.data.plan_number < _PLANS:
                # Somebody was faster: again, with what is there now.
                run.note(plan_number=run.data.plan_number + 1)
                return Outcome.SHORT
            return run.refuse(Outcome.REFUSED, failure)
        run.note(reservation=held.id, late=held.late)
        return Outcome.DONE

    async def _keep_stock(self, run: Run) -> Outcome:
        """From here on it is given back by nobody but us."""
        if not schedule.still_ours(run.hold_until, self._clock.now()):
            return run.refuse(Outcome.LATE, errors.interrupted())
        try:
            await patiently(lambda: self._stock.keep(run.data.reservation))
        except errors.OutcomeUnknown as lost:
            return run.refuse(Outcome.LOST, _unavailable(lost))
        except Failure:  # it has run out, or whoever took over has given it back
            return run.refuse(Outcome.LATE, errors.interrupted())
        return Outcome.DONE

    async def _place(self, run: Run) -> Outcome:
        """The order, its fulfilments, its event and the end of the placement, or none of it."""
        now = self._clock.now()
        order = _order_of(run, now)
        run.note(number=order.number)
        ended = run.after(State.PLACED, run.data.ended(), None)

        async def finish(session: Session) -> None:
            await order_store.place(session, run.saved, ended, order)
            session.emit(events.order_placed(order))

        try:
            await written(self._transactions, finish)
        except errors.CartAlreadyOrdered as failure:
            return run.refuse(Outcome.LATE, failure)
        except errors.Overtaken:
            return await self._called_off(run)
        run.saved = ended
        return Outcome.DONE

    async def _called_off(self, run: Run) -> Outcome:
        """The order was not written: called off, or else it is somebody else's now."""
        words = await noted(
            self._transactions, lambda session: bystanders.called_off(session, run.saved)
        )
        if words is None:
            raise errors.Overtaken(run.saved.id)
        run.note(abandoned=words, number="")
        return Outcome.ABANDONED

    # --- writing -------------------------------------------------------------------------------

    async def _write(self, run: Run) -> None:
        now = self._clock.now()
        until = now + schedule.REVIEW if run.state in UNDO else None
        after = run.after(run.state, run.data, now, until=until)
        numbered = run.state is State.SOURCED
        run.saved = await noted(
            self._transactions,
            lambda session: processes.advance(
                session, run.saved, after, now + schedule.LEASE, numbered=numbered
            ),
        )
        # The lease was prolonged, and with it the time the next calls may take.
        deadline.begin(schedule.DRIVE_SECONDS)

    async def _park(self, run: Run, came_from: State) -> Process:
        """Writes when to look again: at the latest when the time for waiting is over."""
        now = self._clock.now()
        attempts = run.saved.attempts + 1 if run.state is came_from else 0
        limit = run.saved.deadline
        if run.state is not came_from:
            limit = _give_up_at(run, now)
        if run.state in UNDO:
            at = now + schedule.try_again(attempts)
            overdue.watch(run.saved, run.trouble, now)
        elif run.state is State.UNKNOWN:
            at = min(now + schedule.ask_again(attempts), limit)
        else:
            at = min(now + schedule.ask_payer(attempts), limit)
        after = run.after(run.state, run.data, at, attempts=attempts, until=limit)
        return await noted(
            self._transactions, lambda session: processes.park(session, run.saved, after)
        )

    async def _end(self, run: Run) -> None:
        ended = run.after(run.state, run.data.ended(), None)
        refusal = run.data.refusal

        async def finish(session: Session) -> Process:
            if run.saved.state == State.CREATED and refusal and _by_stranger(refusal):
                # A stranger does not get to fill our tables; asked again, the cart says no again.
                await processes.forget(session, run.saved)
                return ended
            # "Not now" is no answer to keep: the same request may try again.
            again = refusal is not None and refusal.status in _NOT_NOW
            look = collecting.late_void(run.saved.order, "", self._clock.now())
            return await processes.end_and_look_again(
                session, run.saved, ended, look, free_request=again
            )

        run.saved = await noted(self._transactions, finish)


def _give_up_at(run: Run, now: datetime) -> datetime:
    # Time to place the order, or to undo it, while the stock is still ours.
    latest = run.hold_until - 2 * schedule.HOLD_MARGIN
    return min(now + schedule.PAYER, latest) if run.state is State.ACTION_REQUIRED else latest


def _order_of(run: Run, now: datetime) -> Order:
    saved, data = run.saved, run.data
    assert saved.serial is not None, "drawn when the sources were written"
    parcels = parcels_of(data.plan, data.late)
    fulfilments = assembly.fulfilments(
        saved.order, run.quote, parcels, [ids.new_id("ful") for _ in parcels], now
    )
    return assembly.order(
        order_id=saved.order,
        number=order_number(now.year, saved.serial),
        quote=run.quote,
        parcels=fulfilments,
        payments=tuple(tender.payment for tender in data.tenders),
        tenders=tuple(
            TenderShare(tender.payment, tender.amount, tender.once) for tender in data.tenders
        ),
        reservation=data.reservation,
        staff=data.intent.staff,
        placement=saved.id,
        now=now,
    )


def _by_stranger(refusal: errors.Refusal) -> bool:
    return refusal.reason == errors.NotYourCart.reason


def _unavailable(lost: errors.OutcomeUnknown) -> Failure:
    return errors.CheckoutUnavailable(
        "a part of the checkout does not answer; nothing was charged", metadata=lost.metadata
    )
