"""Processes, orders and their fulfilments, and the sequence of order numbers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateSequence, DropSequence

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

_TIME = sa.DateTime(timezone=True)
_SERIAL = sa.Sequence("order_serial")


def upgrade() -> None:
    create_runtime_tables(op)
    op.execute(CreateSequence(_SERIAL))
    _create_processes()
    _create_orders()
    _create_fulfilments()


def downgrade() -> None:
    op.drop_table("fulfilment")
    op.drop_table("orders")
    op.drop_table("process")
    op.execute(DropSequence(_SERIAL))
    drop_runtime_tables(op)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _create_processes() -> None:
    op.create_table(
        "process",
        _text("id"),
        _text("kind"),
        _text("caller"),
        _text("request_id"),
        sa.Column("request_hash", sa.LargeBinary, nullable=False),
        _text("order_id"),
        _text("state"),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("nudges", sa.Integer, nullable=False),
        sa.Column("serial", sa.BigInteger),
        sa.Column("document", JSONB, nullable=False),
        sa.Column("deadline", _TIME, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("lease_until", _TIME),
        sa.Column("next_run_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_process"),
        sa.UniqueConstraint(
            "kind", "caller", "request_id", name="uq_process_kind_caller_request_id"
        ),
        sa.CheckConstraint(
            "kind IN ('PLACEMENT', 'STORE_SALE', 'CANCELLATION', 'CAPTURE', 'VOID')",
            name=op.f("ck_process_kind"),
        ),
        sa.CheckConstraint(
            "(lease_owner IS NULL) = (lease_until IS NULL)", name=op.f("ck_process_lease")
        ),
        sa.CheckConstraint(
            "(state IN ('PLACED', 'FAILED', 'CANCELLED', 'DONE', 'REFUSED'))"
            " = (next_run_at IS NULL)",
            name=op.f("ck_process_ended"),
        ),
        sa.CheckConstraint(
            "next_run_at IS NOT NULL OR lease_until IS NULL", name=op.f("ck_process_driven")
        ),
        # Room for new versions of a row on its page.
        postgresql_with={"fillfactor": 70},
    )
    op.create_index(
        "ix_process_next_run_at",
        "process",
        ["next_run_at"],
        postgresql_where=sa.text("next_run_at IS NOT NULL"),
    )
    op.create_index("ix_process_order_id", "process", ["order_id"])


def _create_orders() -> None:
    op.create_table(
        "orders",
        _text("id"),
        _text("number"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("state"),
        _text("channel"),
        _text("customer"),
        _text("currency"),
        _text("cart"),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("captured", sa.BigInteger, nullable=False),
        _text("cancel_reason"),
        sa.Column("document", JSONB, nullable=False),
        sa.Column("placed_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("number", name="uq_orders_number"),
        sa.CheckConstraint(
            "state IN ('PLACED', 'CANCELLING', 'PARTIALLY_FULFILLED', 'FULFILLED', 'CANCELLED')",
            name=op.f("ck_orders_state"),
        ),
        sa.CheckConstraint("captured >= 0 AND captured <= total", name=op.f("ck_orders_captured")),
    )
    op.create_index(
        "uq_orders_cart", "orders", ["cart"], unique=True, postgresql_where=sa.text("cart <> ''")
    )
    op.create_index("ix_orders_placed_at_id", "orders", ["placed_at", "id"])
    op.create_index("ix_orders_customer_placed_at_id", "orders", ["customer", "placed_at", "id"])


def _create_fulfilments() -> None:
    op.create_table(
        "fulfilment",
        _text("id"),
        sa.Column(
            "order_id",
            sa.Text,
            sa.ForeignKey("orders.id", name="fk_fulfilment_order_id_orders"),
            nullable=False,
        ),
        sa.Column("position", sa.Integer, nullable=False),
        _text("location"),
        _text("state"),
        _text("mode"),
        sa.Column("lines", JSONB, nullable=False),
        sa.Column("goods", sa.BigInteger, nullable=False),
        sa.Column("shipping", sa.BigInteger, nullable=False),
        _text("currency"),
        sa.Column("version", sa.Integer, nullable=False),
        _text("carrier"),
        _text("tracking_number"),
        sa.Column("fulfilled_at", _TIME),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fulfilment"),
        sa.UniqueConstraint("order_id", "position", name="uq_fulfilment_order_id_position"),
        sa.CheckConstraint(
            "state IN ('PROPOSED', 'SHIPPED', 'READY_FOR_PICKUP', 'HANDED_OVER', 'CANCELLED')",
            name=op.f("ck_fulfilment_state"),
        ),
        sa.CheckConstraint("goods >= 0 AND shipping >= 0", name=op.f("ck_fulfilment_amounts")),
    )
    op.create_index("ix_fulfilment_created_at_id", "fulfilment", ["created_at", "id"])
    op.create_index(
        "ix_fulfilment_location_state_created_at_id",
        "fulfilment",
        ["location", "state", "created_at", "id"],
    )
