"""Registering and changing customers, and adding staff."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import replace

from comptoir_customers import errors, events
from comptoir_customers.domain.people import (
    DEFAULT_LOCALE,
    Colleague,
    Customer,
    Newcomer,
    StaffMember,
    customer_number,
    missing_permission,
    normalised_email,
)
from comptoir_customers.domain.timeline import Touch, TouchKind
from comptoir_customers.store import people as store
from comptoir_customers.store import timeline
from comptoir_runtime import etag
from comptoir_runtime.auth import Kind, Principal, may, require_owner
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id

ME = "me"
READ = "customers.read"
WRITE = "customers.write"
CHANGEABLE = frozenset({"given_name", "family_name", "phone", "locale", "addresses", "group"})


def customer_meant(principal: Principal | None, customer: str, permission: str) -> str:
    """The id of the customer a caller means; raises unless it is theirs to see or change."""
    if customer == ME:
        if principal is None or principal.kind is Kind.VISITOR:
            raise errors.NotACustomer
        return principal.subject
    if not may(principal, permission):
        require_owner(principal, customer)
    return customer


async def register(session: Session, newcomer: Newcomer, password_hash: str) -> Customer:
    """Registers a customer; raises `EmailTaken`."""
    now = session.clock.now()
    customer = Customer(
        id=new_id("cus"),
        number=customer_number(await store.next_number(session)),
        email=newcomer.email,
        given_name=newcomer.given_name,
        family_name=newcomer.family_name,
        phone="",
        locale=newcomer.locale or DEFAULT_LOCALE,
        addresses=(),
        group="",
        version=1,
        created_at=now,
        updated_at=now,
    )
    if not await store.insert_customer(session, customer, password_hash):
        raise errors.EmailTaken
    touch = Touch(new_id("tch"), customer.id, TouchKind.REGISTERED, now, reference=customer.id)
    timeline.add(session, touch)
    session.emit(events.customer_registered(customer))
    session.emit(events.customer_state(customer))
    return customer


async def get_customer(session: Session, customer_id: str) -> Customer:
    """The customer; raises `CustomerNotFound`."""
    customer = await store.get_customer(session, customer_id)
    if customer is None:
        raise errors.CustomerNotFound(customer_id)
    return customer


async def update_customer(
    session: Session,
    principal: Principal | None,
    wanted: Customer,
    fields: AbstractSet[str],
    given_etag: str,
) -> Customer:
    """Changes the named fields; the price group only for staff."""
    if "group" in fields and not may(principal, WRITE):
        raise errors.GroupIsForStaff
    present = await store.lock_customer(session, wanted.id)
    if present is None:
        raise errors.CustomerNotFound(wanted.id)
    etag.check(given_etag, present.version)
    changes = {field: getattr(wanted, field) for field in fields}
    changed = replace(
        present, **changes, version=present.version + 1, updated_at=session.clock.now()
    )
    await store.update_customer(session, changed)
    session.emit(events.customer_state(changed))
    return changed


async def find_customers(session: Session, query: str, after: str, size: int) -> list[Customer]:
    """Customers with this e-mail, number or beginning of the last name."""
    return await store.find_customers(session, normalised_email(query), query, after, size)


async def create_staff_member(
    session: Session, principal: Principal | None, colleague: Colleague, password_hash: str
) -> StaffMember:
    """Adds a member of staff; nobody gives what they do not hold.

    Raises `PermissionNotHeld`, `EmailTaken`.
    """
    held = frozenset() if principal is None else principal.permissions
    missing = missing_permission(colleague.permissions, held)
    if missing is not None:
        raise errors.PermissionNotHeld(missing)
    member = StaffMember(
        new_id("stf"),
        colleague.email,
        colleague.name,
        colleague.permissions,
        colleague.location,
        session.clock.now(),
    )
    if not await store.insert_staff(session, member, password_hash):
        raise errors.EmailTaken
    return member


async def put_first_staff_member(
    session: Session, email: str, password_hash: str, permissions: frozenset[str]
) -> None:
    """Makes sure that somebody can sign in who holds every permission."""
    email = normalised_email(email)
    member = StaffMember(new_id("stf"), email, email, permissions, "", session.clock.now())
    await store.put_staff(session, member, password_hash)


async def list_staff_members(session: Session, after: str, size: int) -> list[StaffMember]:
    """Members of staff in the order of their e-mails."""
    return await store.list_staff(session, after, size)
