"""How new what an order knows of a payment is: news may arrive in another order."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.add_column("orders", sa.Column("reviewed", JSONB, nullable=False, server_default="{}"))


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_column("orders", "reviewed")
