"""Lines of settlement reports may name their payment: what has no reference of its own is found so.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute(
        "ALTER TABLE provider_report_line"
        " ADD COLUMN IF NOT EXISTS provider_payment text NOT NULL DEFAULT ''"
    )


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.drop_column("provider_report_line", "provider_payment")
