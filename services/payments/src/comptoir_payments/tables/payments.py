"""Payments, what was asked of providers, and their notices."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Text,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from comptoir_payments.tables.columns import amount_column, text_column
from comptoir_runtime.tables import timestamp


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
            " AND refunded_amount + refunding_amount <= captured_amount"
            # Beside each other, not together: a payer's bank also takes what was given back.
            " AND disputed_amount + charged_back_amount <= captured_amount",
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

    id: str = Field(sa_column=text_column(primary_key=True))
    order_id: str = Field(sa_column=text_column())
    payer: str = Field(sa_column=text_column())
    state: str = Field(sa_column=text_column())
    currency: str = Field(sa_column=text_column())
    amount: int = Field(sa_column=amount_column())
    authorised_amount: int = Field(sa_column=amount_column())
    captured_amount: int = Field(sa_column=amount_column())
    refunded_amount: int = Field(sa_column=amount_column())
    capturing_amount: int = Field(sa_column=amount_column())
    refunding_amount: int = Field(sa_column=amount_column())
    voiding: bool = Field(sa_column=Column(Boolean, nullable=False))
    method: str = Field(sa_column=text_column())
    display: str = Field(sa_column=text_column())
    provider: str = Field(sa_column=text_column())
    provider_reference: str = Field(sa_column=text_column())
    settles_in: str = Field(sa_column=text_column())
    action_url: str = Field(sa_column=text_column())
    decline_code: str = Field(sa_column=text_column())
    retryable: bool = Field(sa_column=Column(Boolean, nullable=False))
    expires_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())
    version: int = Field(sa_column=Column(Integer, nullable=False))
    purse_id: str | None = Field(sa_column=Column(Text, ForeignKey("purse.id"), nullable=True))
    due_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    lapsed: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    disputed_amount: int = Field(sa_column=amount_column(server_default="0"))
    charged_back_amount: int = Field(sa_column=amount_column(server_default="0"))
    single_capture: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    purse_expires_at: datetime | None = Field(sa_column=timestamp(nullable=True))


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

    id: str = Field(sa_column=text_column(primary_key=True))
    payment_id: str = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=False))
    kind: str = Field(sa_column=text_column())
    state: str = Field(sa_column=text_column())
    amount: int = Field(sa_column=amount_column())
    scope: str = Field(sa_column=text_column())
    caller: str = Field(sa_column=text_column())
    request_id: str = Field(sa_column=text_column())
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    provider_reference: str = Field(sa_column=text_column())
    failure_code: str = Field(sa_column=text_column())
    token: str = Field(sa_column=text_column())
    return_url: str = Field(sa_column=text_column())
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    answer: bytes | None = Field(sa_column=Column(LargeBinary))
    amount_left: int | None = Field(sa_column=Column(BigInteger))
    reason: str = Field(sa_column=text_column(server_default=""))
    means: str = Field(sa_column=text_column(server_default=""))
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

    provider: str = Field(sa_column=text_column(primary_key=True))
    event_id: str = Field(sa_column=text_column(primary_key=True))
    type: str = Field(sa_column=text_column())
    payment_id: str | None = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=True))
    provider_reference: str = Field(sa_column=text_column())
    state: str = Field(sa_column=text_column())
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    next_attempt_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    received_at: datetime = Field(sa_column=timestamp())
