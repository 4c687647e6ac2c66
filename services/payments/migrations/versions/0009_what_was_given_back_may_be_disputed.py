"""A payer's bank may take what was given back already; gift cards get the time of a hold back.

Revision ID: 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

_CHECK = "ck_payment_refunded_within_captured"
_NOT_NEGATIVE = """refunded_amount >= 0 AND refunding_amount >= 0
    AND disputed_amount >= 0 AND charged_back_amount >= 0"""
_TOGETHER = f"""{_NOT_NEGATIVE}
    AND refunded_amount + refunding_amount + disputed_amount + charged_back_amount
      <= captured_amount"""
_EACH = f"""{_NOT_NEGATIVE}
    AND refunded_amount + refunding_amount <= captured_amount
    AND disputed_amount + charged_back_amount <= captured_amount"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.add_column("payment", sa.Column("purse_expires_at", sa.DateTime(timezone=True)))
    _check(_EACH)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    _check(_TOGETHER)
    op.drop_column("payment", "purse_expires_at")


def _check(rule: str) -> None:
    # What is there keeps the narrower rule, and no table is read while it is locked. On the way
    # back, what the narrower one would not have allowed stays as it is.
    op.execute(f"ALTER TABLE payment DROP CONSTRAINT {_CHECK}")
    op.execute(f"ALTER TABLE payment ADD CONSTRAINT {_CHECK} CHECK ({rule}) NOT VALID")
