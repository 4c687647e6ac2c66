"""Shapes of the tables, no rules."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

# First: it sets the naming convention of constraints and brings the runtime's tables.
from comptoir_runtime.tables import timestamp


def _text(**options: Any) -> "Column[str]":
    return Column(Text, **{"nullable": False, **options})


def _integer(kind: Any = Integer, **options: Any) -> "Column[int]":
    return Column(kind, **{"nullable": False, **options})


def _flag() -> "Column[bool]":
    return Column(Boolean, nullable=False)


class LocationRow(SQLModel, table=True):
    """A place that holds stock."""

    __tablename__ = "location"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("kind BETWEEN 1 AND 4", name="kind"),
        CheckConstraint("daily_capacity >= 0", name="daily_capacity"),
    )

    code: str = Field(sa_column=_text(primary_key=True))
    kind: int = Field(sa_column=_integer(SmallInteger))
    name: str = Field(sa_column=_text())
    address: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    latitude: float | None = Field(sa_column=Column(Double))
    longitude: float | None = Field(sa_column=Column(Double))
    time_zone: str = Field(sa_column=_text())
    can_ship: bool = Field(sa_column=_flag())
    can_pick_up: bool = Field(sa_column=_flag())
    can_return: bool = Field(sa_column=_flag())
    active: bool = Field(sa_column=_flag())
    version: int = Field(sa_column=_integer())
    daily_capacity: int = Field(sa_column=_integer(server_default="0"))
    cut_off: str = Field(sa_column=_text(server_default=""))
    channels: list[str] = Field(
        sa_column=Column(ARRAY(Text), nullable=False, server_default=text("'{}'"))
    )


class StockItemRow(SQLModel, table=True):
    """Figures of one sku at one location; what cannot be true cannot be stored."""

    __tablename__ = "stock_item"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("reserved >= 0", name="reserved"),
        CheckConstraint("on_hand >= reserved", name="on_hand"),
        CheckConstraint("safety_stock >= 0", name="safety_stock"),
        CheckConstraint("backordered >= 0", name="backordered"),
        CheckConstraint("low_stock >= 0", name="low_stock"),
        Index("ix_stock_item_location_sku", "location", "sku"),
        # Room on the page: reserving changes no index and can stay in place.
        {"postgresql_with": {"fillfactor": 70}},
    )

    sku: str = Field(sa_column=_text(primary_key=True))
    location: str = Field(sa_column=_text(primary_key=True))
    on_hand: int = Field(sa_column=_integer())
    reserved: int = Field(sa_column=_integer())
    safety_stock: int = Field(sa_column=_integer())
    version: int = Field(sa_column=_integer(BigInteger))
    backordered: int = Field(sa_column=_integer(server_default="0"))
    low_stock: int = Field(sa_column=_integer(server_default="0"))
    moved: int = Field(sa_column=_integer(BigInteger, server_default="0"))
    """The sum of the movements: a trigger keeps it, no statement of the service does."""


class SupplyRow(SQLModel, table=True):
    """Units that are expected at a place with one reference."""

    __tablename__ = "supply"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("units > 0", name="units"),
        CheckConstraint("source BETWEEN 1 AND 3", name="source"),
        Index("ix_supply_expected_at", "expected_at", "sku", "location", "reference"),
    )

    sku: str = Field(sa_column=_text(primary_key=True))
    location: str = Field(sa_column=_text(primary_key=True))
    reference: str = Field(sa_column=_text(primary_key=True))
    units: int = Field(sa_column=_integer())
    source: int = Field(sa_column=_integer(SmallInteger))
    expected_at: datetime = Field(sa_column=timestamp())


class SellingPolicyRow(SQLModel, table=True):
    """How a sku is sold beyond stock; most have none."""

    __tablename__ = "selling_policy"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("backorder BETWEEN 1 AND 3", name="backorder"),
        CheckConstraint("max_per_order >= 0", name="max_per_order"),
        Index(
            "ix_selling_policy_preorder_at",
            "preorder_at",
            "sku",
            postgresql_where="preorder_at IS NOT NULL",
        ),
    )

    sku: str = Field(sa_column=_text(primary_key=True))
    backorder: int = Field(sa_column=_integer(SmallInteger))
    backorder_until: datetime | None = Field(sa_column=timestamp(nullable=True))
    preorder_at: datetime | None = Field(sa_column=timestamp(nullable=True))
    max_per_order: int = Field(sa_column=_integer())
    version: int = Field(sa_column=_integer())


class TransferRow(SQLModel, table=True):
    """Goods on their way, with what came of them."""

    __tablename__ = "transfer"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("state BETWEEN 1 AND 2", name="state"),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    origin: str = Field(sa_column=_text())
    destination: str = Field(sa_column=_text())
    state: int = Field(sa_column=_integer(SmallInteger))
    lines: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    reference: str = Field(sa_column=_text())
    expected_at: datetime = Field(sa_column=timestamp())
    sent_at: datetime = Field(sa_column=timestamp())
    received_at: datetime | None = Field(sa_column=timestamp(nullable=True))


class StockImportRow(SQLModel, table=True):
    """The newest file of a source."""

    __tablename__ = "stock_import"

    source: str = Field(sa_column=_text(primary_key=True))
    sequence: int = Field(sa_column=_integer(BigInteger))
    updated_at: datetime = Field(sa_column=timestamp())


class ImportedPlaceRow(SQLModel, table=True):
    """The newest file of a source that told of a place."""

    __tablename__ = "imported_place"

    source: str = Field(sa_column=_text(primary_key=True))
    sku: str = Field(sa_column=_text(primary_key=True))
    location: str = Field(sa_column=_text(primary_key=True))
    sequence: int = Field(sa_column=_integer(BigInteger))
    attempt: str = Field(sa_column=_text(server_default=""))


class ReservationRow(SQLModel, table=True):
    """A promise with its lines: always read and written whole."""

    __tablename__ = "reservation"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        UniqueConstraint("owner", "request_id"),
        CheckConstraint("state BETWEEN 1 AND 5", name="state"),
        # Those that expire, and all that still promise something: few of all there were.
        Index("ix_reservation_open", "state", "expires_at", postgresql_where="state IN (1, 2)"),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    owner: str = Field(sa_column=_text())
    request_id: str = Field(sa_column=_text())
    state: int = Field(sa_column=_integer(SmallInteger))
    lines: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    expires_at: datetime = Field(sa_column=timestamp())
    created_at: datetime = Field(sa_column=timestamp())
    revoked_by: str = Field(sa_column=_text(server_default=""))
    revoke_reason: str = Field(sa_column=_text(server_default=""))


class BackorderRow(SQLModel, table=True):
    """Units of a promise that have not come yet, in the order of the promises."""

    __tablename__ = "backorder"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("units > 0", name="units"),
        Index("ix_backorder_reservation", "reservation"),
        Index("ix_backorder_sku_location", "sku", "location", "position"),
    )

    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    reservation: str = Field(sa_column=_text())
    sku: str = Field(sa_column=_text())
    location: str = Field(sa_column=_text())
    units: int = Field(sa_column=_integer())


class MovementRow(SQLModel, table=True):
    """One change of what is on hand; a trigger refuses to alter or delete it."""

    __tablename__ = "movement"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("units <> 0", name="units"),
        CheckConstraint("reason BETWEEN 1 AND 8", name="reason"),
        Index("ix_movement_sku_location", "sku", "location", "position"),
        Index("ix_movement_location", "location", "position"),
    )

    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    id: str = Field(sa_column=_text(unique=True))
    sku: str = Field(sa_column=_text())
    location: str = Field(sa_column=_text())
    units: int = Field(sa_column=_integer())
    reason: int = Field(sa_column=_integer(SmallInteger))
    reference: str = Field(sa_column=_text())
    actor: str = Field(sa_column=_text())
    created_at: datetime = Field(sa_column=timestamp())


class StockChangeRow(SQLModel, table=True):
    """A sku whose availability has changed and is to be announced."""

    __tablename__ = "stock_change"

    position: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    sku: str = Field(sa_column=_text())
