"""Checkouts of a cart that were undone are found by the cart, uses of a coupon by its code."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_index(
        "ix_checkout_released", "checkout", ["cart_id"], postgresql_where=sa.text("state = 2")
    )
    op.create_index(
        "ix_redemption_uses",
        "redemption",
        ["code", "customer"],
        postgresql_where=sa.text("state IN (1, 2)"),
    )


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_index("ix_redemption_uses", "redemption")
    op.drop_index("ix_checkout_released", "checkout")
