"""Promises that are open are found without looking at those that have ended.

Revision ID: 0004
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    add_index(
        "ix_reservation_open", "reservation", ["state", "expires_at"], where="state IN (1, 2)"
    )
    remove_index("ix_reservation_held", "reservation")


def downgrade() -> None:
    add_index("ix_reservation_held", "reservation", ["expires_at"], where="state = 1")
    remove_index("ix_reservation_open", "reservation")
