"""The runtime's own tables, present in every service's database.

Shapes only, for Alembic: at run time the same tables are used through plain SQL.
Import this module before a service's own tables: it sets the naming convention.
"""

from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    SmallInteger,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

NAMING_CONVENTION = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
}
SQLModel.metadata.naming_convention = NAMING_CONVENTION


def timestamp(**options: Any) -> "Column[datetime]":
    """A column for a point in time; `nullable=False` unless said otherwise."""
    return Column(DateTime(timezone=True), **{"nullable": False, **options})


class Outbox(SQLModel, table=True):
    """What this service says to the world, written with the change it tells of."""

    __tablename__ = "outbox"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_outbox_unpublished", "position", postgresql_where=text("published_at IS NULL")),
        Index(
            "ix_outbox_kind_producer_seq",
            "kind",
            "producer_seq",
            postgresql_where=text("producer_seq IS NOT NULL"),
        ),
        # Finds the newest state of a thing, and what it has replaced.
        Index("ix_outbox_state", "subject", "position", postgresql_where=text("kind = 2")),
        Index("ix_outbox_created_at", "created_at", postgresql_using="brin"),
    )

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    created_at: datetime = Field(sa_column=timestamp(server_default=func.now()))
    producer_seq: int | None = Field(sa_column=Column(BigInteger))
    previous_seq: int | None = Field(sa_column=Column(BigInteger))
    stream_seq: int | None = Field(sa_column=Column(BigInteger))
    published_at: datetime | None = Field(sa_column=timestamp(nullable=True))


class OutboxStream(SQLModel, table=True):
    """The stream the outbox was last published to, to notice when it is another one."""

    __tablename__ = "outbox_stream"

    kind: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    created: str = Field(sa_column=Column(Text, nullable=False))


class OutboxSequence(SQLModel, table=True):
    """The last producer sequence given to each type of event."""

    __tablename__ = "outbox_sequence"

    type: str = Field(sa_column=Column(Text, primary_key=True))
    kind: int = Field(sa_column=Column(SmallInteger, nullable=False))
    last_seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class Inbox(SQLModel, table=True):
    """The events this service has taken in; a second delivery finds its row and has no effect."""

    __tablename__ = "inbox"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_inbox_producer_type_producer_seq", "producer", "type", "producer_seq"),
        Index("ix_inbox_processed_at", "processed_at", postgresql_using="brin"),
    )

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    producer: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    producer_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    previous_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    processed_at: datetime = Field(sa_column=timestamp(server_default=func.now()))


class InboxCursor(SQLModel, table=True):
    """Up to where the facts of one type have arrived without a gap; and an open gap."""

    __tablename__ = "inbox_cursor"

    producer: str = Field(sa_column=Column(Text, primary_key=True))
    type: str = Field(sa_column=Column(Text, primary_key=True))
    contiguous_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    gap_until: int | None = Field(sa_column=Column(BigInteger))
    gap_since: datetime | None = Field(sa_column=timestamp(nullable=True))


class DeadLetter(SQLModel, table=True):
    """An event that failed each time it was tried, with the reason; it can be driven again."""

    __tablename__ = "dead_letter"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_dead_letter_state", "state", "first_at"),
    )

    id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    producer: str = Field(sa_column=Column(Text, nullable=False))
    subject: str = Field(sa_column=Column(Text, nullable=False))
    type: str = Field(sa_column=Column(Text, nullable=False))
    payload: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    headers: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    error: str = Field(sa_column=Column(Text, nullable=False))
    deliveries: int = Field(sa_column=Column(BigInteger, nullable=False))
    first_at: datetime = Field(sa_column=timestamp(server_default=func.now()))
    state: str = Field(sa_column=Column(Text, nullable=False, server_default="quarantined"))


class Idempotency(SQLModel, table=True):
    """Answers already given, by request id and caller: nobody is given another's."""

    __tablename__ = "idempotency"
    __table_args__: ClassVar[tuple[Any, ...]] = (Index("ix_idempotency_created_at", "created_at"),)

    scope: str = Field(sa_column=Column(Text, primary_key=True))
    caller: str = Field(sa_column=Column(Text, primary_key=True))
    key: str = Field(sa_column=Column(Text, primary_key=True))
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    code: int = Field(sa_column=Column(SmallInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_column=timestamp())


class VerificationKey(SQLModel, table=True):
    """A public key that verifies user tokens, learnt from the service that signs them."""

    __tablename__ = "verification_key"

    kid: str = Field(sa_column=Column(Text, primary_key=True))
    jwk: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    expires_at: datetime = Field(sa_column=timestamp())
