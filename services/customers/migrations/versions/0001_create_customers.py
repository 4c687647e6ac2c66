"""Customers, staff, sessions, keys and the timeline.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from comptoir_runtime.migrations import create_runtime_tables, drop_runtime_tables

revision = "0001"
down_revision = None

TABLES = (
    "known_visitor",
    "touch",
    "signing_key",
    "attempt",
    "refresh_token",
    "session",
    "staff_member",
    "customer",
)


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    create_runtime_tables(op)
    op.execute("CREATE SEQUENCE customer_number")
    _create_people()
    _create_sessions()
    _create_timeline()


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for table in TABLES:
        op.drop_table(table)
    op.execute("DROP SEQUENCE customer_number")
    drop_runtime_tables(op)


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _moment(name: str, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _create_people() -> None:
    op.create_table(
        "customer",
        sa.Column("id", sa.Text, primary_key=True),
        _text("number"),
        _text("email"),
        _text("password_hash"),
        _text("given_name"),
        _text("family_name"),
        _text("family_name_key"),
        _text("phone"),
        _text("locale"),
        sa.Column("addresses", postgresql.JSONB, nullable=False),
        _text("price_group"),
        sa.Column("version", sa.Integer, nullable=False),
        _moment("created_at"),
        _moment("updated_at"),
        sa.UniqueConstraint("number", name="uq_customer_number"),
        sa.UniqueConstraint("email", name="uq_customer_email"),
    )
    op.create_index("ix_customer_family_name", "customer", ["family_name_key", "number"])
    op.create_table(
        "staff_member",
        sa.Column("id", sa.Text, primary_key=True),
        _text("email"),
        _text("password_hash"),
        _text("name"),
        sa.Column("permissions", postgresql.ARRAY(sa.Text), nullable=False),
        _text("location"),
        _moment("created_at"),
        sa.UniqueConstraint("email", name="uq_staff_member_email"),
    )


def _create_sessions() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Text, primary_key=True),
        _text("kind"),
        _text("subject"),
        sa.Column("visitor", sa.Text),
        _moment("created_at"),
        _moment("ended_at", nullable=True),
    )
    op.create_index("ix_session_subject", "session", ["subject"])
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("nonce", sa.LargeBinary, nullable=False),
        _text("session"),
        _moment("expires_at"),
        _moment("spent_at", nullable=True),
    )
    op.create_index("ix_refresh_token_session", "refresh_token", ["session"])
    op.create_table(
        "attempt",
        sa.Column("account", sa.LargeBinary, primary_key=True),
        sa.Column("failures", sa.Integer, nullable=False),
        _moment("since"),
    )
    op.create_table(
        "signing_key",
        sa.Column("kid", sa.Text, primary_key=True),
        sa.Column("private_pem", sa.LargeBinary, nullable=False),
        _text("jwk"),
        _moment("signs_from"),
        _moment("signs_until", nullable=True),
    )


def _create_timeline() -> None:
    op.create_table(
        "touch",
        sa.Column("id", sa.Text, primary_key=True),
        _text("subject"),
        sa.Column("kind", sa.SmallInteger, nullable=False),
        _moment("happened_at"),
        _text("channel"),
        _text("reference"),
        _text("order_number"),
        sa.Column("amount", sa.BigInteger),
        _text("currency"),
        _text("location"),
        sa.CheckConstraint("kind BETWEEN 1 AND 10", name="ck_touch_kind"),
    )
    op.create_index("ix_touch_subject", "touch", ["subject", "happened_at", "id"])
    op.create_table(
        "known_visitor",
        sa.Column("visitor", sa.Text, primary_key=True),
        _text("customer"),
    )
