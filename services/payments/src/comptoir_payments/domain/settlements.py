"""What a provider's word means for a payment: the one place where amounts change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from comptoir_payments.domain import ledger, schedule
from comptoir_payments.domain.ledger import Entry, Transfer, TransferKind
from comptoir_payments.domain.payments import (
    ENDED,
    NEVER_ASKED,
    UNDECIDED,
    ForbiddenMove,
    Kind,
    Operation,
    Payment,
    Progress,
    State,
)
from comptoir_payments.domain.reports import (
    NeverAsked,
    NoAnswer,
    Outcome,
    Refusal,
    Report,
    Status,
)

NOTHING: Mapping[str, Any] = {}
AMOUNT_MISMATCH = "amount_mismatch"
ALREADY_VOIDED = "payment_voided"
ALREADY_EXPIRED = "authorisation_expired"
NEVER_RECEIVED = "never_received"
"""The provider knows nothing of the call, and nobody may send it any more."""


class Occasion(StrEnum):
    """What the other services are told."""

    ACTION_REQUIRED = "action_required"
    AUTHORISED = "authorised"
    CAPTURED = "captured"
    VOIDED = "voided"
    FAILED = "failed"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DISPUTED = "disputed"
    DISPUTE_CLOSED = "dispute_closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A payment after its provider's word; all of it is written in one transaction."""

    payment: Payment
    operations: tuple[Operation, ...]
    """Those that changed, the one that was asked about first."""
    occasion: Occasion | None = None
    transfer: Transfer | None = None
    look_again: bool = False
    """The provider holds what it should not: its books have to be compared with ours."""

    @property
    def operation(self) -> Operation:
        return self.operations[0]


def settle(payment: Payment, operation: Operation, outcome: Outcome, now: datetime) -> Settlement:
    """The payment after `outcome` of an open operation; raises `ForbiddenMove` for a closed one."""
    if not operation.is_open:
        raise ForbiddenMove(f"{operation.id} is {operation.progress} already")
    payment = replace(payment, updated_at=now)
    match outcome:
        case NoAnswer():
            return _unanswered(payment, operation, now)
        case NeverAsked():
            return _failed(payment, operation, NEVER_ASKED)
    match operation.kind:
        case Kind.AUTHORISE:
            return _authorisation(payment, operation, outcome, now)
        case Kind.CAPTURE:
            return _capture(payment, operation, outcome, now)
        case Kind.REFUND:
            return _refund(payment, operation, outcome, now)
        case Kind.VOID:
            return _release(payment, operation, outcome)
        case _:
            return _aftermath(payment, operation, now)


def _unanswered(payment: Payment, operation: Operation, now: datetime) -> Settlement:
    """Never failed: whatever the provider did is found out later, under the same key."""
    attempts = operation.attempts + 1
    waiting = payment.state is State.REQUIRES_ACTION and operation.kind is Kind.AUTHORISE
    operation = replace(
        operation,
        progress=operation.progress if waiting else Progress.UNKNOWN,
        attempts=attempts,
        next_attempt_at=now + schedule.after_unknown(attempts),
    )
    if operation.kind is Kind.AUTHORISE and not waiting:
        payment = replace(payment, state=payment.next(State.UNKNOWN))
    return _settled(payment, operation)


def _failed(
    payment: Payment, operation: Operation, code: str, *, look_again: bool = False
) -> Settlement:
    """Nothing has moved: the claim is given back."""
    match operation.kind:
        case Kind.CAPTURE:
            payment = replace(payment, capturing=payment.capturing - operation.amount)
        case Kind.REFUND:
            payment = replace(payment, refunding=payment.refunding - operation.amount)
        case Kind.VOID:
            payment = replace(payment, voiding=False)
        case _:
            pass
    closed = _closed(operation, Progress.FAILED, failure_code=code)
    return _settled(payment, closed, look_again=look_again)


# --- authorisation -----------------------------------------------------------------------------


def _authorisation(
    payment: Payment, operation: Operation, outcome: Report | Refusal, now: datetime
) -> Settlement:
    if isinstance(outcome, Refusal):
        return _declined(payment, operation, outcome.code)
    # Every branch makes one new payment: checkouts wait for this.
    heard: dict[str, Any] = {
        "provider_reference": outcome.reference,
        "display": outcome.display,
        "expires_at": outcome.expires_at,
        "single_capture": outcome.single_capture,
        "action_url": "",
    }
    match outcome.status:
        case Status.DECLINED:
            heard["retryable"] = outcome.retryable
            return _declined(payment, operation, outcome.decline_code, heard)
        case Status.REQUIRES_ACTION | Status.PENDING:
            return _undecided(payment, operation, outcome, heard, now)
        case Status.VOIDED:
            payment = replace(payment, state=payment.next(State.VOIDED), **heard)
            closed = _closed(operation, Progress.FAILED, failure_code=ALREADY_VOIDED)
            return _settled(payment, closed, None if payment.voiding else Occasion.VOIDED)
        case Status.APPROVED:
            return _approved(payment, operation, outcome, heard)


def _approved(
    payment: Payment, operation: Operation, report: Report, heard: Mapping[str, Any]
) -> Settlement:
    if (report.authorised, report.currency) != (payment.amount, payment.currency):
        refused = _declined(payment, operation, AMOUNT_MISMATCH, heard)
        return replace(refused, look_again=True)
    state = payment.next(State.AUTHORISED)
    payment = replace(payment, authorised=report.authorised, state=state, **heard)
    done = _closed(operation, Progress.SUCCEEDED, provider_reference=report.operation)
    # Nobody waits any more for a payment that is being given up.
    return _settled(payment, done, None if payment.voiding else Occasion.AUTHORISED)


def _declined(
    payment: Payment, operation: Operation, code: str, heard: Mapping[str, Any] = NOTHING
) -> Settlement:
    state = payment.next(State.FAILED)
    payment = replace(payment, decline_code=code, state=state, **heard)
    closed = _closed(operation, Progress.FAILED, failure_code=code)
    return _settled(payment, closed, Occasion.FAILED)


def _undecided(
    payment: Payment,
    operation: Operation,
    report: Report,
    heard: dict[str, Any],
    now: datetime,
) -> Settlement:
    """The payer has to act, or the issuer takes its time: looked at again until it is decided."""
    attempts = operation.attempts + 1
    asks = report.status is Status.REQUIRES_ACTION
    news = asks and payment.state is not State.REQUIRES_ACTION
    operation = replace(
        operation,
        progress=Progress.PENDING if asks else Progress.UNKNOWN,
        attempts=attempts,
        next_attempt_at=now + schedule.while_waiting(attempts),
    )
    heard["action_url"] = report.action_url
    state = payment.next(State.REQUIRES_ACTION if asks else State.UNKNOWN)
    payment = replace(payment, state=state, **heard)
    return _settled(payment, operation, Occasion.ACTION_REQUIRED if news else None)


# --- movements ---------------------------------------------------------------------------------


def _capture(
    payment: Payment, operation: Operation, outcome: Report | Refusal, now: datetime
) -> Settlement:
    if isinstance(outcome, Refusal):
        return _failed(payment, operation, outcome.code)
    if not _as_asked(payment, operation, outcome):
        return _failed(payment, operation, AMOUNT_MISMATCH, look_again=True)
    captured = payment.captured + operation.amount
    whole = captured == payment.authorised
    payment = replace(
        payment,
        capturing=payment.capturing - operation.amount,
        captured=captured,
        state=payment.next(State.CAPTURED if whole else State.PARTIALLY_CAPTURED),
    )
    entries = ledger.capture_entries(
        payment.settles_in, payment.provider, operation.amount, outcome.fee, payment.purse
    )
    return _moved(
        payment, operation, outcome.operation, Occasion.CAPTURED, TransferKind.CAPTURE, entries, now
    )


def _refund(
    payment: Payment, operation: Operation, outcome: Report | Refusal, now: datetime
) -> Settlement:
    if isinstance(outcome, Refusal):
        return _failed(payment, operation, outcome.code)
    if not _as_asked(payment, operation, outcome):
        return _failed(payment, operation, AMOUNT_MISMATCH, look_again=True)
    payment = replace(
        payment,
        refunding=payment.refunding - operation.amount,
        refunded=payment.refunded + operation.amount,
    )
    if operation.means:
        account, holder = ledger.purse_account(operation.means), operation.purse
    else:
        account, holder = payment.settles_in, payment.purse
    entries = ledger.refund_entries(account, operation.amount, holder)
    return _moved(
        payment, operation, outcome.operation, Occasion.REFUNDED, TransferKind.REFUND, entries, now
    )


def _as_asked(payment: Payment, operation: Operation, report: Report) -> bool:
    """Whether the amount that moved is the one asked for, in the currency of the payment."""
    currency = report.currency or payment.currency  # a till does not say what it counts in
    return (report.moved, currency) == (operation.amount, payment.currency)


def _aftermath(payment: Payment, operation: Operation, now: datetime) -> Settlement:
    """What has happened to money that was taken or given back: there is nothing to refuse."""
    amount, settles_in = operation.amount, payment.settles_in
    match operation.kind:
        case Kind.REVERSAL:
            payment = replace(payment, refunded=payment.refunded - amount)
            entries = ledger.reversal_entries(settles_in, amount)
            occasion = Occasion.REFUND_FAILED
        case Kind.DISPUTE:
            payment = replace(payment, disputed=payment.disputed + amount)
            entries = ledger.dispute_entries(settles_in, amount)
            occasion = Occasion.DISPUTED
        case Kind.DISPUTE_WON:
            payment = replace(payment, disputed=payment.disputed - amount)
            entries = ledger.dispute_entries(settles_in, -amount)
            occasion = Occasion.DISPUTE_CLOSED
        case _:
            disputed, lost = payment.disputed - amount, payment.charged_back + amount
            payment = replace(payment, disputed=disputed, charged_back=lost)
            entries = ledger.loss_entries(amount)
            occasion = Occasion.DISPUTE_CLOSED
    kind = TransferKind(operation.kind)
    return _moved(payment, operation, "", occasion, kind, entries, now)


def _moved(
    payment: Payment,
    operation: Operation,
    reference: str,
    occasion: Occasion,
    kind: TransferKind,
    entries: tuple[Entry, ...],
    now: datetime,
) -> Settlement:
    transfer = Transfer(
        kind=kind,
        payment=payment.id,
        operation=operation.id,
        currency=payment.currency,
        at=now,
        entries=entries,
    )
    done = _closed(operation, Progress.SUCCEEDED, provider_reference=reference)
    return replace(_settled(payment, done, occasion), transfer=transfer)


def _release(payment: Payment, operation: Operation, outcome: Report | Refusal) -> Settlement:
    payment = replace(payment, voiding=False)
    if isinstance(outcome, Report):
        done = _closed(operation, Progress.SUCCEEDED, provider_reference=outcome.operation)
        return _released(payment, done, taken=min(outcome.captured, payment.amount))
    if outcome.code in (ALREADY_VOIDED, ALREADY_EXPIRED):
        return _released(payment, _closed(operation, Progress.SUCCEEDED))
    return _failed(payment, operation, outcome.code, look_again=True)


def _released(payment: Payment, done: Operation, taken: int = 0) -> Settlement:
    """Nothing is kept for us any more; an authorisation that was not decided will not be.

    When the provider has `taken` more than we know of, room for that stays until it is looked into.
    """
    if payment.state in ENDED or payment.state is State.CAPTURED:
        return _settled(payment, done)
    unknown = taken > payment.captured
    payment = replace(payment, authorised=max(payment.captured, taken), action_url="")
    if unknown:
        end = State.AUTHORISED if payment.state in UNDECIDED else payment.state
    else:
        end = State.CAPTURED if payment.captured else State.VOIDED
    payment = replace(payment, state=payment.next(end))
    settled = _settled(payment, done, Occasion.VOIDED, look_again=unknown)
    asked = payment.authorisation
    if asked is None or not (asked.is_open or asked.was_never_asked):
        return settled
    closed = _closed(asked, Progress.FAILED, failure_code=ALREADY_VOIDED)
    return replace(settled, payment=settled.payment.having(closed), operations=(done, closed))


def release_unasked(payment: Payment, operation: Operation, now: datetime) -> Settlement:
    """A release of what is not held: it ended before, or its provider was never asked."""
    done = _closed(operation, Progress.SUCCEEDED)
    return _released(replace(payment, voiding=False, updated_at=now), done)


# --- small parts -------------------------------------------------------------------------------


def _closed(
    operation: Operation,
    progress: Progress,
    *,
    failure_code: str = "",
    provider_reference: str = "",
) -> Operation:
    return replace(
        operation,
        progress=progress,
        failure_code=failure_code,
        provider_reference=provider_reference or operation.provider_reference,
        next_attempt_at=None,
        token="",
        return_url="",
    )


def _settled(
    payment: Payment,
    operation: Operation,
    occasion: Occasion | None = None,
    *,
    look_again: bool = False,
) -> Settlement:
    return Settlement(
        payment=payment.having(operation),
        operations=(operation,),
        occasion=occasion,
        look_again=look_again,
    )


def action_is_overdue(operation: Operation, now: datetime) -> bool:
    """Whether the payer has had the time to act."""
    return now - operation.created_at >= schedule.ACTION


def may_be_repeated(operation: Operation, now: datetime) -> bool:
    """Whether the provider still knows the key, so that a repeated call is no second one."""
    return now - operation.created_at < schedule.SAME_KEY
