from alembic import op

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)


def downgrade() -> None:
    drop_runtime_tables(op)
