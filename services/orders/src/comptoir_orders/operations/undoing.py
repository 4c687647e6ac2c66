"""Undoing a placement, in reverse. Each step may be repeated for ever without harm."""

import logging

from comptoir_orders import errors
from comptoir_orders.clients import Carts, Payments, Stock
from comptoir_orders.domain import schedule
from comptoir_orders.domain.placement import Outcome
from comptoir_orders.operations.giving_back import give_back_all
from comptoir_orders.operations.runs import Run
from comptoir_runtime.errors import Failure, NotFound

log = logging.getLogger(__name__)


class Undo:
    """Gives back money, stock and cart. LOST means: not known to be done, again later."""

    def __init__(self, carts: Carts, stock: Stock, payments: Payments) -> None:
        self._carts = carts
        self._stock = stock
        self._payments = payments

    async def void(self, run: Run) -> Outcome:
        """Whatever is kept for the order, also what a predecessor asked for and never heard of.

        It does not go on while nobody knows what became of one of them.
        """
        if not run.data.tenders:
            return Outcome.DONE
        try:
            found = await self._payments.find(run.saved.order)
            await give_back_all(self._payments, run.saved.id, found)
        except Failure as failure:
            return _again(run, failure)
        return Outcome.DONE

    async def release(self, run: Run) -> Outcome:
        """The reservation. One whose answer was lost is asked for again, to learn its id."""
        try:
            reservation = run.data.reservation or await self._held(run)
            if reservation:
                await self._stock.release(f"{run.saved.id}/release", reservation)
        except Failure as failure:
            return _again(run, failure)
        return Outcome.DONE

    async def _held(self, run: Run) -> str:
        if not run.data.plan:
            return ""
        try:
            held = await self._stock.reserve(
                run.reserve_key, run.stock_owner, run.data.channel, run.data.plan, schedule.HOLD
            )
        except Failure as failure:
            if failure.reason == errors.OutOfStock.reason:
                return ""
            raise
        return held.id

    async def unlock(self, run: Run) -> Outcome:
        """The cart: the buyer can change it again."""
        try:
            await self._carts.unlock(run.data.intent.cart, run.saved.id)
        except Failure as failure:
            if failure.status is not NotFound.status:
                return _again(run, failure)
        return Outcome.DONE if run.data.abandoned is None else Outcome.ABANDONED


def _again(run: Run, failure: Failure) -> Outcome:
    if not isinstance(failure, errors.OutcomeUnknown):
        # Nobody should refuse to take something back: somebody has to look at this.
        log.error(
            "undoing was refused",
            extra={
                "placement": run.saved.id,
                "state": run.state,
                "reason": failure.reason,
                "attempts": run.saved.attempts,
            },
        )
    return run.in_vain(Outcome.LOST, failure)
