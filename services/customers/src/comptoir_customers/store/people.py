"""Customers and staff, in the database."""

from __future__ import annotations

from typing import Any

from comptoir_customers.domain.people import Account, Customer, StaffMember
from comptoir_runtime.addresses import Address, Point
from comptoir_runtime.database import Row, Session

_CUSTOMER = (
    "id, number, email, given_name, family_name, phone, locale, addresses, price_group, "
    "version, created_at, updated_at"
)
_STAFF = "id, email, name, permissions, location, created_at"

NEXT_NUMBER = "SELECT nextval('customer_number')"
INSERT_CUSTOMER = f"""
INSERT INTO customer ({_CUSTOMER}, password_hash, family_name_key)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (email) DO NOTHING RETURNING id
"""
UPDATE_CUSTOMER = """
UPDATE customer SET given_name = $2, family_name = $3, family_name_key = $4, phone = $5,
    locale = $6, addresses = $7, price_group = $8, version = $9, updated_at = $10
WHERE id = $1
"""
GET_CUSTOMER = f"SELECT {_CUSTOMER} FROM customer WHERE id = $1"
LOCK_CUSTOMER = f"{GET_CUSTOMER} FOR UPDATE"
CUSTOMER_ACCOUNT = "SELECT id, password_hash, price_group FROM customer WHERE email = $1"
FIND_CUSTOMERS = f"""
SELECT {_CUSTOMER} FROM customer
WHERE (email = $1 OR number = $2 OR starts_with(family_name_key, $1)) AND number > $3
ORDER BY number LIMIT $4
"""
INSERT_STAFF = f"""
INSERT INTO staff_member ({_STAFF}, password_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (email) DO NOTHING RETURNING id
"""
PUT_STAFF = f"""
INSERT INTO staff_member ({_STAFF}, password_hash) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (email) DO UPDATE
    SET permissions = excluded.permissions, password_hash = excluded.password_hash
"""
STAFF_ACCOUNT = """
SELECT id, password_hash, permissions, location FROM staff_member WHERE email = $1
"""
LIST_STAFF = f"SELECT {_STAFF} FROM staff_member WHERE email > $1 ORDER BY email LIMIT $2"
CUSTOMER_BY_ID = "SELECT id, password_hash, price_group FROM customer WHERE id = $1"
STAFF_BY_ID = "SELECT id, password_hash, permissions, location FROM staff_member WHERE id = $1"


async def next_number(session: Session) -> int:
    """The next customer's sequence number; gaps are harmless."""
    number: int = await session.fetchval(NEXT_NUMBER)
    return number


async def insert_customer(session: Session, customer: Customer, password_hash: str) -> bool:
    """Whether the e-mail was free and the customer is stored."""
    return (
        await session.fetchval(
            INSERT_CUSTOMER,
            customer.id,
            customer.number,
            customer.email,
            customer.given_name,
            customer.family_name,
            customer.phone,
            customer.locale,
            [_stored(address) for address in customer.addresses],
            customer.group,
            customer.version,
            customer.created_at,
            customer.updated_at,
            password_hash,
            customer.family_name.casefold(),
        )
        is not None
    )


async def update_customer(session: Session, customer: Customer) -> None:
    """Stores what may change of a locked customer."""
    await session.execute(
        UPDATE_CUSTOMER,
        customer.id,
        customer.given_name,
        customer.family_name,
        customer.family_name.casefold(),
        customer.phone,
        customer.locale,
        [_stored(address) for address in customer.addresses],
        customer.group,
        customer.version,
        customer.updated_at,
    )


async def get_customer(session: Session, customer_id: str) -> Customer | None:
    """The customer, as they are."""
    row = await session.fetchrow(GET_CUSTOMER, customer_id)
    return None if row is None else _customer(row)


async def lock_customer(session: Session, customer_id: str) -> Customer | None:
    """The customer, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK_CUSTOMER, customer_id)
    return None if row is None else _customer(row)


async def find_customers(
    session: Session, text: str, number: str, after: str, size: int
) -> list[Customer]:
    """Customers with this e-mail, number or beginning of the last name."""
    return [
        _customer(row) for row in await session.fetch(FIND_CUSTOMERS, text, number, after, size)
    ]


async def customer_account(session: Session, email: str) -> Account | None:
    """What signing a customer in needs."""
    return _customer_account(await session.fetchrow(CUSTOMER_ACCOUNT, email))


async def customer_account_of(session: Session, customer_id: str) -> Account | None:
    """The same, by the customer's id."""
    return _customer_account(await session.fetchrow(CUSTOMER_BY_ID, customer_id))


async def staff_account(session: Session, email: str) -> Account | None:
    """What signing a member of staff in needs."""
    return _staff_account(await session.fetchrow(STAFF_ACCOUNT, email))


async def staff_account_of(session: Session, staff_id: str) -> Account | None:
    """The same, by the member's id."""
    return _staff_account(await session.fetchrow(STAFF_BY_ID, staff_id))


async def insert_staff(session: Session, member: StaffMember, password_hash: str) -> bool:
    """Whether the e-mail was free and the member is stored."""
    return await session.fetchval(INSERT_STAFF, *_staff_values(member, password_hash)) is not None


async def put_staff(session: Session, member: StaffMember, password_hash: str) -> None:
    """Stores the member; one with the same e-mail gets these permissions and this password."""
    await session.execute(PUT_STAFF, *_staff_values(member, password_hash))


async def list_staff(session: Session, after: str, size: int) -> list[StaffMember]:
    """Members of staff in the order of their e-mails."""
    return [
        StaffMember(
            row["id"],
            row["email"],
            row["name"],
            frozenset(row["permissions"]),
            row["location"],
            row["created_at"],
        )
        for row in await session.fetch(LIST_STAFF, after, size)
    ]


def _customer_account(row: Row | None) -> Account | None:
    if row is None:
        return None
    return Account(row["id"], row["password_hash"], group=row["price_group"])


def _staff_account(row: Row | None) -> Account | None:
    if row is None:
        return None
    return Account(
        row["id"],
        row["password_hash"],
        permissions=frozenset(row["permissions"]),
        location=row["location"],
    )


def _staff_values(member: StaffMember, password_hash: str) -> tuple[Any, ...]:
    return (
        member.id,
        member.email,
        member.name,
        sorted(member.permissions),
        member.location,
        member.created_at,
        password_hash,
    )


def _customer(row: Row) -> Customer:
    return Customer(
        id=row["id"],
        number=row["number"],
        email=row["email"],
        given_name=row["given_name"],
        family_name=row["family_name"],
        phone=row["phone"],
        locale=row["locale"],
        addresses=tuple(_address(stored) for stored in row["addresses"]),
        group=row["price_group"],
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _stored(address: Address) -> dict[str, Any]:
    point = address.point
    return {
        "recipient": address.recipient,
        "lines": list(address.lines),
        "postal_code": address.postal_code,
        "city": address.city,
        "country": address.country,
        "phone": address.phone,
        "point": None if point is None else [point.latitude, point.longitude],
    }


def _address(stored: dict[str, Any]) -> Address:
    point = stored["point"]
    return Address(
        recipient=stored["recipient"],
        lines=tuple(stored["lines"]),
        postal_code=stored["postal_code"],
        city=stored["city"],
        country=stored["country"],
        phone=stored["phone"],
        point=None if point is None else Point(*point),
    )
