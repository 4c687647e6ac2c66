"""A payment and its rules: pure values, integer minor units, no clock and no I/O."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final, Self

from comptoir_psp_sandbox.cards import BEHAVIOURS, Behaviour, Outcome, PaymentMethod
from comptoir_psp_sandbox.errors import (
    ActionRequired,
    AuthorisationExpired,
    CaptureExceedsAuthorised,
    NothingThere,
    NothingToVoid,
    PaymentNotAuthorised,
    PaymentVoided,
    RefundExceedsCaptured,
)


class Status(StrEnum):
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    AUTHORISED = "authorised"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    VOIDED = "voided"
    DECLINED = "declined"


OPEN: Final = frozenset({Status.REQUIRES_ACTION, Status.PENDING})


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """What a caller asks for, already checked for shape."""

    amount: int
    currency: str
    payment_method: str
    capture: bool
    reference: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Card:
    brand: str
    last4: str


@dataclass(frozen=True, slots=True)
class Action:
    redirect_url: str


@dataclass(frozen=True, slots=True)
class Payment:
    """The public state of a payment: its fields, in this order, are its JSON.

    Amounts are integer minor units of `currency`; times are unix seconds.
    """

    id: str
    status: Status
    reference: str
    amount: int
    currency: str
    authorised_amount: int
    captured_amount: int
    voided_amount: int
    refunded_amount: int
    decline_code: str | None
    action: Action | None
    payment_method: str
    card: Card
    capture: bool
    return_url: str
    created_at: int
    expires_at: int
    disputed_amount: int = 0
    charged_back_amount: int = 0
    single_capture: bool = False

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """The payment inside a journalled answer (which may carry more than the payment)."""
        # What is newer than the journal has its default.
        fields = {name: value[name] for name in cls.__slots__ if name in value}
        fields["status"] = Status(fields["status"])
        fields["action"] = Action(**fields["action"]) if fields["action"] else None
        fields["card"] = Card(**fields["card"])
        return cls(**fields)


def open_payment(
    request: PaymentRequest,
    method: PaymentMethod,
    *,
    payment_id: str,
    challenge_url: str,
    now: int,
    lifetime: int,
) -> Payment:
    """A new payment with the issuer's first word on it. `lifetime` is in seconds."""
    behaviour = BEHAVIOURS[method.behaviour]
    payment = Payment(
        id=payment_id,
        status=Status.PENDING,
        reference=request.reference,
        amount=request.amount,
        currency=behaviour.currency_override or request.currency,
        authorised_amount=0,
        captured_amount=0,
        voided_amount=0,
        refunded_amount=0,
        decline_code=None,
        action=None,
        payment_method=method.token,
        card=Card(method.brand, method.last4),
        capture=request.capture,
        return_url=request.return_url,
        created_at=now,
        expires_at=now + lifetime,
        single_capture=behaviour.single_capture,
    )
    if behaviour.outcome is Outcome.DECLINED:
        return replace(payment, status=Status.DECLINED, decline_code=behaviour.decline_code)
    if behaviour.outcome is Outcome.CHALLENGED:
        return replace(payment, status=Status.REQUIRES_ACTION, action=Action(challenge_url))
    if behaviour.outcome is Outcome.DELAYED:
        return payment
    return approve(payment, behaviour)


def approve(payment: Payment, behaviour: Behaviour) -> Payment:
    """The issuer says yes: the amount is held, and taken at once where `capture` was asked for."""
    approved = payment.amount + behaviour.amount_error
    return replace(
        payment,
        status=Status.CAPTURED if payment.capture else Status.AUTHORISED,
        authorised_amount=approved,
        captured_amount=approved if payment.capture else 0,
        action=None,
    )


def decline(payment: Payment, code: str) -> Payment:
    return replace(payment, status=Status.DECLINED, decline_code=code, action=None)


def require_settled(payment: Payment) -> None:
    """Confirmation needs the buyer to have answered the challenge."""
    if payment.status is Status.REQUIRES_ACTION:
        raise ActionRequired("the buyer has not finished the 3-D Secure challenge yet")


def held(payment: Payment) -> int:
    """What can still be captured or released."""
    return payment.authorised_amount - payment.captured_amount - payment.voided_amount


def capture(payment: Payment, amount: int | None, now: int) -> tuple[Payment, int]:
    """Takes `amount` (all that is left when None); several captures may share one authorisation."""
    if payment.status is Status.VOIDED:
        raise PaymentVoided("a voided payment cannot be captured")
    if payment.authorised_amount == 0:
        raise PaymentNotAuthorised("the payment is not authorised", payment_status=payment.status)
    left = held(payment)
    taken = left if amount is None else amount
    if taken > left or taken == 0:
        raise CaptureExceedsAuthorised("more than is left of the authorisation", amount_left=left)
    if now >= payment.expires_at:
        raise AuthorisationExpired("the authorisation has expired", expires_at=payment.expires_at)
    released = left - taken if payment.single_capture else 0
    whole = taken + released == left
    return replace(
        payment,
        status=Status.CAPTURED if whole else Status.PARTIALLY_CAPTURED,
        captured_amount=payment.captured_amount + taken,
        voided_amount=payment.voided_amount + released,
    ), taken


def void(payment: Payment) -> tuple[Payment, int]:
    """Releases what is not captured; money already captured comes back by a refund only."""
    if payment.status is Status.VOIDED:
        raise PaymentVoided("the payment is already voided")
    released = held(payment)
    if payment.status not in OPEN and released == 0:
        raise NothingToVoid("nothing is held on this payment", payment_status=payment.status)
    status = Status.CAPTURED if payment.captured_amount else Status.VOIDED
    voided = payment.voided_amount + released
    return replace(payment, status=status, voided_amount=voided, action=None), released


def keeps(payment: Payment) -> int:
    """What of a payment was captured and is neither given back nor disputed nor lost."""
    gone = payment.refunded_amount + payment.disputed_amount + payment.charged_back_amount
    return payment.captured_amount - gone


def refund(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """Gives back `amount` (all that is left when None) of what was captured."""
    left = keeps(payment)
    given = left if amount is None else amount
    if given > left or given == 0:
        raise RefundExceedsCaptured("more than is left of what was captured", amount_left=left)
    return replace(payment, refunded_amount=payment.refunded_amount + given), given


def fail_refund(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """A refund of `amount` (all of them when None) could not be delivered and comes back."""
    left = payment.refunded_amount
    back = left if amount is None else amount
    if back > left or back == 0:
        raise NothingThere("no such amount was refunded", amount_left=left)
    return replace(payment, refunded_amount=left - back), back


def dispute(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """The payer's bank takes `amount` (all that is left when None) back until it has decided."""
    left = keeps(payment)
    taken = left if amount is None else amount
    if taken > left or taken == 0:
        raise NothingThere("no such amount is left to dispute", amount_left=left)
    return replace(payment, disputed_amount=payment.disputed_amount + taken), taken


def win_dispute(payment: Payment) -> tuple[Payment, int]:
    """What was disputed is the merchant's again."""
    taken = _disputed(payment)
    return replace(payment, disputed_amount=0), taken


def lose_dispute(payment: Payment) -> tuple[Payment, int]:
    """What was disputed is lost."""
    taken = _disputed(payment)
    lost = payment.charged_back_amount + taken
    return replace(payment, disputed_amount=0, charged_back_amount=lost), taken


def _disputed(payment: Payment) -> int:
    if payment.disputed_amount == 0:
        raise NothingThere("nothing is disputed", amount_left=0)
    return payment.disputed_amount
