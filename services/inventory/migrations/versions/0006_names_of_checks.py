"""The names of check constraints, which bore their prefix twice.

Revision ID: 0006
"""

from alembic import op

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
    for table, name in _checks():
        _rename(table, f"ck_{table}_ck_{table}_{name}", f"ck_{table}_{name}")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for table, name in _checks():
        _rename(table, f"ck_{table}_{name}", f"ck_{table}_ck_{table}_{name}")


def _checks() -> list[tuple[str, str]]:
    return [(table, name) for table, names in CHECKS.items() for name in names]


def _rename(table: str, old: str, new: str) -> None:
    op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
