"""Neighbours' events: message in, one call."""

from datetime import UTC

from comptoir.customers.v1.events_pb2 import SigningKeyState
from comptoir_runtime.auth import remember_key
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session


async def signing_key_state(session: Session, event: SigningKeyState) -> None:
    """A key that verifies user tokens."""
    retires = event.retire_time.ToDatetime(UTC) if event.HasField("retire_time") else None
    await remember_key(session, event.kid, event.jwk, retires)


CUSTOMERS = Subscription("customers", {SigningKeyState: signing_key_state})
