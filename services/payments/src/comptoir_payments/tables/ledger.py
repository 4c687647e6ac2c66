"""The books."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    Text,
    text,
)
from sqlmodel import Field, SQLModel

from comptoir_payments.tables.columns import amount_column, text_column
from comptoir_runtime.tables import timestamp


class LedgerAccount(SQLModel, table=True):
    """An account of the ledger, in one currency; its balance is the sum of its entries."""

    __tablename__ = "ledger_account"

    code: str = Field(sa_column=text_column(primary_key=True))
    currency: str = Field(sa_column=text_column(primary_key=True))
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
    operation_id: str = Field(sa_column=text_column(primary_key=True))
    payment_id: str | None = Field(sa_column=Column(Text, ForeignKey("payment.id"), nullable=True))
    kind: str = Field(sa_column=text_column())
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
    account: str = Field(sa_column=text_column())
    currency: str = Field(sa_column=text_column())
    amount: int = Field(sa_column=amount_column())
    posted_at: datetime = Field(sa_column=timestamp())
    holder: str = Field(sa_column=text_column(server_default=""))
