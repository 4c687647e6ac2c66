from alembic import op

from comptoir_runtime.migrations import create_runtime_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_runtime_tables(op)
    op.execute(
        "CREATE TABLE book (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " owner text, title text NOT NULL, version bigint NOT NULL DEFAULT 1)"
    )


def downgrade() -> None:
    op.execute("DROP TABLE book")
