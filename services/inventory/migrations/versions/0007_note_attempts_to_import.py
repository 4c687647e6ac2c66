"""Which attempt to send a file has told of a place: a second line of it is no repetition.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    attempt = sa.Column("attempt", sa.Text, nullable=False, server_default="")
    op.add_column("imported_place", attempt)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_column("imported_place", "attempt")
