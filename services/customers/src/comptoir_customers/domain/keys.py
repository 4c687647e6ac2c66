"""When signing keys are published, sign and retire."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from comptoir_customers.domain.sessions import VISITOR_LIFETIME

ROTATION = timedelta(days=30)
# The others learn a key from an event; two days bear an outage of the bus.
PUBLISHED_BEFORE_USE = timedelta(days=2)
LONGEST_TOKEN = VISITOR_LIFETIME


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key that signs tokens from one moment to another."""

    kid: str
    private_pem: bytes
    jwk: str
    signs_from: datetime
    signs_until: datetime | None

    def retires_at(self) -> datetime | None:
        """When the last token it signed has ended; None while it signs."""
        return None if self.signs_until is None else self.signs_until + LONGEST_TOKEN


def signing_key(keys: Iterable[KeyRecord], now: datetime) -> KeyRecord | None:
    """The newest key whose time to sign has come."""
    ready = [key for key in keys if key.signs_from <= now]
    return max(ready, key=lambda key: key.signs_from, default=None)


def next_is_due(keys: Iterable[KeyRecord], now: datetime) -> bool:
    """Whether the next key must be made and published now, well before it signs."""
    newest = max((key.signs_from for key in keys), default=None)
    return newest is None or now >= newest + ROTATION - PUBLISHED_BEFORE_USE
