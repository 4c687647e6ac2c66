"""Fulfilments that wait for goods which were sold before they were there."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_BEFORE = "'PROPOSED', 'SHIPPED', 'READY_FOR_PICKUP', 'HANDED_OVER', 'CANCELLED'"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.add_column("fulfilment", sa.Column("expected_at", sa.DateTime(timezone=True)))
    _allow(f"'AWAITING_STOCK', {_BEFORE}")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    _allow(_BEFORE)
    op.drop_column("fulfilment", "expected_at")


def _allow(states: str) -> None:
    op.execute("ALTER TABLE fulfilment DROP CONSTRAINT ck_fulfilment_state")
    op.execute(
        f"ALTER TABLE fulfilment ADD CONSTRAINT ck_fulfilment_state CHECK (state IN ({states}))"
    )
