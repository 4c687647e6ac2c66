"""Processes that are called off beside their driver, say what troubles them, and become overdue."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

# What has no deadline should end within an hour, like what begins from now on.
_DEADLINES = """
UPDATE process SET deadline = created_at + interval '1 hour'
WHERE next_run_at IS NOT NULL AND deadline > '9000-01-01'"""


def upgrade() -> None:
    op.add_column("process", sa.Column("called_off", sa.Text))
    op.add_column("process", sa.Column("trouble", sa.Text, nullable=False, server_default=""))
    op.execute(_DEADLINES)


def downgrade() -> None:
    op.drop_column("process", "trouble")
    op.drop_column("process", "called_off")
