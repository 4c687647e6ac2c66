"""Shapes of what orders keep. Rules are elsewhere; what must never be false is checked here too."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from comptoir_runtime.tables import timestamp

# Numbers are drawn when a placement is about to ask for money: one that fails leaves a gap.
ORDER_SERIAL = Sequence("order_serial", metadata=SQLModel.metadata)


def _states(*names: str) -> str:
    return "state IN (" + ", ".join(f"'{name}'" for name in names) + ")"


class ProcessRow(SQLModel, table=True):
    """What was begun and must be brought to an end; `next_run_at` is null once it has ended."""

    __tablename__ = "process"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("kind", "caller", "request_id"),
        Index(
            "ix_process_next_run_at",
            "next_run_at",
            postgresql_where=text("next_run_at IS NOT NULL"),
        ),
        Index("ix_process_order_id", "order_id"),
        CheckConstraint(
            "kind IN ('PLACEMENT', 'STORE_SALE', 'CANCELLATION', 'CAPTURE', 'VOID')", name="kind"
        ),
        CheckConstraint("(lease_owner IS NULL) = (lease_until IS NULL)", name="lease"),
        CheckConstraint(
            "(state IN ('PLACED', 'FAILED', 'CANCELLED', 'DONE', 'REFUSED'))"
            " = (next_run_at IS NULL)",
            name="ended",
        ),
        CheckConstraint("next_run_at IS NOT NULL OR lease_until IS NULL", name="driven"),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    kind: str = Field(sa_column=Column(Text, nullable=False))
    caller: str = Field(sa_column=Column(Text, nullable=False))
    request_id: str = Field(sa_column=Column(Text, nullable=False))
    request_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    order_id: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    nudges: int = Field(sa_column=Column(Integer, nullable=False))
    serial: int | None = Field(sa_column=Column(BigInteger))
    document: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    deadline: datetime = Field(sa_column=timestamp())
    lease_owner: str | None = Field(sa_column=Column(Text))
    lease_until: datetime | None = Field(sa_column=timestamp(nullable=True))
    next_run_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())
    called_off: str | None = Field(sa_column=Column(Text))
    trouble: str = Field(sa_column=Column(Text, nullable=False, server_default=""))


class OrderRow(SQLModel, table=True):
    """An order; lines, totals and delivery never change and are one document."""

    __tablename__ = "orders"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("number"),
        # A cart becomes one order, whatever else goes wrong.
        Index("uq_orders_cart", "cart", unique=True, postgresql_where=text("cart <> ''")),
        Index("ix_orders_placed_at_id", "placed_at", "id"),
        Index("ix_orders_customer_placed_at_id", "customer", "placed_at", "id"),
        Index("ix_orders_channel_placed_at_id", "channel", "placed_at", "id"),
        Index(
            "ix_orders_open",
            "placed_at",
            "id",
            postgresql_where=text("state IN ('PLACED', 'CANCELLING', 'PARTIALLY_FULFILLED')"),
        ),
        CheckConstraint(
            _states("PLACED", "CANCELLING", "PARTIALLY_FULFILLED", "FULFILLED", "CANCELLED"),
            name="state",
        ),
        CheckConstraint("captured >= 0 AND captured <= total", name="captured"),
        Index(
            "ix_orders_review", "placed_at", "id", postgresql_where=text("review <> '{}'::jsonb")
        ),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    number: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    channel: str = Field(sa_column=Column(Text, nullable=False))
    customer: str = Field(sa_column=Column(Text, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    cart: str = Field(sa_column=Column(Text, nullable=False))
    total: int = Field(sa_column=Column(BigInteger, nullable=False))
    captured: int = Field(sa_column=Column(BigInteger, nullable=False))
    cancel_reason: str = Field(sa_column=Column(Text, nullable=False))
    document: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    placed_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())
    review: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))
    reviewed: dict[str, int] = Field(sa_column=Column(JSONB, nullable=False, server_default="{}"))


class FulfilmentRow(SQLModel, table=True):
    """Goods of one order that leave one location together."""

    __tablename__ = "fulfilment"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("order_id", "position"),
        Index("ix_fulfilment_created_at_id", "created_at", "id"),
        Index("ix_fulfilment_location_created_at_id", "location", "created_at", "id"),
        Index(
            "ix_fulfilment_open",
            "created_at",
            "id",
            postgresql_where=text("state IN ('AWAITING_STOCK', 'PROPOSED', 'READY_FOR_PICKUP')"),
        ),
        Index(
            "ix_fulfilment_location_state_created_at_id", "location", "state", "created_at", "id"
        ),
        CheckConstraint(
            _states(
                "AWAITING_STOCK",
                "PROPOSED",
                "SHIPPED",
                "READY_FOR_PICKUP",
                "HANDED_OVER",
                "CANCELLED",
            ),
            name="state",
        ),
        CheckConstraint("goods >= 0 AND shipping >= 0", name="amounts"),
    )

    id: str = Field(sa_column=Column(Text, primary_key=True))
    order_id: str = Field(sa_column=Column(Text, ForeignKey("orders.id"), nullable=False))
    position: int = Field(sa_column=Column(Integer, nullable=False))
    location: str = Field(sa_column=Column(Text, nullable=False))
    state: str = Field(sa_column=Column(Text, nullable=False))
    mode: str = Field(sa_column=Column(Text, nullable=False))
    lines: list[dict[str, Any]] = Field(sa_column=Column(JSONB, nullable=False))
    goods: int = Field(sa_column=Column(BigInteger, nullable=False))
    shipping: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str = Field(sa_column=Column(Text, nullable=False))
    version: int = Field(sa_column=Column(Integer, nullable=False))
    carrier: str = Field(sa_column=Column(Text, nullable=False))
    tracking_number: str = Field(sa_column=Column(Text, nullable=False))
    fulfilled_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    created_at: datetime = Field(sa_column=timestamp())
    expected_at: datetime | None = Field(sa_column=timestamp(nullable=True))
