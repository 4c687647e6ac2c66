"""Taking what is authorised, giving it up, giving it back."""

from collections.abc import Callable
from datetime import datetime

from comptoir_payments import events, store
from comptoir_payments.domain.payments import (
    AlreadyEnded,
    Kind,
    Payment,
    claim_capture,
    claim_refund,
    claim_release,
    new_operation,
)
from comptoir_payments.errors import CurrencyMismatch
from comptoir_payments.events import PaymentMessage
from comptoir_payments.operations.asking import carry_out, pursue
from comptoir_payments.operations.authorisations import refuse_card_numbers
from comptoir_payments.operations.requests import answer, begin, earlier
from comptoir_payments.providers.contract import Providers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.ids import new_id

Claim = Callable[[Payment, datetime], tuple[Payment, int]]
Amount = tuple[int, str] | None
"""Minor units and currency; None means all that is left."""


async def capture_payment(
    transactions: Transactions,
    providers: Providers,
    payment_id: str,
    amount: Amount,
    request: RequestKey,
) -> PaymentMessage:
    """Takes an amount that is authorised.

    Raises `CaptureExceedsAuthorisation`, `PaymentNotCapturable`, `OutcomeUnknown`.
    """

    def claim(payment: Payment, now: datetime) -> tuple[Payment, int]:
        return claim_capture(payment, _minor(payment, amount), now)

    return await _move(transactions, providers, payment_id, Kind.CAPTURE, claim, request)


async def refund_payment(
    transactions: Transactions,
    providers: Providers,
    payment_id: str,
    amount: Amount,
    reason: str,
    request: RequestKey,
) -> PaymentMessage:
    """Gives an amount back to the means it came from.

    Raises `RefundExceedsCapture`, `RefundRefused`, `OutcomeUnknown`.
    """
    refuse_card_numbers(reason)

    def claim(payment: Payment, _: datetime) -> tuple[Payment, int]:
        return claim_refund(payment, _minor(payment, amount))

    return await _move(transactions, providers, payment_id, Kind.REFUND, claim, request)


async def void_payment(
    transactions: Transactions, providers: Providers, payment_id: str, request: RequestKey
) -> PaymentMessage:
    """Gives up what is authorised and was not taken; what has ended stays as it is.

    Raises `PaymentAlreadyCaptured`, `OperationInProgress`, `OutcomeUnknown`. After the last one
    the release is written down and is carried out as soon as it can be.
    """

    def claim(payment: Payment, _: datetime) -> tuple[Payment, int]:
        return claim_release(payment)

    try:
        return await _move(transactions, providers, payment_id, Kind.VOID, claim, request)
    except AlreadyEnded:
        async with transactions.reading() as session:
            return events.payment_message(await store.get_payment(session, payment_id))


async def _move(
    transactions: Transactions,
    providers: Providers,
    payment_id: str,
    kind: Kind,
    claim: Claim,
    request: RequestKey,
) -> PaymentMessage:
    """Written down with the claim it lays, asked, settled; once per request."""
    operation_id = new_id("pop")

    async def plan(session: Session, payment: Payment) -> Payment:
        now = session.clock.now()
        claimed, moved = claim(payment, now)
        operation = new_operation(
            claimed, kind, moved, operation_id=operation_id, request=request, now=now
        )
        return await store.start_operation(session, claimed, operation)

    try:
        payment = await begin(transactions, payment_id, plan)
    except (Failure, AlreadyEnded, store.RequestKnown) as refusal:
        # Perhaps it was carried out before: then that is the answer, whatever is left now.
        payment, operation = await earlier(transactions, request, refusal)
        if operation.was_never_asked:
            raise
        if operation.is_open:
            provider = providers[payment.provider]
            payment = await pursue(transactions, provider, payment, operation)
        return answer(payment, operation.id)
    operation = next(each for each in payment.operations if each.request == request)
    payment = await carry_out(transactions, providers[payment.provider], payment, operation)
    return answer(payment, operation.id)


def _minor(payment: Payment, amount: Amount) -> int | None:
    if amount is None:
        return None
    minor, currency = amount
    if currency != payment.currency:
        raise CurrencyMismatch(
            "the amount is in another currency than the payment",
            metadata={"currency": payment.currency},
        )
    return minor
