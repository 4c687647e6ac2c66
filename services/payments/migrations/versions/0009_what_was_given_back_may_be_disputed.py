"""A payer's bank may take what was given back already; gift cards get the time of a hold back.

Revision ID: 0009
"""

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
    # Transactions of their own: the look at all rows then keeps nobody from writing. One that is
    # broken off can be run again.
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '3s'")
        op.execute("ALTER TABLE payment ADD COLUMN IF NOT EXISTS purse_expires_at timestamptz")
        _check(_EACH)
        op.execute(f"ALTER TABLE payment VALIDATE CONSTRAINT {_CHECK}")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    # What this rule would not have allowed stays as it is.
    _check(_TOGETHER)
    op.drop_column("payment", "purse_expires_at")


def _check(rule: str) -> None:
    op.execute(
        f"ALTER TABLE payment DROP CONSTRAINT IF EXISTS {_CHECK},"
        f" ADD CONSTRAINT {_CHECK} CHECK ({rule}) NOT VALID"
    )
