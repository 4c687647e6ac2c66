"""Refusals as problem details (RFC 9457), whoever made them."""

import math
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import grpc
import orjson

from comptoir_runtime.errors import Failure, Precondition, RemoteFailure, Violation

MEDIA_TYPE = b"application/problem+json"

Header = tuple[bytes, bytes]

_STATUS = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.CANCELLED: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
# HTTP has a word of its own for these.
_STATUS_BY_REASON = {"STALE_ETAG": 412, "IDEMPOTENCY_KEY_REUSED": 422}
# What gRPC itself says names addresses and libraries: this is said instead.
_TRANSPORT = {
    503: ("UNAVAILABLE", "a part of the platform cannot be reached; try again"),
    504: ("DEADLINE_EXCEEDED", "the answer took too long"),
    429: ("OVERLOADED", "there is no capacity now; try again"),
}
_RETRY_SECONDS = 1
# Fields that a client gives as headers.
_HEADER_FIELDS = {"request_id": "Idempotency-Key", "etag": "If-Match"}
_SNAKE = re.compile(r"_([a-z0-9])")
_SUBSCRIPT = re.compile(r'(\[(?:"(?:[^"\\]|\\.)*"|[^\]"]*)\])')


class Problem(Exception):
    """A refusal with its HTTP status. Names of fields are as the client writes them."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        violations: Sequence[Violation] = (),
        preconditions: Sequence[Precondition] = (),
        metadata: Mapping[str, str] | None = None,
        headers: Sequence[Header] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.violations = violations
        self.preconditions = preconditions
        self.metadata = metadata or {}
        self.headers = headers

    def document(self, instance: str, request_id: str) -> dict[str, Any]:
        """The members of the problem details object."""
        content: dict[str, Any] = {
            "type": f"urn:comptoir:problem:{self.reason.lower().replace('_', '-')}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reason": self.reason,
            "requestId": request_id,
        }
        if self.violations:
            content["violations"] = [
                {"field": storable(each.field), "description": storable(each.description)}
                for each in self.violations
            ]
        if self.preconditions:
            content["preconditions"] = [
                {"type": each.type, "subject": each.subject, "description": each.description}
                for each in self.preconditions
            ]
        if self.metadata:
            content["metadata"] = dict(self.metadata)
        return content

    def render(self, instance: str, request_id: str) -> bytes:
        """The body of the answer."""
        return orjson.dumps(self.document(instance, request_id))


def storable(text: str) -> str:
    """The text without halves of surrogate pairs, which a client can name a field with."""
    return text.encode(errors="replace").decode()


def invalid(*violations: Violation, detail: str = "the request is not valid") -> Problem:
    """400 with the fields at fault."""
    return Problem(400, "INVALID_FIELDS", detail, violations=violations)


def from_failure(failure: Failure) -> Problem:
    """The problem behind what a service answered, or gRPC in its place."""
    status = _STATUS_BY_REASON.get(failure.reason) or _STATUS.get(failure.status, 500)
    if isinstance(failure, RemoteFailure) and not failure.domain:
        return _of_transport(status)
    headers: list[Header] = []
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if failure.retry_after is not None:
        seconds = max(1, math.ceil(failure.retry_after.total_seconds()))
        headers.append((b"retry-after", str(seconds).encode()))
    elif status in (429, 503):
        headers.append((b"retry-after", b"%d" % _RETRY_SECONDS))
    return Problem(
        status,
        failure.reason,
        failure.message,
        violations=[
            Violation(as_sent(each.field), each.description) for each in failure.violations
        ],
        preconditions=failure.preconditions,
        metadata=failure.metadata,
        headers=headers,
    )


def _of_transport(status: int) -> Problem:
    # Without a domain it was not one of our services that refused.
    if status == 429:
        status = 503
    reason, detail = _TRANSPORT.get(status, ("INTERNAL", "internal error"))
    if (status, reason) not in {(503, "UNAVAILABLE"), (504, "DEADLINE_EXCEEDED")}:
        return Problem(500 if status != 501 else 501, reason, detail)
    return Problem(status, reason, detail, headers=((b"retry-after", b"%d" % _RETRY_SECONDS),))


def as_sent(path: str) -> str:
    """`delivery.address.postal_code` → `delivery.address.postalCode`; keys of maps stay."""
    if path in _HEADER_FIELDS:
        return _HEADER_FIELDS[path]
    parts = _SUBSCRIPT.split(path)
    return "".join(
        part if index % 2 else _SNAKE.sub(lambda found: found[1].upper(), part)
        for index, part in enumerate(parts)
    )
