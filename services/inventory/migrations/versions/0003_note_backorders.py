"""Who waits for units that were promised beyond stock.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

# Of the revision before, which held its tables until it was committed: now the look at all rows
# keeps nobody from writing.
CHECKS = {"stock_item": ("backordered", "low_stock"), "location": ("daily_capacity",)}


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for table, names in CHECKS.items():
        for name in names:
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT ck_{table}_{name}")
    op.create_table(
        "backorder",
        sa.Column("position", sa.BigInteger, sa.Identity(always=True), primary_key=True),
        sa.Column("reservation", sa.Text, nullable=False),
        sa.Column("sku", sa.Text, nullable=False),
        sa.Column("location", sa.Text, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.CheckConstraint("units > 0", name="units"),
    )
    op.create_index("ix_backorder_reservation", "backorder", ["reservation"])
    op.create_index("ix_backorder_sku_location", "backorder", ["sku", "location", "position"])


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_table("backorder")
