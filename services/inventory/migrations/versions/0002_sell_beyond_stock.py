"""Back-orders, supply, transfers, imports; what a promise may not do is refused here too.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

# What was consumed or released stays so; what has expired can only be taken up again.
PROMISES_END = """
CREATE FUNCTION reservation_has_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'reservation % has ended: state % does not follow %',
        OLD.id, NEW.state, OLD.state;
END $$;
CREATE TRIGGER reservation_ends BEFORE UPDATE OF state ON reservation
    FOR EACH ROW
    WHEN (NEW.state <> OLD.state AND (OLD.state IN (3, 4) OR (OLD.state = 5 AND NEW.state <> 2)))
    EXECUTE FUNCTION reservation_has_ended();
"""
CHECKS = {
    "stock_item": {"backordered": "backordered >= 0", "low_stock": "low_stock >= 0"},
    "location": {"daily_capacity": "daily_capacity >= 0"},
}


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    _add_columns()
    _create_supply()
    _create_selling_policy()
    _create_transfer()
    _create_stock_import()
    op.execute(PROMISES_END)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute("DROP TRIGGER reservation_ends ON reservation")
    op.execute("DROP FUNCTION reservation_has_ended")
    for table in ("imported_place", "stock_import", "transfer", "selling_policy", "supply"):
        op.drop_table(table)
    for column in ("backordered", "low_stock"):
        op.drop_column("stock_item", column)
    for column in ("daily_capacity", "cut_off"):
        op.drop_column("location", column)


def _add_columns() -> None:
    for name in ("backordered", "low_stock"):
        column = sa.Column(name, sa.Integer, nullable=False, server_default="0")
        op.add_column("stock_item", column)
    capacity = sa.Column("daily_capacity", sa.Integer, nullable=False, server_default="0")
    op.add_column("location", capacity)
    cut_off = sa.Column("cut_off", sa.Text, nullable=False, server_default="")
    op.add_column("location", cut_off)
    for table, checks in CHECKS.items():
        for name, rule in checks.items():
            # The look at all rows is the next revision's: here it would keep everybody away.
            check = f"ck_{table}_{name}"
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {check} CHECK ({rule}) NOT VALID")


def _create_supply() -> None:
    op.create_table(
        "supply",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("reference", sa.Text, primary_key=True),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("source", sa.SmallInteger, nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("units > 0", name="ck_supply_units"),
        sa.CheckConstraint("source BETWEEN 1 AND 3", name="ck_supply_source"),
    )
    columns = ["expected_at", "sku", "location", "reference"]
    op.create_index("ix_supply_expected_at", "supply", columns)


def _create_selling_policy() -> None:
    op.create_table(
        "selling_policy",
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("backorder", sa.SmallInteger, nullable=False),
        sa.Column("backorder_until", sa.DateTime(timezone=True)),
        sa.Column("preorder_at", sa.DateTime(timezone=True)),
        sa.Column("max_per_order", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.CheckConstraint("backorder BETWEEN 1 AND 3", name="ck_selling_policy_backorder"),
        sa.CheckConstraint("max_per_order >= 0", name="ck_selling_policy_max_per_order"),
    )


def _create_transfer() -> None:
    op.create_table(
        "transfer",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("destination", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("lines", postgresql.JSONB, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("expected_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint("state BETWEEN 1 AND 2", name="ck_transfer_state"),
    )


def _create_stock_import() -> None:
    op.create_table(
        "stock_import",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "imported_place",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("sku", sa.Text, primary_key=True),
        sa.Column("location", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
    )
