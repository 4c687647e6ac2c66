"""What happens after money was taken is a touch, too: refunds that fail, disputes.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"


# What the first revision made carries the prefix twice.
_BEFORE, _NOW = "ck_touch_ck_touch_kind", "ck_touch_kind"


def upgrade() -> None:
    # Transactions of their own: the look at all rows then keeps nobody from writing. One that is
    # broken off can be run again.
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = '3s'")
        _replace(_BEFORE, _NOW, last=14)
        op.execute(f"ALTER TABLE touch VALIDATE CONSTRAINT {_NOW}")


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    # Touches of the later kinds stay, and are not looked at.
    _replace(_NOW, _BEFORE, last=10)


def _replace(old: str, new: str, *, last: int) -> None:
    op.execute(
        f"ALTER TABLE touch DROP CONSTRAINT IF EXISTS {old}, DROP CONSTRAINT IF EXISTS {new},"
        f" ADD CONSTRAINT {new} CHECK (kind BETWEEN 1 AND {last}) NOT VALID"
    )
