"""The names of check constraints, which bore their prefix twice.

Revision ID: 0006
"""

from alembic import op

from comptoir_runtime.migrations.checks import drop_second_prefix, put_second_prefix

revision = "0006"
down_revision = "0005"

CHECKS = {
    "location": ("kind",),
    "stock_item": ("on_hand", "reserved", "safety_stock"),
    "reservation": ("state",),
    "movement": ("reason", "units"),
    "supply": ("source", "units"),
    "selling_policy": ("backorder", "max_per_order"),
    "transfer": ("state",),
}


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    drop_second_prefix(CHECKS)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    put_second_prefix(CHECKS)
