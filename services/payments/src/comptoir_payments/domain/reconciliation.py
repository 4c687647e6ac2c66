"""Our books and the provider's, compared: what is to be done when they differ.

Amounts are compared, not events: notices may come twice, late or in any order, and each time the
same comparison finds what is still missing.
"""

from dataclasses import replace
from datetime import datetime
from enum import Enum, auto

from comptoir_payments.domain.payments import (
    ENDED,
    Kind,
    Operation,
    Payment,
    claim_release,
    new_operation,
)
from comptoir_payments.domain.reports import Report, Status
from comptoir_runtime.idempotency import RequestKey

SCOPE = "reconciliation"
"""Scope of the requests that nobody made: the provider's books said so."""
LAPSED = "lapsed:"


class Step(Enum):
    """What the comparison asks for next."""

    NOTHING = auto()
    WAIT = auto()
    """An operation is under way: its own answer comes first."""
    DECIDE = auto()
    """The authorisation is open with us and the provider knows its outcome."""
    RELEASE = auto()
    """The provider holds money for a payment that has ended: it is given up, again if need be."""
    ADOPT_CAPTURE = auto()
    ADOPT_REFUND = auto()
    ADOPT_RELEASE = auto()
    """Done at the provider without us, such as in its own user interface."""
    ADOPT_REVERSAL = auto()
    """A refund could not be delivered and came back."""
    ADOPT_DISPUTE = auto()
    ADOPT_WIN = auto()
    ADOPT_LOSS = auto()
    REVIEW = auto()
    """Nothing a rule can decide: somebody has to look."""


def is_foreign(payment: Payment, report: Report) -> bool:
    """Whether the report is about another payment that only claims our reference."""
    ours = payment.provider_reference
    return report.payment != payment.id or ours not in ("", report.reference)


def next_step(payment: Payment, report: Report) -> Step:
    """The first difference between the payment and its provider's report."""
    if payment.is_busy:
        return Step.WAIT
    if payment.is_waiting:
        undecided = report.status in (Status.REQUIRES_ACTION, Status.PENDING)
        return Step.NOTHING if undecided else Step.DECIDE
    # What can still be given up is, also of what somebody has to look at.
    if payment.capturable == 0 and report.held > 0:
        return Step.RELEASE
    if payment.state in ENDED:
        return Step.REVIEW if report.captured > report.refunded else Step.NOTHING
    return _movement(payment, report)


def _movement(payment: Payment, report: Report) -> Step:
    if report.currency != payment.currency or report.captured > payment.authorised:
        return Step.REVIEW
    if report.captured > payment.captured:
        return Step.ADOPT_CAPTURE
    there = payment.refunded - payment.refunded_elsewhere
    fits = report.refunded - there <= payment.returnable
    if report.refunded > there and fits:
        return Step.ADOPT_REFUND
    if report.refunded < there:
        return Step.ADOPT_REVERSAL
    aftermath = _dispute(payment, report)
    if aftermath is not Step.NOTHING:
        return aftermath
    if not fits:
        # Given back here by another means and there as well: somebody has to look.
        return Step.REVIEW
    if payment.capturable > report.held:
        return Step.ADOPT_RELEASE
    return Step.NOTHING


def _dispute(payment: Payment, report: Report) -> Step:
    """What a payer's bank has taken, given back or kept since we looked: taken comes first."""
    gone = report.disputed + report.charged_back - payment.disputed - payment.charged_back
    if gone > 0:
        return Step.ADOPT_DISPUTE if gone <= payment.disputable else Step.REVIEW
    if report.charged_back < payment.charged_back:
        return Step.REVIEW
    if report.charged_back > payment.charged_back:
        return Step.ADOPT_LOSS
    return Step.ADOPT_WIN if gone < 0 else Step.NOTHING


def claim(
    payment: Payment, report: Report, step: Step, *, operation_id: str, cause: str, now: datetime
) -> tuple[Payment, Operation]:
    """The operation that a step asks for, on the payment with the claim it lays.

    `cause` names what made us look: the same cause never becomes a second operation.
    """
    match step:
        case Step.ADOPT_CAPTURE:
            kind, amount = Kind.CAPTURE, report.captured - payment.captured
            payment = replace(payment, capturing=payment.capturing + amount)
        case Step.ADOPT_REFUND:
            there = payment.refunded - payment.refunded_elsewhere
            kind, amount = Kind.REFUND, report.refunded - there
            payment = replace(payment, refunding=payment.refunding + amount)
        case Step.ADOPT_RELEASE:
            kind, amount = Kind.VOID, payment.capturable - report.held
            payment = replace(payment, voiding=True)
        case Step.ADOPT_REVERSAL:
            there = payment.refunded - payment.refunded_elsewhere
            kind, amount = Kind.REVERSAL, there - report.refunded
        case Step.ADOPT_DISPUTE:
            ours = payment.disputed + payment.charged_back
            kind, amount = Kind.DISPUTE, report.disputed + report.charged_back - ours
        case Step.ADOPT_LOSS:
            kind, amount = Kind.DISPUTE_LOST, report.charged_back - payment.charged_back
        case Step.ADOPT_WIN:
            kind, amount = Kind.DISPUTE_WON, payment.disputed - report.disputed
        case _:
            # Where it was given up before anybody knew its reference, this is how we learn it.
            reference = payment.provider_reference or report.reference
            kind, amount = Kind.VOID, report.held
            payment = replace(payment, voiding=True, provider_reference=reference)
    request = RequestKey(SCOPE, payment.provider, f"{cause}:{kind}:{payment.version}", b"")
    return payment, new_operation(
        payment, kind, amount, operation_id=operation_id, request=request, now=now
    )


def adopted(report: Report, operation: Operation) -> Report:
    """The provider's word for an operation that it carried out without us."""
    return replace(report, moved=operation.amount, operation="", fee=0)


def is_settled(payment: Payment, report: Report) -> bool:
    """Whether the report says nothing that our books do not say already."""
    return not payment.is_waiting and next_step(payment, report) is Step.NOTHING


def overdue_release(
    payment: Payment, *, operation_id: str, now: datetime
) -> tuple[Payment, Operation]:
    """The end of a payment whose payer never acted; raises what `claim_release` raises."""
    claimed, amount = claim_release(payment)
    request = RequestKey(SCOPE, payment.provider, f"overdue:{payment.id}", b"")
    return claimed, new_operation(
        claimed, Kind.VOID, amount, operation_id=operation_id, request=request, now=now
    )


def lapse(payment: Payment, *, operation_id: str, now: datetime) -> tuple[Payment, Operation]:
    """The end of a promise that nobody took in time; raises what `claim_release` raises."""
    claimed, amount = claim_release(payment)
    request = RequestKey(SCOPE, payment.provider, f"{LAPSED}{payment.id}", b"")
    claimed = replace(claimed, lapsed=True)
    return claimed, new_operation(
        claimed, Kind.VOID, amount, operation_id=operation_id, request=request, now=now
    )
