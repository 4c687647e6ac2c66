"""Shapes of what payments keeps. Amounts are integer minor units of the row's currency."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

import comptoir_runtime.tables as runtime_tables
from comptoir_runtime.tables import timestamp

__all__ = [
    "LedgerAccount",
    "LedgerEntry",
    "LedgerTransfer",
    "Operation",
    "Payment",
    "ProviderNotice",
    "runtime_tables",
]


def _text(**options: Any) -> "Column[str]":
    return Column(Text, **{"nullable": False, **options})


def _amount(**options: Any) -> "Column[int]":
    return Column(BigInteger, **{"nullable": False, **options})


class Payment(SQLModel, table=True):
    """Money promised or paid for one order by one means."""

    __tablename__ = "payment"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("amount > 0", name="amount_above_zero"),
        CheckConstraint("authorised_amount BETWEEN 0 AND amount", name="authorised_within_amount"),
        CheckConstraint(
            "captured_amount >= 0 AND capturing_amount >= 0"
            " AND captured_amount + capturing_amount <= authorised_amount",
            name="captured_within_authorised",
        ),
        CheckConstraint(
            "refunded_amount >= 0 AND refunding_amount >= 0"
            " AND refunded_amount + refunding_amount <= captured_amount",
            name="refunded_within_captured",
        ),
        Index("ix_payment_order_id", "order_id", "id"),
        # One payment of a provider pays for one payment of ours.
        Index(
            "uq_payment_provider_reference",
            "provider",
            "provider_reference",
            unique=True,
            postgresql_where=text("provider_reference <> ''"),
        ),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    order_id: str = Field(sa_column=_text())
    payer: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    currency: str = Field(sa_column=_text())
    amount: int = Field(sa_column=_amount())
    authorised_amount: int = Field(sa_column=_amount())
    captured_amount: int = Field(sa_column=_amount())
    refunded_amount: int = Field(sa_column=_amount())
    capturing_amount: int = Field(sa_column=_amount())
    refunding_amount: int = Field(sa_column=_amount())
    voiding: bool = Field(sa_column=Column(Boolean, nullable=False))
    method: str = Field(sa_column=_text())
    display: str = Field(sa_column=_text())
    provider: str = Field(sa_column=_text())
    provider_reference: str = Field(sa_column=_text())
    settles_in: str = Field(sa_column=_text())
    action_url: str = Field(sa_column=_text())
    decline_code: str = Field(sa_column=_text())
    retryable: bool = Field(sa_column=Column(Boolean, nullable=False))
    expires_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())
    version: int = Field(sa_column=Column(Integer, nullable=False))


class Operation(SQLModel, table=True):
    """One thing asked of a provider, written down before it is asked."""

    __tablename__ = "operation"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("amount >= 0", name="amount_not_negative"),
        # An open operation is always due to be asked about at some time.
        CheckConstraint(
            "(state IN ('pending', 'unknown')) = (next_attempt_at IS NOT NULL)",
            name="open_is_due",
        ),
        Index("uq_operation_request", "scope", "caller", "request_id", unique=True),
        Index("ix_operation_payment_id", "payment_id", "id"),
        Index(
            "uq_operation_one_authorisation",
            "payment_id",
            unique=True,
            postgresql_where=text("kind = 'authorise'"),
        ),
        Index(
            "uq_operation_one_release",
            "payment_id",
            unique=True,
            postgresql_where=text("kind = 'void' AND state IN ('pending', 'unknown')"),
        ),
        Index(
            "ix_operation_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    payment_id: str = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=False))
    kind: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    amount: int = Field(sa_column=_amount())
    scope: str = Field(sa_column=_text())
    caller: str = Field(sa_column=_text())
    request_id: str = Field(sa_column=_text())
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    provider_reference: str = Field(sa_column=_text())
    failure_code: str = Field(sa_column=_text())
    token: str = Field(sa_column=_text())
    return_url: str = Field(sa_column=_text())
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    answer: bytes | None = Field(sa_column=Column(LargeBinary))


class ProviderNotice(SQLModel, table=True):
    """A provider's notice, or a reason of our own, to compare its books with ours."""

    __tablename__ = "provider_notice"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("(state = 'open') = (next_attempt_at IS NOT NULL)", name="open_is_due"),
        Index(
            "ix_provider_notice_due",
            "next_attempt_at",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        Index("ix_provider_notice_payment_id", "payment_id"),
    )

    provider: str = Field(sa_column=_text(primary_key=True))
    event_id: str = Field(sa_column=_text(primary_key=True))
    type: str = Field(sa_column=_text())
    payment_id: str | None = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=True))
    provider_reference: str = Field(sa_column=_text())
    state: str = Field(sa_column=_text())
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    received_at: datetime = Field(sa_column=timestamp())


class LedgerAccount(SQLModel, table=True):
    """An account of the ledger, in one currency; its balance is the sum of its entries."""

    __tablename__ = "ledger_account"

    code: str = Field(sa_column=_text(primary_key=True))
    currency: str = Field(sa_column=_text(primary_key=True))
    created_at: datetime = Field(sa_column=timestamp())


class LedgerTransfer(SQLModel, table=True):
    """Money that moved; never changed."""

    __tablename__ = "ledger_transfer"

    operation_id: str = Field(
        sa_column=Column(Text, ForeignKey("operation.id"), primary_key=True, nullable=False)
    )
    payment_id: str = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=False))
    kind: str = Field(sa_column=_text())
    posted_at: datetime = Field(sa_column=timestamp())


class LedgerEntry(SQLModel, table=True):
    """A line of a transfer: debits above zero, credits below; the lines sum to zero."""

    __tablename__ = "ledger_entry"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("amount <> 0", name="amount_not_zero"),
        ForeignKeyConstraint(
            ["account", "currency"], ["ledger_account.code", "ledger_account.currency"]
        ),
        Index("ix_ledger_entry_currency_posted_at", "currency", "posted_at"),
    )

    operation_id: str = Field(
        sa_column=Column(
            Text, ForeignKey("ledger_transfer.operation_id"), primary_key=True, nullable=False
        )
    )
    number: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    account: str = Field(sa_column=_text())
    currency: str = Field(sa_column=_text())
    amount: int = Field(sa_column=_amount())
    posted_at: datetime = Field(sa_column=timestamp())
