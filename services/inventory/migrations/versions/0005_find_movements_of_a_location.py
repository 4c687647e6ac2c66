"""Movements of one location are found without reading those of all others.

Revision ID: 0005
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    add_index("ix_movement_location", "movement", ["location", "position"])


def downgrade() -> None:
    remove_index("ix_movement_location", "movement")
