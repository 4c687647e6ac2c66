"""What a location has is found without reading what all others have.

Revision ID: 0012
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    add_index("ix_stock_item_location_sku", "stock_item", ["location", "sku"])


def downgrade() -> None:
    remove_index("ix_stock_item_location_sku", "stock_item")
