"""A request that is made twice has one effect, and its first answer is the answer."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from comptoir_payments import events, store
from comptoir_payments.domain import schedule
from comptoir_payments.domain.payments import NEVER_ASKED, Kind, Operation, Payment, Progress
from comptoir_payments.domain.settlements import AMOUNT_MISMATCH
from comptoir_payments.errors import (
    OutcomeUnknown,
    PaymentAlreadyCaptured,
    PaymentAmountMismatch,
    PaymentDeclined,
    PaymentNotCapturable,
    ProviderUnavailable,
    RefundRefused,
)
from comptoir_payments.events import PaymentMessage
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.money import from_minor

Plan: TypeAlias = Callable[[Session, Payment], Awaitable[Payment]]
"""Reads a payment as it stands, writes an operation on it, and answers the payment with it."""


async def begin(transactions: Transactions, payment_id: str, plan: Plan) -> Payment:
    """Carries out a plan: first on what was read, then, had somebody come between, under a lock."""

    async def as_read(session: Session) -> Payment:
        return await plan(session, await store.get_payment(session, payment_id))

    async def under_a_lock(session: Session) -> Payment:
        return await plan(session, await store.lock_payment(session, payment_id))

    try:
        return await transactions.run(as_read)
    except store.ChangedMeanwhile:
        return await transactions.run(under_a_lock)


async def earlier(
    transactions: Transactions, request: RequestKey, otherwise: Exception
) -> tuple[Payment, Operation]:
    """The operation that the request became before, with its payment.

    Raises `otherwise` when the request is new, `IdempotencyKeyReused` when its content is.
    """
    async with transactions.reading() as session:
        operation = await store.operation_of_request(session, request)
        if operation is None:
            raise otherwise
        if operation.request.request_hash != request.request_hash:
            raise IdempotencyKeyReused(
                "the request id was used for another request",
                metadata={"request_id": request.key},
            )
        # Read together, so that the operation is as far as its payment.
        payment = await store.get_payment(session, operation.payment)
        return payment, payment.operation(operation.id)


def answer(payment: Payment, operation_id: str) -> PaymentMessage:
    """What the caller of an operation is told; raises the failure when it failed.

    An authorisation without an outcome is told as it stands; other operations without one raise
    `OutcomeUnknown`, so that nobody takes silence for success.
    """
    operation = payment.operation(operation_id)
    if operation.answer is not None:
        return events.stored_answer(operation.answer)
    if operation.progress is Progress.FAILED:
        raise _failure(payment, operation)
    if operation.kind is Kind.AUTHORISE:
        return events.payment_message(payment)
    raise OutcomeUnknown(
        "the provider has not answered; repeat the request to learn what came of it",
        metadata={"payment": payment.id},
        retry_after=schedule.SOON,
    )


def _failure(payment: Payment, operation: Operation) -> Failure:
    code = operation.failure_code
    metadata = {"payment": payment.id, "provider_code": code}
    if code == NEVER_ASKED:
        return ProviderUnavailable(
            "the provider cannot be reached; nothing was charged", retry_after=schedule.SOON
        )
    match operation.kind:
        case Kind.AUTHORISE if code == AMOUNT_MISMATCH:
            return PaymentAmountMismatch("the provider approved something else", metadata=metadata)
        case Kind.AUTHORISE:
            return PaymentDeclined(
                "the payment was declined", metadata=_decline(payment, operation)
            )
        case Kind.CAPTURE:
            return PaymentNotCapturable("the provider refused the capture", metadata=metadata)
        case Kind.REFUND:
            return RefundRefused("the provider refused the refund", metadata=metadata)
        case _:
            return PaymentAlreadyCaptured("there was nothing left to give up", metadata=metadata)


def _decline(payment: Payment, operation: Operation) -> dict[str, str]:
    told = {
        "payment": payment.id,
        "decline_code": operation.failure_code,
        "retryable": "true" if payment.retryable else "false",
    }
    if operation.amount_left is None:
        return told
    # What this means could pay, so that another one pays the rest.
    left = from_minor(operation.amount_left, payment.currency)
    return told | {"amount_left": left.amount, "currency": left.currency}
