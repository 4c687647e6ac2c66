"""What the others are told: a payment as a message, and the event for each occasion."""

from typing import TypeAlias

from google.protobuf.message import Message

from comptoir.payments.v1 import events_pb2, payment_pb2, purse_pb2
from comptoir.type.v1.money_pb2 import Money
from comptoir_payments.domain.instructions import Consent
from comptoir_payments.domain.payments import Kind, Operation, Payment, Progress, State
from comptoir_payments.domain.purses import Purse
from comptoir_payments.domain.settlements import Occasion
from comptoir_runtime.money import from_minor
from comptoir_runtime.timestamps import timestamp

PaymentMessage: TypeAlias = payment_pb2.Payment
GiftCardMessage: TypeAlias = purse_pb2.GiftCard

_STATES = {each: payment_pb2.Payment.State.Value(f"STATE_{each.name}") for each in State}
_KINDS = {each: payment_pb2.Operation.Kind.Value(f"KIND_{each.name}") for each in Kind}
_PROGRESS = {each: payment_pb2.Operation.State.Value(f"STATE_{each.name}") for each in Progress}


def payment_message(payment: Payment) -> PaymentMessage:
    """A payment as callers and subscribers see it."""
    currency = payment.currency
    return payment_pb2.Payment(
        id=payment.id,
        order=payment.order,
        payer=payment.payer,
        state=_STATES[payment.state],
        amount=from_minor(payment.amount, currency),
        authorised_amount=from_minor(payment.authorised, currency),
        captured_amount=from_minor(payment.captured, currency),
        refunded_amount=from_minor(payment.refunded, currency),
        method=payment.method,
        display=payment.display,
        provider=payment.provider,
        provider_reference=payment.provider_reference,
        action_url=payment.action_url,
        decline_code=payment.decline_code,
        retryable=payment.retryable,
        expire_time=None if payment.expires_at is None else timestamp(payment.expires_at),
        create_time=timestamp(payment.created_at),
        update_time=timestamp(payment.updated_at),
        operations=[_operation_message(each, currency) for each in payment.operations],
        due_time=None if payment.due_at is None else timestamp(payment.due_at),
        lapsed=payment.lapsed,
        disputed_amount=_if_any(payment.disputed, currency),
        charged_back_amount=_if_any(payment.charged_back, currency),
        single_capture=payment.single_capture,
        version=payment.version,
    )


def _if_any(amount: int, currency: str) -> Money | None:
    """Rare amounts are told only where there is one."""
    return from_minor(amount, currency) if amount else None


def stored_answer(body: bytes) -> PaymentMessage:
    """An answer as it was given the first time."""
    return payment_pb2.Payment.FromString(body)


def about(occasion: Occasion, payment: PaymentMessage, operation: Operation) -> Message:
    """The event for an occasion, caused by an operation."""
    match occasion:
        case Occasion.ACTION_REQUIRED:
            return events_pb2.PaymentActionRequired(payment_id=payment.id, payment=payment)
        case Occasion.AUTHORISED:
            return events_pb2.PaymentAuthorised(payment_id=payment.id, payment=payment)
        case Occasion.VOIDED:
            return events_pb2.PaymentVoided(payment_id=payment.id, payment=payment)
        case Occasion.FAILED:
            return events_pb2.PaymentFailed(payment_id=payment.id, payment=payment)
        case Occasion.CAPTURED:
            kind: type[Message] = events_pb2.PaymentCaptured
        case Occasion.REFUNDED:
            kind = events_pb2.PaymentRefunded
        case _:
            return _aftermath(occasion, payment, operation)
    return kind(
        payment_id=payment.id,
        payment=payment,
        amount=from_minor(operation.amount, payment.amount.currency),
        request_id=operation.request.key,
    )


def _aftermath(occasion: Occasion, payment: PaymentMessage, operation: Operation) -> Message:
    amount = from_minor(operation.amount, payment.amount.currency)
    if occasion is Occasion.REFUND_FAILED:
        return events_pb2.PaymentRefundFailed(payment_id=payment.id, payment=payment, amount=amount)
    if occasion is Occasion.DISPUTED:
        return events_pb2.PaymentDisputed(payment_id=payment.id, payment=payment, amount=amount)
    return events_pb2.PaymentDisputeClosed(
        payment_id=payment.id,
        payment=payment,
        amount=amount,
        won=operation.kind is Kind.DISPUTE_WON,
    )


def gift_card_message(card: Purse) -> GiftCardMessage:
    """A gift card as callers and subscribers see it: never its code."""
    return purse_pb2.GiftCard(
        id=card.id,
        display=card.display,
        balance=from_minor(card.balance, card.currency),
        available_amount=from_minor(card.available, card.currency),
        expire_time=None if card.expires_at is None else timestamp(card.expires_at),
        create_time=timestamp(card.created_at),
    )


def stored_gift_card(body: bytes) -> GiftCardMessage:
    """A gift card as it was answered the first time."""
    return purse_pb2.GiftCard.FromString(body)


def gift_card_issued(card: GiftCardMessage) -> Message:
    return events_pb2.GiftCardIssued(gift_card_id=card.id, gift_card=card)


def gift_card_spent(card: Purse, payment: Payment, amount: int) -> Message:
    """`card` as it is afterwards."""
    return events_pb2.GiftCardSpent(
        gift_card_id=card.id,
        gift_card=gift_card_message(card),
        amount=from_minor(amount, card.currency),
        payment_id=payment.id,
        order=payment.order,
    )


def _operation_message(operation: Operation, currency: str) -> payment_pb2.Operation:
    return payment_pb2.Operation(
        id=operation.id,
        kind=_KINDS[operation.kind],
        state=_PROGRESS[operation.progress],
        amount=from_minor(operation.amount, currency),
        request_id=operation.request.key,
        provider_reference=operation.provider_reference,
        failure_code=operation.failure_code,
        create_time=timestamp(operation.created_at),
        reason=operation.reason,
        means=operation.means,
        consent=None if operation.consent is None else _consent_message(operation.consent),
    )


def _consent_message(consent: Consent) -> payment_pb2.Consent:
    return payment_pb2.Consent(
        given_by=consent.by, give_time=timestamp(consent.at), text_version=consent.text
    )
