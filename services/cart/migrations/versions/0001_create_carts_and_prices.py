"""Carts and checkouts, prices and coupons, and what is known of products and customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_runtime_tables(op)
    _create_carts()
    _create_prices()
    _create_coupons()
    _create_shipping_rules()
    _create_projections()


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _create_carts() -> None:
    op.create_table(
        "cart",
        _text("id"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        _text("channel"),
        _text("currency"),
        _text("country"),
        _text("owner"),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("coupons", ARRAY(sa.Text), nullable=False),
        sa.Column("delivery", JSONB),
        sa.Column("checkout", sa.Text),
        sa.Column("order_id", sa.Text),
        sa.Column("merged_into", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_cart"),
        sa.CheckConstraint("state BETWEEN 1 AND 5", name=op.f("ck_cart_state")),
        sa.CheckConstraint(
            "state NOT IN (2, 3) OR checkout IS NOT NULL", name=op.f("ck_cart_held")
        ),
        sa.CheckConstraint("state <> 3 OR order_id IS NOT NULL", name=op.f("ck_cart_ordered")),
        sa.CheckConstraint("jsonb_typeof(lines) = 'array'", name=op.f("ck_cart_lines")),
        # Room for new versions of a row on its page.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_cart_owner", "cart", ["owner"])
    op.create_table(
        "checkout",
        _text("id"),
        _text("cart_id"),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("quote", JSONB),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_checkout"),
        sa.CheckConstraint("state BETWEEN 1 AND 3", name=op.f("ck_checkout_state")),
        sa.CheckConstraint("state = 2 OR quote IS NOT NULL", name=op.f("ck_checkout_quoted")),
    )


def _create_prices() -> None:
    op.create_table(
        "price_list",
        _text("code"),
        _text("currency"),
        sa.Column("tax_included", sa.Boolean, nullable=False),
        _text("channel"),
        _text("customer_group"),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("valid_from", _TIME),
        sa.Column("valid_to", _TIME),
        sa.Column("announced", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_price_list"),
    )
    op.create_table(
        "price",
        _text("sku"),
        _text("price_list"),
        sa.Column("min_quantity", sa.Integer, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sku", "price_list", "min_quantity", name="pk_price"),
        sa.ForeignKeyConstraint(
            ["price_list"], ["price_list.code"], name="fk_price_price_list_price_list"
        ),
        sa.CheckConstraint("amount >= 0", name=op.f("ck_price_amount")),
        sa.CheckConstraint("min_quantity >= 1", name=op.f("ck_price_min_quantity")),
    )
    op.create_index("ix_price_price_list", "price", ["price_list"])
    op.create_table(
        "price_version",
        _text("sku"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("sku", name="pk_price_version"),
    )


def _create_coupons() -> None:
    op.create_table(
        "coupon",
        _text("code"),
        _text("effect"),
        sa.Column("value", sa.BigInteger, nullable=False),
        _text("currency"),
        sa.Column("label", JSONB, nullable=False),
        sa.Column("minimum_subtotal", sa.BigInteger),
        sa.Column("usage_limit", sa.Integer, nullable=False),
        sa.Column("usage_limit_per_customer", sa.Integer, nullable=False),
        sa.Column("used_count", sa.Integer, nullable=False),
        sa.Column("valid_from", _TIME),
        sa.Column("valid_to", _TIME),
        sa.PrimaryKeyConstraint("code", name="pk_coupon"),
        sa.CheckConstraint("used_count >= 0", name=op.f("ck_coupon_used_count")),
        sa.CheckConstraint(
            "usage_limit = 0 OR used_count <= usage_limit", name=op.f("ck_coupon_usage_limit")
        ),
        sa.CheckConstraint("value > 0", name=op.f("ck_coupon_value")),
        sa.CheckConstraint("effect <> 'percent' OR value <= 10000", name=op.f("ck_coupon_percent")),
    )
    op.create_table(
        "coupon_customer",
        _text("code"),
        _text("customer"),
        sa.Column("used_count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("code", "customer", name="pk_coupon_customer"),
        sa.ForeignKeyConstraint(["code"], ["coupon.code"], name="fk_coupon_customer_code_coupon"),
        sa.CheckConstraint("used_count >= 0", name=op.f("ck_coupon_customer_used_count")),
    )
    op.create_table(
        "redemption",
        _text("checkout"),
        _text("code"),
        _text("customer"),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.PrimaryKeyConstraint("checkout", "code", name="pk_redemption"),
        sa.ForeignKeyConstraint(["code"], ["coupon.code"], name="fk_redemption_code_coupon"),
        sa.CheckConstraint("state BETWEEN 1 AND 3", name=op.f("ck_redemption_state")),
    )


def _create_shipping_rules() -> None:
    op.create_table(
        "shipping_rule",
        _text("code"),
        sa.Column("name", JSONB, nullable=False),
        sa.Column("mode", sa.SmallInteger, nullable=False),
        sa.Column("countries", ARRAY(sa.Text), nullable=False),
        _text("currency"),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("free_from", sa.BigInteger),
        sa.Column("position", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_shipping_rule"),
        sa.CheckConstraint("price >= 0", name=op.f("ck_shipping_rule_price")),
        sa.CheckConstraint("mode IN (1, 2)", name=op.f("ck_shipping_rule_mode")),
    )


def _create_projections() -> None:
    op.create_table(
        "product",
        _text("id"),
        _text("sku"),
        sa.Column("names", JSONB, nullable=False),
        _text("tax_class"),
        sa.Column("channels", ARRAY(sa.Text), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_product"),
    )
    op.create_index("ix_product_sku", "product", ["sku"])
    op.create_table(
        "customer",
        _text("id"),
        _text("price_group"),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_customer"),
    )


def downgrade() -> None:
    for table in (
        "customer",
        "product",
        "shipping_rule",
        "redemption",
        "coupon_customer",
        "coupon",
        "price_version",
        "price",
        "price_list",
        "checkout",
        "cart",
    ):
        op.drop_table(table)
    drop_runtime_tables(op)
