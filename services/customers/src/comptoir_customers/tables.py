"""Shapes of the tables, no rules."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

# First: it sets the naming convention of constraints and brings the runtime's tables.
from comptoir_runtime.tables import timestamp


def _text(**options: Any) -> "Column[str]":
    return Column(Text, **{"nullable": False, **options})


def _moment() -> "Column[datetime]":
    return Column(DateTime(timezone=True))


class CustomerRow(SQLModel, table=True):
    """A person who buys."""

    __tablename__ = "customer"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_customer_family_name", "family_name_key", "number"),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    number: str = Field(sa_column=_text(unique=True))
    email: str = Field(sa_column=_text(unique=True))
    password_hash: str = Field(sa_column=_text())
    given_name: str = Field(sa_column=_text())
    family_name: str = Field(sa_column=_text())
    family_name_key: str = Field(sa_column=_text())
    phone: str = Field(sa_column=_text())
    locale: str = Field(sa_column=_text())
    addresses: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    price_group: str = Field(sa_column=_text())
    version: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())


class StaffMemberRow(SQLModel, table=True):
    """A member of staff."""

    __tablename__ = "staff_member"

    id: str = Field(sa_column=_text(primary_key=True))
    email: str = Field(sa_column=_text(unique=True))
    password_hash: str = Field(sa_column=_text())
    name: str = Field(sa_column=_text())
    permissions: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    location: str = Field(sa_column=_text())
    created_at: datetime = Field(sa_column=timestamp())


class SessionRow(SQLModel, table=True):
    """A sign-in on one device: a family of refresh tokens."""

    __tablename__ = "session"
    __table_args__: ClassVar[tuple[Any, ...]] = (Index("ix_session_subject", "subject"),)

    id: str = Field(sa_column=_text(primary_key=True))
    kind: str = Field(sa_column=_text())
    subject: str = Field(sa_column=_text())
    visitor: str | None = Field(sa_column=Column(Text))
    created_at: datetime = Field(sa_column=timestamp())
    ended_at: datetime | None = Field(sa_column=_moment())


class RefreshTokenRow(SQLModel, table=True):
    """A refresh token, known by its hash alone."""

    __tablename__ = "refresh_token"
    __table_args__: ClassVar[tuple[Any, ...]] = (Index("ix_refresh_token_session", "session"),)

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    nonce: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    session: str = Field(sa_column=_text())
    expires_at: datetime = Field(sa_column=timestamp())
    spent_at: datetime | None = Field(sa_column=_moment())


class AttemptRow(SQLModel, table=True):
    """Failed attempts to sign in to one account, whether or not it exists."""

    __tablename__ = "attempt"

    account: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    failures: int = Field(sa_column=Column(Integer, nullable=False))
    since: datetime = Field(sa_column=timestamp())


class SigningKeyRow(SQLModel, table=True):
    """A key that signs tokens."""

    __tablename__ = "signing_key"

    kid: str = Field(sa_column=_text(primary_key=True))
    private_pem: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    jwk: str = Field(sa_column=_text())
    signs_from: datetime = Field(sa_column=timestamp())
    signs_until: datetime | None = Field(sa_column=_moment())


class TouchRow(SQLModel, table=True):
    """One touch of a customer on one channel."""

    __tablename__ = "touch"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("kind BETWEEN 1 AND 14", name="kind"),
        Index("ix_touch_subject", "subject", "happened_at", "id"),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    subject: str = Field(sa_column=_text())
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    happened_at: datetime = Field(sa_column=timestamp())
    channel: str = Field(sa_column=_text())
    reference: str = Field(sa_column=_text())
    order_number: str = Field(sa_column=_text())
    amount: int | None = Field(sa_column=Column(BigInteger))
    currency: str = Field(sa_column=_text())
    location: str = Field(sa_column=_text())


class KnownVisitorRow(SQLModel, table=True):
    """A visitor who turned out to be a customer."""

    __tablename__ = "known_visitor"

    visitor: str = Field(sa_column=_text(primary_key=True))
    customer: str = Field(sa_column=_text())
