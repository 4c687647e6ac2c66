"""Locations, stock, reservations and movements.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

APPEND_ONLY = """
CREATE FUNCTION movement_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'movements are never altered: write a correction';
END $$;
CREATE TRIGGER movement_append_only BEFORE UPDATE OR DELETE ON movement
    FOR EACH ROW EXECUTE FUNCTION movement_is_append_only();
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    create_runtime_tables(op)
    _create_location()
    _create_stock_item()
    _create_reservation()
    _create_movement()
    op.create_table(
        "stock_change",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("sku", sa.Text, nullable=False),
    )


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for table in ("stock_change", "movement", "reservation", "stock_item", "location"):
        op.drop_table(table)
    op.execute("DROP FUNCTION movement_is_append_only")
    drop_runtime_tables(op)


def _create_location() -> None:
    op.create_table(
        "location",
        sa.Column("code", sa.Text, primary_key=True),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", postgresql.JSONB, nullable=False),
        sa.Column("latitude", sa.Double),
        sa.Column("longitude", sa.Double),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("can_ship", sa.Boolean, nullable=False),
        sa.Column("can_pick_up", sa.Boolean, nullable=False),
        sa.Column("can_return", sa.Boolean, nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint("kind BETWEEN 1 AND 4", name="ck_location_kind"),
    )


def _create_stock_item() -> None:
    op.create_table(
        "stock_item",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("on_hand", sa.Integer, nullable=False),
        sa.Column("reserved", sa.Integer, nullable=False),
        sa.Column("safety_stock", sa.Integer, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("reserved >= 0", name="ck_stock_item_reserved"),
        sa.CheckConstraint("on_hand >= reserved", name="ck_stock_item_on_hand"),
        sa.CheckConstraint("safety_stock >= 0", name="ck_stock_item_safety_stock"),
        postgresql_with={"fillfactor": 70},
    )


def _create_reservation() -> None:
    op.create_table(
        "reservation",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("lines", postgresql.JSONB, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("owner", "request_id", name="uq_reservation_owner_request_id"),
        sa.CheckConstraint("state BETWEEN 1 AND 5", name="ck_reservation_state"),
    )
    op.create_index(
        "ix_reservation_held", "reservation", ["expires_at"], postgresql_where="state = 1"
    )


def _create_movement() -> None:
    op.create_table(
        "movement",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("id", name="uq_movement_id"),
        sa.CheckConstraint("units <> 0", name="ck_movement_units"),
        sa.CheckConstraint("reason BETWEEN 1 AND 8", name="ck_movement_reason"),
    )
    op.create_index("ix_movement_sku_location", "movement", ["sku", "location", "position"])
    op.execute(APPEND_ONLY)
