"""What orders refuse, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from comptoir_runtime import errors as kinds
from comptoir_runtime.errors import (
    Aborted,
    FailedPrecondition,
    Failure,
    InvalidArgument,
    NotFound,
    PermissionDenied,
    Precondition,
    RemoteFailure,
    Unavailable,
)

DOMAIN = "comptoir.orders"

PAYMENT_ALREADY_CAPTURED = "PAYMENT_ALREADY_CAPTURED"
"""How payments refuse to void what was taken."""
PAYMENT_UNKNOWN = "PAYMENT_UNKNOWN"
"""The trouble of a placement whose provider does not say whether it keeps money."""


class OutOfStock(FailedPrecondition):
    """The stock does not suffice; one precondition per short sku."""


class PaymentDeclined(FailedPrecondition):
    """The provider said no; `decline_code` and `retryable` say more."""


class PaymentAmountMismatch(FailedPrecondition):
    """The provider keeps another amount than the order's total; it was given back."""


class PaymentActionExpired(FailedPrecondition):
    """The payer did not come back in time."""


class PlacementInterrupted(Unavailable):
    """The placement was interrupted and undone; nothing is held and nothing is charged."""


class CheckoutUnavailable(Unavailable):
    """A part of the checkout does not answer; nothing is held and nothing is charged."""


class OrderUnderWay(FailedPrecondition):
    """What is told of an order came before the order was written: to be told again."""


class QuoteInconsistent(FailedPrecondition):
    """The amounts of the quote do not add up, or nobody knows how the goods get there."""


class CartAlreadyOrdered(FailedPrecondition):
    """The cart has become another order."""


class NotYourCart(PermissionDenied):
    reason = "PERMISSION_DENIED"


class PlacementNotFound(NotFound):
    """There is no such placement, or it is somebody else's."""


class OrderNotFound(NotFound):
    """There is no such order, or it is somebody else's."""


class FulfilmentNotFound(NotFound):
    """There is no such fulfilment."""


class OrderNotCancellable(FailedPrecondition):
    """Goods have left, or it is cancelled already."""


class CancellationUnderWay(Unavailable):
    """The order is being cancelled; the same call later tells how it ended."""


class SaleUnderWay(Unavailable):
    """The sale is recorded and being booked; the same call later answers the order."""


class FulfilmentNotShippable(FailedPrecondition):
    """The fulfilment has left, was called off, or is to be collected."""


class FulfilmentNotPickUp(FailedPrecondition):
    """Only what waits to be collected can be made ready for it."""


class FulfilmentNotHandable(FailedPrecondition):
    """The fulfilment has left or was called off."""


class TendersDoNotMatch(FailedPrecondition):
    """The tenders do not add up to the total, or are in another currency."""


class InvalidPayment(InvalidArgument):
    reason = "INVALID_FIELDS"


class InvalidSale(InvalidArgument):
    reason = "INVALID_FIELDS"


class CustomerFilterNotAllowed(PermissionDenied):
    """Only staff list the orders of others."""


class OutcomeUnknown(Aborted):
    """A neighbour gave no answer, or one that does not tell whether the step happened.

    Never leaves this service: operations decide what it means.
    """


class Overtaken(Exception):
    """Somebody else drives this process now; the caller of this has nothing more to say."""


@dataclass(frozen=True, slots=True)
class Unmet:
    """A precondition that kept a step from being done."""

    type: str
    subject: str
    description: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something was refused, kept so that a repeated call gets the same answer."""

    reason: str
    status: str
    message: str
    domain: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    unmet: tuple[Unmet, ...] = ()
    wait_seconds: float = 0.0
    """When to try again, if it was said."""


def interrupted() -> PlacementInterrupted:
    return PlacementInterrupted("the placement was interrupted and has been undone")


def cause(failure: Failure) -> str:
    """The reason in capitals; of a lost answer, what was lost."""
    if isinstance(failure, OutcomeUnknown):
        return failure.metadata.get("reason", failure.reason)
    return failure.reason


def out_of_stock(asked: Mapping[str, int], available: Mapping[str, int]) -> OutOfStock:
    """What is short: units asked for and available, by sku."""
    first = min(asked)
    return OutOfStock(
        f"only {available.get(first, 0)} of {first} can be promised, {asked[first]} were asked for",
        metadata={"sku": first, "available": str(available.get(first, 0))},
        preconditions=[
            Precondition(
                "OUT_OF_STOCK", sku, f"{available.get(sku, 0)} available, {asked[sku]} asked for"
            )
            for sku in sorted(asked)
        ],
    )


_KINDS = {
    kind.status.name: kind
    for kind in (
        kinds.NotFound,
        kinds.InvalidArgument,
        kinds.FailedPrecondition,
        kinds.Aborted,
        kinds.AlreadyExists,
        kinds.PermissionDenied,
        kinds.Unauthenticated,
        kinds.Unavailable,
        kinds.ResourceExhausted,
        kinds.OutOfRange,
        kinds.DeadlineExceeded,
    )
}


def kept(failure: Failure) -> Refusal:
    """The failure as it is stored."""
    return Refusal(
        reason=failure.reason,
        status=failure.status.name,
        message=failure.message,
        domain=failure.domain if isinstance(failure, RemoteFailure) else DOMAIN,
        metadata=dict(failure.metadata),
        unmet=tuple(
            Unmet(item.type, item.subject, item.description) for item in failure.preconditions
        ),
        wait_seconds=failure.retry_after.total_seconds() if failure.retry_after else 0.0,
    )


def again(refusal: Refusal) -> Failure:
    """The failure that was stored, to be raised again."""
    preconditions = [
        Precondition(item.type, item.subject, item.description) for item in refusal.unmet
    ]
    retry_after = timedelta(seconds=refusal.wait_seconds) if refusal.wait_seconds else None
    kind = _KINDS.get(refusal.status, Failure)
    if refusal.domain != DOMAIN:
        return RemoteFailure(
            refusal.message,
            reason=refusal.reason,
            status=kind.status,
            domain=refusal.domain,
            metadata=refusal.metadata,
            preconditions=preconditions,
            retry_after=retry_after,
        )
    failure = kind(
        refusal.message,
        metadata=refusal.metadata,
        preconditions=preconditions,
        retry_after=retry_after,
    )
    failure.reason = refusal.reason
    return failure
