"""Pages of a list, found again by the values of the last row.

A token is opaque to callers. It holds the sort values of the last row and a
digest of the procedure's filters, so it cannot be used with other filters.
What it brings along is checked like any other input: anybody can make one up.
"""

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast, get_type_hints
from uuid import UUID

import orjson
from google.protobuf.message import Message

from comptoir_runtime.errors import InvalidFields, InvalidPageToken, Violation

DIGEST_BYTES = 9
"""Of a token, how many come before the values."""
# Far above any sort key; keeps garbage from being decoded at length.
_MAX_TOKEN_LENGTH = 2048

Item = TypeVar("Item")
Position = TypeVar("Position", bound=tuple[Any, ...])
"""A named tuple of what a list is sorted by: texts, whole numbers, times, UUIDs."""


class Name(NamedTuple):
    """Where one stands among things that are sorted by a code, an id or an address."""

    name: str


class Number(NamedTuple):
    """Where one stands among things that are counted."""

    number: int


class Moment(NamedTuple):
    """Where one stands among things that are sorted by a time, and by their id at the same time."""

    time: datetime
    id: str


class PageRequest(Protocol):
    """What every List request has."""

    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class Page(Generic[Position]):
    """How many rows to return, and the sort values after which to continue."""

    size: int
    after: Position | None
    """Of the last row of the page before; None on the first one."""
    digest: bytes
    """Of the procedure and its filters."""

    @property
    def limit(self) -> int:
        """How many rows to look for: one more than the size tells whether there is a next page."""
        return self.size + 1

    def cut(
        self, found: Sequence[Item], position: Callable[[Item], Position]
    ) -> tuple[Sequence[Item], str]:
        """The rows of this page, and the token of the next; it is empty when this is the last."""
        shown = found[: self.size]
        return shown, self._token(position(shown[-1])) if len(found) > self.size else ""

    def _token(self, values: Position) -> str:
        # The driver has a class of its own for UUIDs.
        body = self.digest + orjson.dumps(list(values), default=str)
        return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def parse(
    request: PageRequest, position: type[Position], default: int = 50, maximum: int = 100
) -> Page[Position]:
    """Reads `page_size` and `page_token`; 0 means `default`, more than `maximum` means `maximum`.

    `position` is what a page ends with; what a token holds instead is refused.

    Raises `InvalidFields` for a negative size, `InvalidPageToken` for a foreign or broken token.
    """
    if request.page_size < 0:
        raise InvalidFields(
            "the page size is negative", violations=[Violation("page_size", "must not be negative")]
        )
    size = min(request.page_size or default, maximum)
    digest = _digest(request)
    after = _decode(request.page_token, digest, position) if request.page_token else None
    return Page(size, after, digest)


def _decode(text: str, digest: bytes, position: type[Position]) -> Position:
    make, kinds = cast("Callable[..., Position]", position), get_type_hints(position).values()
    try:
        if len(text) > _MAX_TOKEN_LENGTH:
            raise ValueError("too long")
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        body = base64.b64decode(padded, altchars=b"-_", validate=True)
        if body[:DIGEST_BYTES] != digest:
            raise ValueError("made for another request")
        values = iter(orjson.loads(body[DIGEST_BYTES:]))
        return make(*(_READERS[kind](value) for kind, value in zip(kinds, values, strict=True)))
    except (ValueError, TypeError, OverflowError) as error:
        raise InvalidPageToken(
            "the page token is not one of this list with these filters"
        ) from error


def _text(value: object) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("no text")
    return value


def _number(value: object) -> int:
    if type(value) is not int or not -(2**63) <= value < 2**63:
        raise ValueError("no number")
    return value


def _moment(value: object) -> datetime:
    moment = datetime.fromisoformat(_text(value))
    if moment.tzinfo is None:
        raise ValueError("no moment")
    return moment.astimezone(UTC)


def _uuid(value: object) -> UUID:
    return UUID(_text(value))


_READERS: dict[type, Callable[[object], object]] = {
    str: _text,
    int: _number,
    datetime: _moment,
    UUID: _uuid,
}


def _digest(request: PageRequest) -> bytes:
    message = cast(Message, request)
    filters = type(message)()
    filters.CopyFrom(message)
    filters.ClearField("page_size")
    filters.ClearField("page_token")
    body = message.DESCRIPTOR.full_name.encode() + filters.SerializeToString(deterministic=True)
    return hashlib.sha256(body).digest()[:DIGEST_BYTES]
