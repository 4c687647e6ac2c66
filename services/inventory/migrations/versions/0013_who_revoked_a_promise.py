"""Who of the staff took a promise away, and why.

Revision ID: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

COLUMNS = ("revoked_by", "revoke_reason")


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for name in COLUMNS:
        op.add_column("reservation", sa.Column(name, sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for name in COLUMNS:
        op.drop_column("reservation", name)
