"""Refunds that came back, disputes, and payments that are captured once.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_MOVEMENTS = "'capture', 'refund'"
_AFTERMATH = "'reversal', 'dispute', 'dispute_won', 'dispute_lost'"
_GIVEN_BACK = """refunded_amount >= 0 AND refunding_amount >= 0
    AND refunded_amount + refunding_amount <= captured_amount"""
_GONE = """refunded_amount >= 0 AND refunding_amount >= 0
    AND disputed_amount >= 0 AND charged_back_amount >= 0
    AND refunded_amount + refunding_amount + disputed_amount + charged_back_amount
      <= captured_amount"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    for name in ("disputed_amount", "charged_back_amount"):
        column = sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        op.add_column("payment", column)
    once = sa.Column("single_capture", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("payment", once)
    op.create_index(
        "ix_ledger_transfer_posted_at", "ledger_transfer", ["posted_at"], postgresql_using="brin"
    )
    _check("payment", "refunded_within_captured", _GONE)
    _check("ledger_transfer", "movements_have_payments", _about(f"{_MOVEMENTS}, {_AFTERMATH}"))


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_index("ix_ledger_transfer_posted_at", "ledger_transfer")
    _check("ledger_transfer", "movements_have_payments", _about(_MOVEMENTS))
    _check("payment", "refunded_within_captured", _GIVEN_BACK)
    for name in ("single_capture", "charged_back_amount", "disputed_amount"):
        op.drop_column("payment", name)


def _about(kinds: str) -> str:
    return f"(payment_id IS NULL) = (kind NOT IN ({kinds}))"


def _check(table: str, name: str, rule: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{name}")
    op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ck_{table}_{name} CHECK ({rule})")
