"""Providers' settlement reports, and where they may differ from our books."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    false,
    text,
)
from sqlmodel import Field, SQLModel

from comptoir_payments.tables.columns import amount_column, text_column
from comptoir_runtime.tables import timestamp


class ProviderReport(SQLModel, table=True):
    """A settlement report: what a provider says it has moved in a time."""

    __tablename__ = "provider_report"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("starts_at < ends_at", name="starts_before_it_ends"),
    )

    provider: str = Field(sa_column=text_column(primary_key=True))
    id: str = Field(sa_column=text_column(primary_key=True))
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
        Index(
            "ix_provider_report_line_reference",
            "provider",
            "provider_reference",
            "number",
            postgresql_where=text("provider_reference <> ''"),
        ),
        Index(
            "ix_provider_report_line_payment",
            "provider",
            "provider_payment",
            "number",
            postgresql_where=text("provider_payment <> '' AND operation_id IS NULL"),
        ),
        Index(
            "ix_provider_report_line_not_agreed",
            "provider",
            "report_id",
            "number",
            postgresql_where=text(
                "kind IN ('capture', 'refund', 'reversal', 'dispute', 'dispute_won') AND NOT agrees"
            ),
        ),
    )

    provider: str = Field(sa_column=text_column(primary_key=True))
    report_id: str = Field(sa_column=text_column(primary_key=True))
    line: str = Field(sa_column=text_column(primary_key=True))
    kind: str = Field(sa_column=text_column())
    provider_reference: str = Field(sa_column=text_column())
    provider_payment: str = Field(sa_column=text_column(server_default=""))
    currency: str = Field(sa_column=text_column())
    amount: int = Field(sa_column=amount_column())
    fee: int = Field(sa_column=amount_column())
    booked_at: datetime = Field(sa_column=timestamp())
    number: int = Field(sa_column=Column(BigInteger, Identity(always=True), nullable=False))
    """In the order they came: the first line about an operation counts."""
    operation_id: str | None = Field(
        sa_column=Column(Text, ForeignKey("operation.id"), nullable=True)
    )
    transfer_id: str | None = Field(
        sa_column=Column(Text, ForeignKey("ledger_transfer.operation_id"), nullable=True)
    )
    agrees: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=false()))
    """Whether it was compared with its operation and nothing is wrong: it need not be again."""


class UnreportedOperation(SQLModel, table=True):
    """An operation that moved money at a provider, until a line of a report is matched to it.

    A trigger notes it. Where to look for what reports lack, not the truth: what a line tells of
    after all may still be here.
    """

    __tablename__ = "unreported_operation"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_unreported_operation_posted_at", "provider", "posted_at", "operation_id"),
    )

    operation_id: str = Field(sa_column=text_column(primary_key=True))
    provider: str = Field(sa_column=text_column())
    posted_at: datetime = Field(sa_column=timestamp())
