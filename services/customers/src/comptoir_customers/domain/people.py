"""Customers and staff."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from comptoir_runtime.addresses import Address

DEFAULT_LOCALE = "fr_FR"
SELF = "self"
"""What every member of staff may do: act on their own session."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A person who buys."""

    id: str
    number: str
    email: str
    given_name: str
    family_name: str
    phone: str
    locale: str
    addresses: tuple[Address, ...]
    group: str
    version: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A member of staff."""

    id: str
    email: str
    name: str
    permissions: frozenset[str]
    location: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who registers."""

    email: str
    """Normalised, as all e-mails that are kept."""
    given_name: str
    family_name: str
    locale: str


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff to add."""

    email: str
    """Normalised, as all e-mails that are kept."""
    name: str
    permissions: frozenset[str]
    location: str


@dataclass(frozen=True, slots=True)
class Account:
    """What signing in needs to know of somebody."""

    id: str
    password_hash: str
    group: str = ""
    permissions: frozenset[str] = frozenset()
    location: str = ""


def normalised_email(email: str) -> str:
    """One spelling for one address: compatibility forms and case are the same."""
    return unicodedata.normalize("NFKC", email).strip().casefold()


def customer_number(sequence: int) -> str:
    """The number on cards and papers: eight digits and a Luhn check digit."""
    digits = f"{sequence:08d}"
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def missing_permission(wanted: frozenset[str], held: frozenset[str]) -> str | None:
    """A permission that cannot be given because it is not held."""
    return next(iter(sorted(wanted - held - {SELF})), None)
