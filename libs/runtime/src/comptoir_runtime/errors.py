"""Named failures and their one form on the wire.

A failure travels as `google.rpc.Status` in the trailing metadata: one
`ErrorInfo` with the reason, and where they apply `BadRequest`,
`PreconditionFailure` and `RetryInfo`. Callers decide on the reason; the message
is for people.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2

STATUS_DETAILS_KEY = "grpc-status-details-bin"
DOMAIN_PREFIX = "comptoir."
# Trailing metadata is limited (gRPC warns at 8 KiB): more violations than this help nobody.
MAX_VIOLATIONS = 25

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CODES: dict[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_NOTHING: Mapping[str, str] = {}


def reason_of(name: str) -> str:
    """`OutOfStock` → `OUT_OF_STOCK`."""
    return _WORD_START.sub("_", name).upper()


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of the request that breaks its rule; `field` is a path as in the proto."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Precondition:
    """One condition of the system's state that kept the call from being carried out."""

    type: str
    subject: str
    description: str


class Failure(Exception):
    """A refusal the caller can act on: subclass one of the kinds below and give it a name.

    `reason` is derived from the class name unless the class sets it; `status` comes from the kind.
    """

    reason: str = "INTERNAL"
    status: grpc.StatusCode = grpc.StatusCode.INTERNAL

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "reason" not in cls.__dict__:
            cls.reason = reason_of(cls.__name__)

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] = _NOTHING,
        violations: Sequence[Violation] = (),
        preconditions: Sequence[Precondition] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata
        self.violations = tuple(violations)
        self.preconditions = tuple(preconditions)
        self.retry_after = retry_after


# --- kinds: one per status; a service subclasses these -----------------------------------------


class NotFound(Failure):
    status = grpc.StatusCode.NOT_FOUND


class InvalidArgument(Failure):
    status = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(Failure):
    status = grpc.StatusCode.FAILED_PRECONDITION


class Aborted(Failure):
    status = grpc.StatusCode.ABORTED


class AlreadyExists(Failure):
    status = grpc.StatusCode.ALREADY_EXISTS


class PermissionDenied(Failure):
    status = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(Failure):
    status = grpc.StatusCode.UNAUTHENTICATED


class Unavailable(Failure):
    status = grpc.StatusCode.UNAVAILABLE


class ResourceExhausted(Failure):
    status = grpc.StatusCode.RESOURCE_EXHAUSTED


class OutOfRange(Failure):
    status = grpc.StatusCode.OUT_OF_RANGE


class DeadlineExceeded(Failure):
    status = grpc.StatusCode.DEADLINE_EXCEEDED


# --- the runtime's own reasons -----------------------------------------------------------------


class InvalidFields(InvalidArgument):
    """The request breaks the constraints of its message; see the field violations."""


class InvalidPageToken(InvalidArgument):
    """The page token was not made by this procedure for these filters."""


class StaleEtag(Aborted):
    """The resource changed since the caller read it."""


class IdempotencyKeyReused(AlreadyExists):
    """The request id was used before with another body."""


class NumberTooLarge(OutOfRange):
    """A figure would become larger than any that can be kept."""


class Overloaded(ResourceExhausted):
    """No capacity now; the call had no effect."""


class LockTimeout(Aborted):
    """Somebody else held the row for too long; the call had no effect."""


class ConcurrentChange(Aborted):
    """Transactions kept colliding after all retries; the call had no effect."""


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached."""


class QueryTimeout(DeadlineExceeded):
    """The database stopped a statement that took too long."""


class NetworkCallInTransaction(RuntimeError):
    """A programming error: a call over the network was started inside a transaction."""


class RemoteFailure(Failure):
    """What another service answered: the same attributes, with the reason it gave."""

    def __init__(
        self,
        message: str,
        *,
        reason: str,
        status: grpc.StatusCode,
        domain: str = "",
        metadata: Mapping[str, str] = _NOTHING,
        violations: Sequence[Violation] = (),
        preconditions: Sequence[Precondition] = (),
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(
            message,
            metadata=metadata,
            violations=violations,
            preconditions=preconditions,
            retry_after=retry_after,
        )
        self.reason = reason
        self.status = status
        self.domain = domain


# --- wire form ---------------------------------------------------------------------------------


def to_status(failure: Failure, domain: str) -> status_pb2.Status:
    """The wire form; `domain` is `comptoir.<service>` of the service that answers."""
    status = status_pb2.Status(code=failure.status.value[0], message=failure.message)
    if isinstance(failure, RemoteFailure) and failure.domain:
        domain = failure.domain  # a reason only means something in the domain that defined it
    status.details.add().Pack(
        error_details_pb2.ErrorInfo(
            reason=failure.reason, domain=domain, metadata=dict(failure.metadata)
        )
    )
    if failure.violations:
        bad_request = error_details_pb2.BadRequest()
        for violation in failure.violations[:MAX_VIOLATIONS]:
            bad_request.field_violations.add(
                field=violation.field, description=violation.description
            )
        status.details.add().Pack(bad_request)
    if failure.preconditions:
        unmet = error_details_pb2.PreconditionFailure()
        for item in failure.preconditions[:MAX_VIOLATIONS]:
            unmet.violations.add(type=item.type, subject=item.subject, description=item.description)
        status.details.add().Pack(unmet)
    if failure.retry_after is not None:
        delay = Duration()
        delay.FromTimedelta(failure.retry_after)
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))
    return status


def from_status(status: status_pb2.Status) -> RemoteFailure:
    """The failure a neighbour sent. Details of unknown kinds are ignored."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    failure = RemoteFailure(status.message, reason=code.name, status=code)
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    unmet = error_details_pb2.PreconditionFailure()
    retry = error_details_pb2.RetryInfo()
    for detail in status.details:
        if detail.Unpack(info):
            failure.reason, failure.domain = info.reason, info.domain
            failure.metadata = dict(info.metadata)
        elif detail.Unpack(bad_request):
            failure.violations = tuple(
                Violation(item.field, item.description) for item in bad_request.field_violations
            )
        elif detail.Unpack(unmet):
            failure.preconditions = tuple(
                Precondition(item.type, item.subject, item.description) for item in unmet.violations
            )
        elif detail.Unpack(retry):
            failure.retry_after = retry.retry_delay.ToTimedelta()
    return failure


def from_rpc_error(error: grpc.aio.AioRpcError) -> RemoteFailure:
    """The failure behind a client-side error; also for errors that gRPC itself made."""
    for key, value in error.trailing_metadata() or ():
        if key == STATUS_DETAILS_KEY and isinstance(value, bytes):
            try:
                return from_status(status_pb2.Status.FromString(value))
            except Exception:  # noqa: BLE001 - a broken detail must not hide the status itself
                break
    code = error.code()
    return RemoteFailure(error.details() or code.name, reason=code.name, status=code)
