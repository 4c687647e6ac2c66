"""Checkouts of a cart that were undone are found by the cart, uses of a coupon by its code."""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    add_index("ix_checkout_released", "checkout", ["cart_id"], where="state = 2")
    add_index("ix_redemption_uses", "redemption", ["code", "customer"], where="state IN (1, 2)")


def downgrade() -> None:
    remove_index("ix_redemption_uses", "redemption")
    remove_index("ix_checkout_released", "checkout")
