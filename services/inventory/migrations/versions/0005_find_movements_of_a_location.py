"""Movements of one location are found without reading those of all others.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_index("ix_movement_location", "movement", ["location", "position"])


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_index("ix_movement_location", "movement")
