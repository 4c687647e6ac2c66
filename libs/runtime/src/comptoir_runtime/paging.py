"""Pages of a list, found again by the values of the last row.

A token is opaque to callers. It holds the sort values of the last row and a
digest of the procedure's filters, so it cannot be used with other filters.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import orjson
from google.protobuf.message import Message

from comptoir_runtime.errors import InvalidFields, InvalidPageToken, Violation

_DIGEST_BYTES = 9
# Far above any sort key; keeps garbage from being decoded at length.
_MAX_TOKEN_LENGTH = 2048


class PageRequest(Protocol):
    """What every List request has."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Page:
    """How many rows to return, and the sort values after which to continue.

    `after` is empty on the first page. Times are carried as ISO text, ids and numbers as they are.
    """

    size: int
    after: tuple[Any, ...] = ()


def parse(request: PageRequest, default: int = 50, maximum: int = 100) -> Page:
    """Reads `page_size` and `page_token`; 0 means `default`, more than `maximum` means `maximum`.

    Raises `InvalidFields` for a negative size, `InvalidPageToken` for a foreign or broken token.
    """
    if request.page_size < 0:
        raise InvalidFields(
            "the page size is negative", violations=[Violation("page_size", "must not be negative")]
        )
    size = min(request.page_size or default, maximum)
    if not request.page_token:
        return Page(size)
    return Page(size, _decode(request.page_token, _digest(request)))


def token(values: Sequence[Any], request: PageRequest) -> str:
    """The token of the page that continues after a row with these sort values."""
    body = _digest(request) + orjson.dumps(list(values))
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def _decode(text: str, digest: bytes) -> tuple[Any, ...]:
    try:
        if len(text) > _MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        body = base64.b64decode(padded, altchars=b"-_", validate=True)
        if body[:_DIGEST_BYTES] != digest:
            raise ValueError("made for another request")
        values = orjson.loads(body[_DIGEST_BYTES:])
        if not isinstance(values, list) or not values:
            raise ValueError("no position")
    except ValueError as error:
        raise InvalidPageToken(
            "the page token is not one of this list with these filters"
        ) from error
    return tuple(values)


def _digest(request: PageRequest) -> bytes:
    message = cast(Message, request)
    filters = type(message)()
    filters.CopyFrom(message)
    filters.ClearField("page_size")
    filters.ClearField("page_token")
    body = message.DESCRIPTOR.full_name.encode() + filters.SerializeToString(deterministic=True)
    return hashlib.sha256(body).digest()[:_DIGEST_BYTES]
