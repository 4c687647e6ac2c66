"""Promises that are open are found without looking at those that have ended.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_index(
        "ix_reservation_open",
        "reservation",
        ["state", "expires_at"],
        postgresql_where=sa.text("state IN (1, 2)"),
    )
    op.drop_index("ix_reservation_held", "reservation")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_index(
        "ix_reservation_held",
        "reservation",
        ["expires_at"],
        postgresql_where=sa.text("state = 1"),
    )
    op.drop_index("ix_reservation_open", "reservation")
