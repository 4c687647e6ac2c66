"""Shapes of the tables, no rules."""

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
    SmallInteger,
    Text,
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


class CartRow(SQLModel, table=True):
    """A cart with its lines: always read and written whole."""

    __tablename__ = "cart"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        # Without the time of change, so that a change touches no index.
        Index("ix_cart_owner", "owner"),
        CheckConstraint("state BETWEEN 1 AND 5", name="state"),
        CheckConstraint("state NOT IN (2, 3) OR checkout IS NOT NULL", name="held"),
        CheckConstraint("state <> 3 OR order_id IS NOT NULL", name="ordered"),
        CheckConstraint("jsonb_typeof(lines) = 'array'", name="lines"),
        {"postgresql_with": {"fillfactor": 70}},
    )

    id: str = Field(sa_column=_text(primary_key=True))
    version: int = Field(sa_column=_integer())
    state: int = Field(sa_column=_integer(SmallInteger))
    channel: str = Field(sa_column=_text())
    currency: str = Field(sa_column=_text())
    country: str = Field(sa_column=_text())
    owner: str = Field(sa_column=_text())
    lines: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    coupons: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    delivery: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    checkout: str | None = Field(sa_column=Column(Text))
    order_id: str | None = Field(sa_column=Column(Text))
    merged_into: str | None = Field(sa_column=Column(Text))
    created_at: datetime = Field(sa_column=timestamp())
    updated_at: datetime = Field(sa_column=timestamp())


class CheckoutRow(SQLModel, table=True):
    """A checkout and the quote it was given; the quote never changes."""

    __tablename__ = "checkout"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("state BETWEEN 1 AND 3", name="state"),
        CheckConstraint("state = 2 OR quote IS NOT NULL", name="quoted"),
        Index("ix_checkout_released", "cart_id", postgresql_where=text("state = 2")),
    )

    id: str = Field(sa_column=_text(primary_key=True))
    cart_id: str = Field(sa_column=_text())
    state: int = Field(sa_column=_integer(SmallInteger))
    quote: dict[str, Any] | None = Field(sa_column=Column(JSONB))
    created_at: datetime = Field(sa_column=timestamp())


class PriceListRow(SQLModel, table=True):
    """A set of prices for some buyers at some time; empty channel or group means all."""

    __tablename__ = "price_list"

    code: str = Field(sa_column=_text(primary_key=True))
    currency: str = Field(sa_column=_text())
    tax_included: bool = Field(sa_column=Column(Boolean, nullable=False))
    channel: str = Field(sa_column=_text())
    customer_group: str = Field(sa_column=_text())
    priority: int = Field(sa_column=_integer())
    valid_from: datetime | None = Field(sa_column=timestamp(nullable=True))
    valid_to: datetime | None = Field(sa_column=timestamp(nullable=True))
    announced: bool = Field(sa_column=Column(Boolean, nullable=False))


class PriceRow(SQLModel, table=True):
    """The price of one unit of a sku in a list, in minor units."""

    __tablename__ = "price"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        Index("ix_price_price_list", "price_list"),
        CheckConstraint("amount >= 0", name="amount"),
        CheckConstraint("min_quantity >= 1", name="min_quantity"),
    )

    sku: str = Field(sa_column=_text(primary_key=True))
    price_list: str = Field(sa_column=Column(ForeignKey("price_list.code"), primary_key=True))
    min_quantity: int = Field(sa_column=_integer(primary_key=True, autoincrement=False))
    amount: int = Field(sa_column=_integer(BigInteger))


class PriceVersionRow(SQLModel, table=True):
    """How often the prices of a sku have changed; its lock keeps their states in order."""

    __tablename__ = "price_version"

    sku: str = Field(sa_column=_text(primary_key=True))
    version: int = Field(sa_column=_integer(BigInteger))


class CouponRow(SQLModel, table=True):
    """A coupon and how many orders use it."""

    __tablename__ = "coupon"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("used_count >= 0", name="used_count"),
        CheckConstraint("usage_limit = 0 OR used_count <= usage_limit", name="usage_limit"),
        CheckConstraint("value > 0", name="value"),
        CheckConstraint("effect <> 'percent' OR value <= 10000", name="percent"),
    )

    code: str = Field(sa_column=_text(primary_key=True))
    effect: str = Field(sa_column=_text())
    value: int = Field(sa_column=_integer(BigInteger))
    currency: str = Field(sa_column=_text())
    label: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    minimum_subtotal: int | None = Field(sa_column=Column(BigInteger))
    usage_limit: int = Field(sa_column=_integer())
    usage_limit_per_customer: int = Field(sa_column=_integer())
    used_count: int = Field(sa_column=_integer())
    valid_from: datetime | None = Field(sa_column=timestamp(nullable=True))
    valid_to: datetime | None = Field(sa_column=timestamp(nullable=True))


class CouponCustomerRow(SQLModel, table=True):
    """How many orders of one customer use a coupon."""

    __tablename__ = "coupon_customer"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("used_count >= 0", name="used_count"),
    )

    code: str = Field(sa_column=Column(ForeignKey("coupon.code"), primary_key=True))
    customer: str = Field(sa_column=_text(primary_key=True))
    used_count: int = Field(sa_column=_integer())


class RedemptionRow(SQLModel, table=True):
    """One use of a coupon: 1 reserved, 2 redeemed, 3 given back."""

    __tablename__ = "redemption"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("state BETWEEN 1 AND 3", name="state"),
        # What counts of a coupon, and of each of its customers.
        Index("ix_redemption_uses", "code", "customer", postgresql_where=text("state IN (1, 2)")),
    )

    checkout: str = Field(sa_column=_text(primary_key=True))
    code: str = Field(sa_column=Column(ForeignKey("coupon.code"), primary_key=True))
    customer: str = Field(sa_column=_text())
    state: int = Field(sa_column=_integer(SmallInteger))


class ShippingRuleRow(SQLModel, table=True):
    """What a way of delivery costs, in minor units, tax included."""

    __tablename__ = "shipping_rule"
    __table_args__: ClassVar[tuple[Any, ...]] = (
        CheckConstraint("price >= 0", name="price"),
        CheckConstraint("mode IN (1, 2)", name="mode"),
    )

    code: str = Field(sa_column=_text(primary_key=True))
    name: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    mode: int = Field(sa_column=_integer(SmallInteger))
    countries: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    currency: str = Field(sa_column=_text())
    price: int = Field(sa_column=_integer(BigInteger))
    free_from: int | None = Field(sa_column=Column(BigInteger))
    position: int = Field(sa_column=_integer())


class ProductRow(SQLModel, table=True):
    """What the cart knows of a product, learnt from the events of its owner."""

    __tablename__ = "product"
    __table_args__: ClassVar[tuple[Any, ...]] = (Index("ix_product_sku", "sku"),)

    id: str = Field(sa_column=_text(primary_key=True))
    sku: str = Field(sa_column=_text())
    names: dict[str, str] = Field(sa_column=Column(JSONB, nullable=False))
    tax_class: str = Field(sa_column=_text())
    channels: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    version: int = Field(sa_column=_integer(BigInteger))


class CustomerRow(SQLModel, table=True):
    """The price group of a customer, learnt from the events of its owner."""

    __tablename__ = "customer"

    id: str = Field(sa_column=_text(primary_key=True))
    price_group: str = Field(sa_column=_text())
    version: int = Field(sa_column=_integer(BigInteger))
