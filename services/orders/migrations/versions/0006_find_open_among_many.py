"""What is open, and what belongs to one channel or location, is found among a million others."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_OPEN_ORDERS = "state IN ('PLACED', 'CANCELLING', 'PARTIALLY_FULFILLED')"
_OPEN_FULFILMENTS = "state IN ('AWAITING_STOCK', 'PROPOSED', 'READY_FOR_PICKUP')"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_index("ix_orders_channel_placed_at_id", "orders", ["channel", "placed_at", "id"])
    op.create_index(
        "ix_orders_open", "orders", ["placed_at", "id"], postgresql_where=sa.text(_OPEN_ORDERS)
    )
    op.create_index(
        "ix_fulfilment_location_created_at_id", "fulfilment", ["location", "created_at", "id"]
    )
    op.create_index(
        "ix_fulfilment_open",
        "fulfilment",
        ["created_at", "id"],
        postgresql_where=sa.text(_OPEN_FULFILMENTS),
    )


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_index("ix_fulfilment_open", "fulfilment")
    op.drop_index("ix_fulfilment_location_created_at_id", "fulfilment")
    op.drop_index("ix_orders_open", "orders")
    op.drop_index("ix_orders_channel_placed_at_id", "orders")
