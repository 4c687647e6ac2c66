"""Skus whose release has come are found by an index.

Revision ID: 0010
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    add_index(
        "ix_selling_policy_preorder_at",
        "selling_policy",
        ["preorder_at", "sku"],
        where="preorder_at IS NOT NULL",
    )


def downgrade() -> None:
    remove_index("ix_selling_policy_preorder_at", "selling_policy")
