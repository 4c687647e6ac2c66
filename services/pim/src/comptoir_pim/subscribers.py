"""Neighbours' events: a message in, one call."""

from datetime import UTC

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir_runtime import auth
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session


def subscriptions() -> list[Subscription]:
    """What this service wants to know of its neighbours."""
    return [Subscription("customers", {customers_pb2.SigningKeyState: signing_key_state})]


async def signing_key_state(session: Session, event: customers_pb2.SigningKeyState) -> None:
    """Trusts the key that signs the tokens of users."""
    ends = event.HasField("retire_time")
    expires = event.retire_time.ToDatetime(tzinfo=UTC) if ends else None
    await auth.remember_key(session, event.kid, event.jwk, expires)
