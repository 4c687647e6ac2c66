"""Shapes of what payments keeps. Amounts are integer minor units of the row's currency."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    false,
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
    "ProviderReport",
    "ProviderReportLine",
    "Purse",
    "PurseAttempt",
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
            " AND disputed_amount >= 0 AND charged_back_amount >= 0"
            " AND refunded_amount + refunding_amount + disputed_amount + charged_back_amount"
            " <= captured_amount",
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
        Index(
            "ix_payment_lapsing",
            "expires_at",
            postgresql_where=text("state IN ('authorised', 'partially_captured')"),
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
    purse_id: str | None = Field(sa_column=Column(Text, ForeignKey("purse.id"), nullable=True))
    due_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    lapsed: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    disputed_amount: int = Field(sa_column=_amount(server_default="0"))
    charged_back_amount: int = Field(sa_column=_amount(server_default="0"))
    single_capture: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))


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
        CheckConstraint(
            "means = '' OR (kind = 'refund' AND purse_id IS NOT NULL AND consent_by IS NOT NULL"
            " AND consent_at IS NOT NULL AND consent_text IS NOT NULL)",
            name="other_means_has_consent",
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
        Index(
            "ix_operation_provider_reference",
            "provider_reference",
            postgresql_where=text("provider_reference <> ''"),
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
    amount_left: int | None = Field(sa_column=Column(BigInteger))
    reason: str = Field(sa_column=_text(server_default=""))
    means: str = Field(sa_column=_text(server_default=""))
    purse_id: str | None = Field(sa_column=Column(Text, ForeignKey("purse.id"), nullable=True))
    consent_by: str | None = Field(sa_column=Column(Text))
    consent_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    consent_text: str | None = Field(sa_column=Column(Text))


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
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint(
            "(payment_id IS NULL) = (kind NOT IN ('capture', 'refund', 'reversal', 'dispute',"
            " 'dispute_won', 'dispute_lost'))",
            name="movements_have_payments",
        ),
        # In the order of time as they are written: a few pages tell where a minute begins.
        Index("ix_ledger_transfer_posted_at", "posted_at", postgresql_using="brin"),
    )

    # Of what belongs to no operation, an id of its own.
    operation_id: str = Field(sa_column=_text(primary_key=True))
    payment_id: str | None = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=True))
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
        Index(
            "ix_ledger_entry_holder",
            "holder",
            "posted_at",
            postgresql_where=text("holder <> ''"),
        ),
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
    holder: str = Field(sa_column=_text(server_default=""))


class Purse(SQLModel, table=True):
    """A balance of ours that pays; the database keeps `balance` equal to its entries."""

    __tablename__ = "purse"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("held >= 0 AND credit_limit >= 0", name="not_negative"),
        CheckConstraint("kind = 'on_account' OR balance >= held", name="held_is_there"),
        CheckConstraint("(kind = 'gift_card') = (code_hash IS NOT NULL)", name="card_has_code"),
        Index(
            "uq_purse_code_hash",
            "code_hash",
            unique=True,
            postgresql_where=text("code_hash IS NOT NULL"),
        ),
        Index(
            "uq_purse_owner",
            "owner",
            "kind",
            "currency",
            unique=True,
            postgresql_where=text("kind <> 'gift_card'"),
        ),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    kind: str = Field(sa_column=_text())
    owner: str = Field(sa_column=_text())
    buyers: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    currency: str = Field(sa_column=_text())
    code_hash: bytes | None = Field(sa_column=Column(LargeBinary))
    display: str = Field(sa_column=_text())
    balance: int = Field(sa_column=_amount())
    held: int = Field(sa_column=_amount())
    credit_limit: int = Field(sa_column=_amount())
    terms_days: int = Field(sa_column=Column(Integer, nullable=False))
    expires_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())


class PurseAttempt(SQLModel, table=True):
    """How many wrong codes a caller has tried since when."""

    __tablename__ = "purse_attempt"

    caller: str = Field(sa_column=_text(primary_key=True))
    since: datetime = Field(sa_column=timestamp())
    count: int = Field(sa_column=Column(Integer, nullable=False))


class ProviderReport(SQLModel, table=True):
    """A settlement report: what a provider says it has moved in a time."""

    __tablename__ = "provider_report"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("starts_at < ends_at", name="starts_before_it_ends"),
    )

    provider: str = Field(sa_column=_text(primary_key=True))
    id: str = Field(sa_column=_text(primary_key=True))
    starts_at: datetime = Field(sa_column=timestamp())
    ends_at: datetime = Field(sa_column=timestamp())
    imported_at: datetime = Field(sa_column=timestamp())


class ProviderReportLine(SQLModel, table=True):
    """A line of a report as it came, with what it was matched to and what was booked for it."""

    __tablename__ = "provider_report_line"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        ForeignKeyConstraint(
            ["provider", "report_id"], ["provider_report.provider", "provider_report.id"]
        ),
        Index(
            "ix_provider_report_line_operation_id",
            "operation_id",
            postgresql_where=text("operation_id IS NOT NULL"),
        ),
    )

    provider: str = Field(sa_column=_text(primary_key=True))
    report_id: str = Field(sa_column=_text(primary_key=True))
    line: str = Field(sa_column=_text(primary_key=True))
    kind: str = Field(sa_column=_text())
    provider_reference: str = Field(sa_column=_text())
    currency: str = Field(sa_column=_text())
    amount: int = Field(sa_column=_amount())
    fee: int = Field(sa_column=_amount())
    booked_at: datetime = Field(sa_column=timestamp())
    number: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    """In the order they came: the first line about an operation counts."""
    operation_id: str | None = Field(
        sa_column=Column(Text, ForeignKey("operation.id"), nullable=True)
    )
    transfer_id: str | None = Field(
        sa_column=Column(Text, ForeignKey("ledger_transfer.operation_id"), nullable=True)
    )
