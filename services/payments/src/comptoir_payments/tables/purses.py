"""Balances of ours that pay."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Integer, LargeBinary, Text, text
from sqlmodel import Field, SQLModel

from comptoir_payments.tables.columns import amount_column, text_column
from comptoir_runtime.tables import timestamp


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

    id: str = Field(sa_column=text_column(primary_key=True))
    kind: str = Field(sa_column=text_column())
    owner: str = Field(sa_column=text_column())
    buyers: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    currency: str = Field(sa_column=text_column())
    code_hash: bytes | None = Field(sa_column=Column(LargeBinary))
    display: str = Field(sa_column=text_column())
    balance: int = Field(sa_column=amount_column())
    held: int = Field(sa_column=amount_column())
    credit_limit: int = Field(sa_column=amount_column())
    terms_days: int = Field(sa_column=Column(Integer, nullable=False))
    expires_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())


class PurseAttempt(SQLModel, table=True):
    """How many wrong codes a caller has tried since when."""

    __tablename__ = "purse_attempt"

    caller: str = Field(sa_column=text_column(primary_key=True))
    since: datetime = Field(sa_column=timestamp())
    count: int = Field(sa_column=Column(Integer, nullable=False))
