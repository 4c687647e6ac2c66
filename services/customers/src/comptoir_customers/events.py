"""Facts and states of this service, as messages for the outbox."""

from __future__ import annotations

from comptoir.customers.v1 import events_pb2
from comptoir_customers.domain.keys import KeyRecord
from comptoir_customers.domain.people import Customer
from comptoir_runtime.timestamps import timestamp, timestamp_or_none


def customer_state(customer: Customer) -> events_pb2.CustomerState:
    """What the others may know of a customer."""
    return events_pb2.CustomerState(
        customer_id=customer.id,
        group=customer.group,
        locale=customer.locale,
        version=customer.version,
    )


def customer_registered(customer: Customer) -> events_pb2.CustomerRegistered:
    """Somebody became a customer."""
    return events_pb2.CustomerRegistered(
        customer_id=customer.id, register_time=timestamp(customer.created_at)
    )


def signing_key_state(key: KeyRecord) -> events_pb2.SigningKeyState:
    """A key that verifies tokens."""
    retires = key.retires_at()
    return events_pb2.SigningKeyState(
        kid=key.kid,
        jwk=key.jwk,
        retire_time=timestamp_or_none(retires),
    )
