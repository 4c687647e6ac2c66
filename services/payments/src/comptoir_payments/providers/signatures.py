"""Signatures of notices: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`."""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from comptoir_payments.errors import WebhookSignatureInvalid

TOLERANCE = timedelta(minutes=5)
"""How far the time in a signature may be from ours: an old notice cannot be played again."""

_LONGEST_HEADER = 1000


def check_signature(header: str, body: bytes, secrets: Sequence[bytes], now: datetime) -> None:
    """Raises `WebhookSignatureInvalid` unless one of the secrets made the signature, and recently.

    All secrets are tried, in constant time: while one is being replaced, two are in use.
    """
    signed_at, signatures = _parts(header)
    expected = [_signature(secret, signed_at, body) for secret in secrets]
    matches = [hmac.compare_digest(one, given) for one in expected for given in signatures]
    if not any(matches):
        raise WebhookSignatureInvalid("the signature is not the provider's")
    check_time(header, now)


def check_time(header: str, now: datetime) -> None:
    """Raises `WebhookSignatureInvalid` unless the signature's time is within `TOLERANCE` of ours.

    Alone it proves nothing: the time counts once the signature over it has been checked.
    """
    signed_at, _ = _parts(header)
    if abs(now - datetime.fromtimestamp(int(signed_at), UTC)) > TOLERANCE:
        raise WebhookSignatureInvalid("the signature is too old, or from the future")


def _signature(secret: bytes, signed_at: str, body: bytes) -> bytes:
    signed = signed_at.encode() + b"." + body
    return hmac.new(secret, signed, hashlib.sha256).hexdigest().encode()


def _parts(header: str) -> tuple[str, list[bytes]]:
    """The time and the signatures of version 1; there may be several while a secret changes."""
    parts = [part.partition("=") for part in header[:_LONGEST_HEADER].split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    signatures = [value.encode() for name, _, value in parts if name.strip() == "v1"]
    if len(times) != 1 or not signatures:
        raise WebhookSignatureInvalid("the notice carries no signature")
    (signed_at,) = times
    if not (signed_at.isascii() and signed_at.isdecimal() and len(signed_at) <= 12):
        raise WebhookSignatureInvalid("the signature carries no time")
    return signed_at, signatures
