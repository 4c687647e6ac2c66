"""Orders that somebody has to look at: something has happened to their money."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.add_column("orders", sa.Column("review", JSONB, nullable=False, server_default="{}"))
    op.create_index(
        "ix_orders_review",
        "orders",
        ["placed_at", "id"],
        postgresql_where=sa.text("review <> '{}'::jsonb"),
    )


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_index("ix_orders_review", "orders")
    op.drop_column("orders", "review")
