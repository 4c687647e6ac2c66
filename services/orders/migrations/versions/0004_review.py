"""Orders that somebody has to look at: something has happened to their money."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    review = sa.Column("review", JSONB, nullable=False, server_default="{}")
    op.add_column("orders", review, if_not_exists=True)
    add_index("ix_orders_review", "orders", ["placed_at", "id"], where="review <> '{}'::jsonb")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    remove_index("ix_orders_review", "orders")
    op.drop_column("orders", "review", if_exists=True)
