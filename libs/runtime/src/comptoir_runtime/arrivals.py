"""What arrives at a consumer: messages, and the events that are read from them."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from uuid import UUID

from comptoir_runtime.bus.connection import Message
from comptoir_runtime.bus.pull import delivery
from comptoir_runtime.inbox import Delivered
from comptoir_runtime.telemetry import TRACEPARENT, within

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A message and what was read from it; `event` is None when it is not one of ours."""

    message: Message
    event: Delivered | None
    deliveries: int

    @property
    def is_new(self) -> bool:
        """Whether this is where the event was first told; told again it has another message id.

        Then it has a higher number than all that was told before.
        """
        event = self.event
        return event is not None and event.headers.get("Nats-Msg-Id") == event.headers["ce-id"]


def latest(entries: Sequence[Entry]) -> Entry:
    """The last that is new; the last of all when none is."""
    return next((each for each in reversed(entries) if each.is_new), entries[-1])


class Failures:
    """How often this process has seen an event fail, by its type and sequence.

    At most `limit`: that many are on their way to a service at once, so what has not failed for
    longer was taken in by another process.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._counts: dict[tuple[str, int], int] = {}

    def count(self, event: Delivered) -> int:
        """It has failed once more; how often that is."""
        key = (event.type, event.sequence)
        failures = self._counts[key] = self._counts.pop(key, 0) + 1
        if len(self._counts) > self._limit:
            del self._counts[next(iter(self._counts))]
        return failures

    def forget(self, events: Iterable[Delivered]) -> None:
        """They are taken in, or put aside."""
        if self._counts:
            for event in events:
                self._counts.pop((event.type, event.sequence), None)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._counts)


def read(message: Message) -> Entry:
    """The event of a message, and how often it was delivered."""
    headers = message.headers or {}
    deliveries = delivery(message)[0]
    try:
        event = Delivered(
            UUID(headers["ce-id"]),
            headers["ce-type"],
            message.subject,
            message.data,
            _number(headers["Comptoir-Sequence"]),
            _number(headers["Comptoir-Previous-Sequence"]),
            headers,
        )
    except (KeyError, ValueError):
        _log.error("a message on %s is not an event and is ignored", message.subject)
        return Entry(message, None, deliveries)
    return Entry(message, event, deliveries)


def as_part_of(event: Delivered | None) -> AbstractContextManager[None]:
    """What is said of an event is found with what was said of its cause."""
    return within(None if event is None else event.headers.get(TRACEPARENT))


def _number(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:  # no table could keep it, not even the one for what cannot be kept
        raise ValueError("no event has such a number")
    return number
