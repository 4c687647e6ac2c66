"""Sessions, refresh tokens and attempts to sign in."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

ACCESS_LIFETIME = timedelta(minutes=10)
VISITOR_LIFETIME = timedelta(days=30)
REFRESH_SLIDING = timedelta(days=30)
REFRESH_ABSOLUTE = timedelta(days=90)
# The loser of an honest race (two tabs, a lost answer) gets the same successor for this long;
# later, a spent token means that somebody else has it.
REUSE_GRACE = timedelta(seconds=30)

ATTEMPTS = 5
ATTEMPT_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Session:
    """What was given to somebody who proved who they are."""

    id: str
    access_token: str
    access_expires_at: datetime
    refresh_token: str
    refresh_expires_at: datetime | None
    subject: str


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A family of refresh tokens: one sign-in on one device."""

    id: str
    kind: str
    subject: str
    visitor: str | None
    created_at: datetime
    ended_at: datetime | None

    def refresh_expires_at(self, now: datetime) -> datetime:
        """When a refresh token given now ends: it slides, up to an absolute end."""
        return min(now + REFRESH_SLIDING, self.created_at + REFRESH_ABSOLUTE)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as it is stored: only its hash."""

    digest: bytes
    nonce: bytes
    session: str
    expires_at: datetime
    spent_at: datetime | None

    def is_replayed(self, now: datetime) -> bool:
        """Whether it was spent too long ago for an honest race."""
        return self.spent_at is not None and now - self.spent_at > REUSE_GRACE


def digest_of(token: str) -> bytes:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def successor_of(token: str, nonce: bytes) -> str:
    """The refresh token after this one.

    Derived from the token and a secret of its row: both who spend it get the same successor,
    and neither a thief of the token nor one of the table can make it alone.
    """
    derived = hmac.digest(token.encode(), nonce, "sha256")
    return base64.urlsafe_b64encode(derived).rstrip(b"=").decode()


@dataclass(frozen=True, slots=True)
class Attempts:
    """Attempts to sign in to one account, known or not, since the window began.

    The present one is among them: it counts as failed until it has succeeded.
    """

    failures: int
    since: datetime

    def wait(self, now: datetime) -> timedelta | None:
        """How long sign-in stays closed; None when it is open."""
        left = self.since + ATTEMPT_WINDOW - now
        return left if self.failures > ATTEMPTS and left > timedelta() else None
