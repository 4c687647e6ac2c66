"""Asking for the money of a placement, one tender after the other, and asking again."""

import logging

from comptoir_orders import errors
from comptoir_orders.clients import Payments, PaymentStatus, PaymentView
from comptoir_orders.domain import tenders
from comptoir_orders.domain.placement import Outcome
from comptoir_orders.operations.runs import Run
from comptoir_runtime.clock import Clock
from comptoir_runtime.errors import Failure

log = logging.getLogger(__name__)


class Paying:
    """Steps that end when every tender is authorised, to the cent."""

    def __init__(self, payments: Payments, clock: Clock) -> None:
        self._payments = payments
        self._clock = clock

    async def authorise(self, run: Run) -> Outcome:
        """The tender whose turn it is; `_judged` tells whether there is another one."""
        data = run.data
        if data.paid:
            return Outcome.DONE
        tender = data.tenders[data.current]
        try:
            payment = await self._payments.authorise(
                tenders.authorise_key(run.saved.id, data.current),
                order=run.saved.order,
                payer=data.customer,
                amount=tender.amount,
                currency=data.currency,
                method=tender.method,
                token=tender.token,
                return_url=data.intent.return_url,
                channel=data.channel,
            )
        except errors.OutcomeUnknown as lost:
            return run.in_vain(Outcome.LOST, lost)
        except Failure as failure:
            return _refused(run, failure)
        return _judged(run, payment)

    async def ask_payer(self, run: Run) -> Outcome:
        outcome = await self._ask(run)
        late = self._clock.now() >= run.saved.deadline
        if late and outcome in (Outcome.ACTION, Outcome.LOST):
            expired = errors.PaymentActionExpired("the payer did not come back in time")
            return run.refuse(Outcome.LATE, expired)
        return outcome

    async def ask_again(self, run: Run) -> Outcome:
        outcome = await (self._ask(run) if _payment(run) else self.authorise(run))
        if outcome is Outcome.LOST and self._clock.now() >= run.saved.deadline:
            # The hold on the stock ends. Undoing begins with the payment, and does not go on
            # before it is known to be void.
            return run.refuse(Outcome.LATE, errors.interrupted())
        return outcome

    async def _ask(self, run: Run) -> Outcome:
        try:
            # A question is asked anew each time: the answer to an old one is of no use.
            key = f"{run.saved.id}/ask/{run.saved.version}"
            payment = await self._payments.ask(key, _payment(run))
        except errors.OutcomeUnknown as lost:
            return run.in_vain(Outcome.LOST, lost)
        except Failure as failure:
            if failure.reason == errors.PaymentDeclined.reason:
                return _refused(run, failure)
            log.warning("payments would not say", extra={"reason": failure.reason})
            return run.in_vain(Outcome.LOST, failure)
        return _judged(run, payment)


def _payment(run: Run) -> str:
    """The payment of the tender whose turn it is; empty while its answer never came."""
    return run.data.tenders[run.data.current].payment


def _judged(run: Run, payment: PaymentView) -> Outcome:
    """What the payment's state means; the amount kept must be the tender's, to the cent."""
    tender = run.data.tenders[run.data.current]
    kept = (payment.authorised, payment.currency) == (tender.amount, run.data.currency)
    authorised = kept and payment.status is PaymentStatus.AUTHORISED
    run.data = run.data.with_tender(
        payment=payment.id, authorised=authorised, once=payment.single_capture
    )
    if payment.action_url != run.data.action_url:
        run.note(action_url=payment.action_url)
    match payment.status:
        case PaymentStatus.ACTION_REQUIRED:
            return Outcome.ACTION
        case PaymentStatus.UNKNOWN:
            run.trouble = errors.PAYMENT_UNKNOWN
            return Outcome.LOST
        case PaymentStatus.ENDED:
            declined = errors.PaymentDeclined(
                "the payment was declined",
                metadata={
                    "decline_code": payment.decline_code,
                    "retryable": str(payment.retryable).lower(),
                },
            )
            return _refused(run, declined)
        case PaymentStatus.AUTHORISED:
            if not kept:
                return run.refuse(
                    Outcome.WRONG,
                    errors.PaymentAmountMismatch(
                        "the provider keeps another amount than was asked"
                    ),
                )
            return Outcome.DONE if run.data.paid else Outcome.NEXT


def _refused(run: Run, failure: Failure) -> Outcome:
    """Of several tenders it is told which one; those before it are kept already."""
    tender = run.data.tenders[run.data.current]
    if len(run.data.tenders) > 1:
        failure.metadata = {**failure.metadata, "method": tender.method}
    return run.refuse(Outcome.PARTLY if run.data.current else Outcome.REFUSED, failure)
