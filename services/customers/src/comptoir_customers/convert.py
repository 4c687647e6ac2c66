"""Messages ↔ values, both ways; no decisions."""

from __future__ import annotations

from datetime import UTC, datetime

from comptoir.customers.v1 import customer_pb2
from comptoir.customers.v1 import customers_service_pb2 as pb
from comptoir_customers.domain.people import (
    Colleague,
    Customer,
    Newcomer,
    StaffMember,
    normalised_email,
)
from comptoir_customers.domain.sessions import Session
from comptoir_customers.domain.timeline import Touch
from comptoir_runtime import etag
from comptoir_runtime.addresses import address_message, address_of, typed_texts
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.money import from_minor
from comptoir_runtime.timestamps import timestamp, timestamp_or_none

_NAMES = ("given_name", "family_name")
_UNKNOWN = datetime(1970, 1, 1, tzinfo=UTC)


def session_to(session: Session) -> customer_pb2.Session:
    """What somebody gets who proved who they are."""
    ends = session.refresh_expires_at
    return customer_pb2.Session(
        id=session.id,
        access_token=session.access_token,
        access_expire_time=timestamp(session.access_expires_at),
        refresh_token=session.refresh_token,
        refresh_expire_time=timestamp_or_none(ends),
        subject=session.subject,
    )


def customer_to(customer: Customer) -> customer_pb2.Customer:
    """A customer as they and staff see them."""
    return customer_pb2.Customer(
        id=customer.id,
        number=customer.number,
        email=customer.email,
        given_name=customer.given_name,
        family_name=customer.family_name,
        phone=customer.phone,
        locale=customer.locale,
        addresses=[address_message(address) for address in customer.addresses],
        group=customer.group,
        etag=etag.of(customer.version),
        create_time=timestamp(customer.created_at),
        update_time=timestamp(customer.updated_at),
    )


def newcomer_from(request: pb.RegisterRequest) -> Newcomer:
    """Somebody who registers. Raises `CardNumberRefused`."""
    refuse_card_numbers({name: getattr(request, name) for name in ("email", *_NAMES)})
    return Newcomer(
        email=normalised_email(request.email),
        given_name=request.given_name,
        family_name=request.family_name,
        locale=request.locale,
    )


def colleague_from(request: pb.CreateStaffMemberRequest) -> Colleague:
    """A member of staff to add."""
    return Colleague(
        email=normalised_email(request.email),
        name=request.name,
        permissions=frozenset(request.permissions),
        location=request.location,
    )


def customer_from(message: customer_pb2.Customer, customer_id: str) -> Customer:
    """What a caller wants a customer to be; only what may change is meant.

    Raises `CardNumberRefused`.
    """
    refuse_card_numbers({f"customer.{name}": getattr(message, name) for name in _NAMES})
    for at, address in enumerate(message.addresses):
        refuse_card_numbers(typed_texts(address, f"customer.addresses[{at}]"))
    return Customer(
        id=customer_id,
        number="",
        email="",
        given_name=message.given_name,
        family_name=message.family_name,
        phone=message.phone,
        locale=message.locale,
        addresses=tuple(address_of(address) for address in message.addresses),
        group=message.group,
        version=0,
        created_at=_UNKNOWN,
        updated_at=_UNKNOWN,
    )


def staff_member_to(member: StaffMember) -> customer_pb2.StaffMember:
    """A member of staff."""
    return customer_pb2.StaffMember(
        id=member.id,
        email=member.email,
        name=member.name,
        permissions=sorted(member.permissions),
        location=member.location,
        create_time=timestamp(member.created_at),
    )


def touch_to(touch: Touch) -> customer_pb2.Touch:
    """One touch of a customer."""
    return customer_pb2.Touch(
        id=touch.id,
        kind=customer_pb2.Touch.Kind.ValueType(touch.kind),
        channel=touch.channel,
        reference=touch.reference,
        order_number=touch.order_number,
        amount=None if touch.amount is None else from_minor(touch.amount, touch.currency),
        location=touch.location,
        time=timestamp(touch.happened_at),
    )
