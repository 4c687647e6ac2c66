"""A payment, what was asked of its provider, and what may still be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from comptoir_payments.domain import schedule
from comptoir_payments.domain.instructions import Consent, Refunding
from comptoir_payments.domain.purses import KINDS, Purse, PurseKind
from comptoir_payments.errors import (
    AuthorisationExpired,
    CaptureExceedsAuthorisation,
    ConsentRequired,
    OperationInProgress,
    PaymentAlreadyCaptured,
    PaymentNotCapturable,
    RefundExceedsCapture,
    RefundRefused,
)
from comptoir_runtime import money
from comptoir_runtime.idempotency import RequestKey


class State(StrEnum):
    CREATED = "created"
    REQUIRES_ACTION = "requires_action"
    AUTHORISED = "authorised"
    PARTIALLY_CAPTURED = "partially_captured"
    CAPTURED = "captured"
    VOIDED = "voided"
    FAILED = "failed"
    UNKNOWN = "unknown"


MOVES: Mapping[State, frozenset[State]] = {
    State.CREATED: frozenset(
        {State.REQUIRES_ACTION, State.AUTHORISED, State.FAILED, State.UNKNOWN, State.VOIDED}
    ),
    State.UNKNOWN: frozenset({State.REQUIRES_ACTION, State.AUTHORISED, State.FAILED, State.VOIDED}),
    State.REQUIRES_ACTION: frozenset({State.UNKNOWN, State.AUTHORISED, State.FAILED, State.VOIDED}),
    State.AUTHORISED: frozenset({State.PARTIALLY_CAPTURED, State.CAPTURED, State.VOIDED}),
    State.PARTIALLY_CAPTURED: frozenset({State.CAPTURED}),
    State.CAPTURED: frozenset(),
    State.VOIDED: frozenset(),
    State.FAILED: frozenset(),
}
assert MOVES.keys() == set(State), "every state says where it leads"

UNDECIDED = frozenset({State.CREATED, State.UNKNOWN, State.REQUIRES_ACTION})
ENDED = frozenset({State.VOIDED, State.FAILED})
_CUSTOMER = "cus_"
_PROMISED = frozenset({State.AUTHORISED, State.PARTIALLY_CAPTURED, State.CAPTURED})


class ForbiddenMove(Exception):
    """A programming error: the state machine has no such edge."""


class AlreadyEnded(Exception):
    """There is nothing to give up: the payment has failed or was given up before."""


class Kind(StrEnum):
    AUTHORISE = "authorise"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"
    REVERSAL = "reversal"
    """A refund that could not be delivered and came back."""
    DISPUTE = "dispute"
    """Taken back by the payer's bank while it looks into it."""
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"


AFTERMATH = frozenset({Kind.REVERSAL, Kind.DISPUTE, Kind.DISPUTE_WON, Kind.DISPUTE_LOST})
"""What happens to us: nobody asks a provider for it, it is written down as it is heard of."""


class Progress(StrEnum):
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OPEN = frozenset({Progress.PENDING, Progress.UNKNOWN})
NEVER_ASKED = "provider_unavailable"
"""Failure code of an operation that never reached its provider: it may be asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing asked of a provider; its id is the provider's idempotency key."""

    id: str
    payment: str
    kind: Kind
    amount: int
    request: RequestKey
    """Who asked for it: the same request never becomes a second operation."""
    created_at: datetime
    progress: Progress = Progress.PENDING
    next_attempt_at: datetime | None = None
    attempts: int = 0
    """How often the provider's word was missing, or was to wait."""
    provider_reference: str = ""
    failure_code: str = ""
    token: str = ""
    """Kept while the call may have to be repeated, then forgotten."""
    return_url: str = ""
    answer: bytes | None = None
    """What the caller was told of the success; told again, byte for byte."""
    amount_left: int | None = None
    """What a means that held too little could have paid."""
    reason: str = ""
    means: str = ""
    """Where a refund went when it is not where the money came from."""
    purse: str = ""
    """The purse it went to then."""
    consent: Consent | None = None

    @property
    def is_open(self) -> bool:
        return self.progress in OPEN

    @property
    def was_never_asked(self) -> bool:
        return self.progress is Progress.FAILED and self.failure_code == NEVER_ASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """Money promised or paid for one order by one means, in minor units of `currency`."""

    id: str
    order: str
    payer: str
    amount: int
    currency: str
    method: str
    provider: str
    settles_in: str
    """Ledger account that its money arrives in and leaves from."""
    created_at: datetime
    updated_at: datetime
    state: State = State.CREATED
    authorised: int = 0
    """What the provider keeps or kept for us; less what was given up."""
    captured: int = 0
    refunded: int = 0
    disputed: int = 0
    """Part of `captured` that is gone until a dispute is decided."""
    charged_back: int = 0
    """Part of `captured` that was lost in disputes."""
    capturing: int = 0
    """Part of `authorised` that open captures lay claim to."""
    refunding: int = 0
    """Part of `captured` that open refunds lay claim to."""
    voiding: bool = False
    """Whether a release is under way: nothing may be taken any more."""
    display: str = ""
    provider_reference: str = ""
    action_url: str = ""
    decline_code: str = ""
    retryable: bool = False
    expires_at: datetime | None = None
    purse: str = ""
    """What pays, when it is a balance of ours."""
    purse_expires_at: datetime | None = None
    """When that would have expired, as it was when it began to pay."""
    due_at: datetime | None = None
    """By when a purchase on account has to be paid."""
    single_capture: bool = False
    """Whether what the first capture does not take is given back with it."""
    lapsed: bool = False
    """Whether the promise ended because nobody took it in time."""
    version: int = 1
    operations: tuple[Operation, ...] = ()
    """Oldest first."""

    @property
    def authorisation(self) -> Operation | None:
        """How the promise was asked for; a till payment has none."""
        return next((each for each in self.operations if each.kind is Kind.AUTHORISE), None)

    @property
    def capturable(self) -> int:
        return self.authorised - self.captured - self.capturing

    @property
    def refundable(self) -> int:
        gone = self.refunded + self.disputed + self.charged_back + self.refunding
        # A payer's bank may take what was given back to them already.
        return max(0, self.captured - gone)

    @property
    def returnable(self) -> int:
        """What may still turn out to be given back at the provider: also what a bank has taken."""
        return self.captured - self.refunded - self.refunding

    @property
    def disputable(self) -> int:
        """What a payer's bank can still take: also what was given back otherwise."""
        return self.captured - self.disputed - self.charged_back

    @property
    def is_own(self) -> bool:
        """Whether it is paid from a balance of ours: there is nobody to ask."""
        return self.provider in KINDS

    @property
    def held(self) -> int:
        """What is promised and was neither taken nor given up."""
        return self.authorised - self.captured

    @property
    def refunded_elsewhere(self) -> int:
        """The part of `refunded` that its provider knows nothing of."""
        return sum(
            each.amount
            for each in self.operations
            if each.means and each.progress is Progress.SUCCEEDED
        )

    @property
    def is_waiting(self) -> bool:
        """Whether its authorisation has been asked for and is not decided."""
        asked = self.authorisation
        return asked is not None and asked.is_open

    @property
    def is_busy(self) -> bool:
        """Whether a capture, refund or release is under way."""
        asked = self.authorisation
        return any(each.is_open for each in self.operations if each is not asked)

    def operation(self, operation_id: str) -> Operation:
        return next(each for each in self.operations if each.id == operation_id)

    def next(self, state: State) -> State:
        """The state itself; raises `ForbiddenMove` where the machine has no edge to it."""
        if state is not self.state and state not in MOVES[self.state]:
            raise ForbiddenMove(f"{self.id}: {self.state} to {state}")
        return state

    def having(self, operation: Operation) -> "Payment":
        """The payment with this operation added, or put in the place of its earlier self."""
        return replace(self, operations=self.operations_with(operation))

    def written(self, operation: Operation | None = None) -> "Payment":
        """As it stands once it is written, with what was written with it: each writing counts."""
        operations = self.operations if operation is None else self.operations_with(operation)
        return replace(self, version=self.version + 1, operations=operations)

    def operations_with(self, operation: Operation) -> tuple[Operation, ...]:
        others = [each for each in self.operations if each.id != operation.id]
        # By time, not by id alone: ids are made on several machines.
        return tuple(sorted((*others, operation), key=lambda each: (each.created_at, each.id)))


def new_operation(
    payment: Payment,
    kind: Kind,
    amount: int,
    *,
    operation_id: str,
    request: RequestKey,
    now: datetime,
) -> Operation:
    """An operation as it is written down before the provider is called."""
    return Operation(
        id=operation_id,
        payment=payment.id,
        kind=kind,
        amount=amount,
        request=request,
        created_at=now,
        next_attempt_at=now + schedule.IN_FLIGHT,
    )


def claim_capture(payment: Payment, amount: int | None, now: datetime) -> tuple[Payment, int]:
    """Lays claim to an amount to capture (all that is left when None).

    Raises `AuthorisationExpired`, `PaymentNotCapturable` or `CaptureExceedsAuthorisation`.
    """
    expires = payment.expires_at
    expired = expires is not None and now >= expires
    if payment.lapsed or (expired and payment.state in _PROMISED and payment.capturable):
        raise AuthorisationExpired(
            "what was promised was not taken in time; ask the customer to pay again",
            metadata={"expire_time": "" if expires is None else expires.isoformat()},
        )
    if payment.voiding or payment.state not in _PROMISED:
        raise PaymentNotCapturable(
            "nothing can be taken from this payment",
            metadata={"state": State.VOIDED if payment.voiding else payment.state},
        )
    left = payment.capturable
    taken = left if amount is None else amount
    if not 0 < taken <= left:
        raise CaptureExceedsAuthorisation(
            "more than is authorised and not yet taken", metadata=_left(left, payment.currency)
        )
    return replace(payment, capturing=payment.capturing + taken), taken


def claim_refund(payment: Payment, amount: int | None) -> tuple[Payment, int]:
    """Lays claim to an amount to give back (all that is left when None).

    Raises `RefundExceedsCapture`.
    """
    left = payment.refundable
    given = left if amount is None else amount
    if not 0 < given <= left:
        raise RefundExceedsCapture(
            "more than was taken and not yet given back", metadata=_left(left, payment.currency)
        )
    return replace(payment, refunding=payment.refunding + given), given


def claim_release(payment: Payment) -> tuple[Payment, int]:
    """Closes the payment for captures and answers what there is to give up.

    Of a payment not decided yet that is all that was asked for. Raises `AlreadyEnded`,
    `PaymentAlreadyCaptured` when nothing is held, `OperationInProgress` while a capture or another
    release is under way.
    """
    if payment.state in ENDED:
        raise AlreadyEnded(payment.id)
    if payment.voiding or payment.capturing:
        raise OperationInProgress(
            "another operation on this payment has to end first", retry_after=schedule.SOON
        )
    if payment.state in UNDECIDED:
        return replace(payment, voiding=True), payment.amount
    if payment.capturable == 0:
        raise PaymentAlreadyCaptured("all of the payment was taken; refund it instead")
    return replace(payment, voiding=True), payment.capturable


def require_consent(refunding: Refunding, now: datetime) -> None:
    """Raises `ConsentRequired` for another means that the customer has not agreed to."""
    if refunding.means and (refunding.consent is None or refunding.consent.at > now):
        raise ConsentRequired(
            "money goes back by another means only when the customer has agreed to it",
            metadata={"means": refunding.means},
        )


def require_customer(payment: Payment) -> None:
    """Raises `RefundRefused` for credit of nobody: a visitor has no account to keep it on."""
    if not payment.payer.startswith(_CUSTOMER):
        raise RefundRefused(
            "only a customer has store credit", metadata={"provider_code": "no_customer"}
        )


def require_own_account(payment: Payment, paid_by: Purse) -> None:
    """Raises `RefundRefused` for credit that the payer would get for what another one owes."""
    if paid_by.kind is PurseKind.ON_ACCOUNT and paid_by.owner != payment.payer:
        raise RefundRefused(
            "what was bought on the account of somebody else goes back to it",
            metadata={"provider_code": "account_of_another"},
        )


def _left(amount: int, currency: str) -> dict[str, str]:
    return {"amount_left": money.from_minor(amount, currency).amount, "currency": currency}
