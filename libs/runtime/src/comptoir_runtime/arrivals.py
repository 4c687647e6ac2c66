"""What arrives at a consumer: messages, and the events that are read from them."""

import logging
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
            int(headers["Comptoir-Sequence"]),
            int(headers["Comptoir-Previous-Sequence"]),
            headers,
        )
    except (KeyError, ValueError):
        _log.error("a message on %s is not an event and is ignored", message.subject)
        return Entry(message, None, deliveries)
    return Entry(message, event, deliveries)


def as_part_of(event: Delivered | None) -> AbstractContextManager[None]:
    """What is said of an event is found with what was said of its cause."""
    return within(None if event is None else event.headers.get(TRACEPARENT))
