"""Taking what is authorised, giving it up, giving it back."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from comptoir_payments import events, store
from comptoir_payments.domain.instructions import Refunding
from comptoir_payments.domain.payments import (
    AlreadyEnded,
    Kind,
    Operation,
    Payment,
    claim_capture,
    claim_refund,
    claim_release,
    new_operation,
    require_consent,
    require_customer,
    require_own_account,
)
from comptoir_payments.errors import CurrencyMismatch
from comptoir_payments.events import PaymentMessage
from comptoir_payments.operations.asking import carry_out, pursue
from comptoir_payments.operations.own import start
from comptoir_payments.operations.purses import open_store_credit
from comptoir_payments.operations.requests import answer, begin, earlier
from comptoir_payments.providers.contract import Providers
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, Violation
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.ids import new_id

Claim = Callable[[Payment, datetime], tuple[Payment, int]]
Amount = tuple[int, str] | None
"""Minor units and currency; None means all that is left."""
Detail = Callable[[Session, Payment, Operation], Awaitable[Operation]]
"""What else is written down with an operation."""


async def _as_it_is(_: Session, __: Payment, operation: Operation) -> Operation:
    return operation


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
    refunding: Refunding,
    request: RequestKey,
) -> PaymentMessage:
    """Gives an amount back to the means it came from, or to one the customer has agreed to.

    Raises `RefundExceedsCapture`, `RefundRefused`, `ConsentRequired`, `OutcomeUnknown`.
    """
    refuse_card_numbers(refunding.texts)
    require_consent(refunding, transactions.clock.now())

    def claim(payment: Payment, _: datetime) -> tuple[Payment, int]:
        return claim_refund(payment, _minor(payment, amount))

    async def detail(session: Session, payment: Payment, operation: Operation) -> Operation:
        operation = replace(operation, reason=refunding.reason)
        if refunding.means in ("", payment.provider):
            return operation
        require_customer(payment)
        if payment.purse:
            require_own_account(payment, await store.get_purse(session, payment.purse))
        credit = await open_store_credit(session, payment.payer, payment.currency)
        return replace(operation, means=refunding.means, purse=credit.id, consent=refunding.consent)

    return await _move(transactions, providers, payment_id, Kind.REFUND, claim, request, detail)


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
    detail: Detail = _as_it_is,
) -> PaymentMessage:
    """Written down with the claim it lays, asked, settled; once per request."""
    operation_id = new_id("pop")

    async def plan(session: Session, payment: Payment) -> Payment:
        now = session.clock.now()
        claimed, moved = claim(payment, now)
        operation = new_operation(
            claimed, kind, moved, operation_id=operation_id, request=request, now=now
        )
        return await start(session, claimed, await detail(session, claimed, operation))

    try:
        payment = await begin(transactions, payment_id, plan)
    except (Failure, AlreadyEnded, store.RequestKnown) as refusal:
        # Perhaps it was carried out before: then that is the answer, whatever is left now.
        payment, operation = await earlier(transactions, request, refusal)
        if operation.was_never_asked and not isinstance(refusal, store.RequestKnown):
            raise
        if operation.is_open:
            provider = providers[payment.provider]
            payment = await pursue(transactions, provider, payment, operation)
        return answer(payment, operation.id)
    operation = next(each for each in payment.operations if each.request == request)
    if operation.is_open:
        payment = await carry_out(transactions, providers[payment.provider], payment, operation)
    return answer(payment, operation.id)


def _minor(payment: Payment, amount: Amount) -> int | None:
    if amount is None:
        return None
    minor, currency = amount
    if currency != payment.currency:
        told = Violation("amount.currency", f"must be {payment.currency}, as the payment")
        raise CurrencyMismatch(
            "the amount is in another currency than the payment",
            metadata={"currency": payment.currency},
            violations=[told],
        )
    return minor
