"""Which channels a location serves; none named means all, as it was.

Revision ID: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    channels: sa.Column[list[str]] = sa.Column(
        "channels", postgresql.ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'")
    )
    op.add_column("location", channels)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_column("location", "channels")
