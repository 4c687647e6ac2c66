"""What is open, and what belongs to one channel or location, is found among a million others."""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    add_index("ix_orders_channel_placed_at_id", "orders", ["channel", "placed_at", "id"])
    add_index(
        "ix_orders_open",
        "orders",
        ["placed_at", "id"],
        where="state IN ('PLACED', 'CANCELLING', 'PARTIALLY_FULFILLED')",
    )
    add_index(
        "ix_fulfilment_location_created_at_id", "fulfilment", ["location", "created_at", "id"]
    )
    add_index(
        "ix_fulfilment_open",
        "fulfilment",
        ["created_at", "id"],
        where="state IN ('AWAITING_STOCK', 'PROPOSED', 'READY_FOR_PICKUP')",
    )


def downgrade() -> None:
    remove_index("ix_fulfilment_open", "fulfilment")
    remove_index("ix_fulfilment_location_created_at_id", "fulfilment")
    remove_index("ix_orders_open", "orders")
    remove_index("ix_orders_channel_placed_at_id", "orders")
