"""Which lines of settlement reports agree with our books, and what no line tells of.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

# Whoever posts a transfer, an older version of the service included, has it noted. A lost dispute
# moves nothing at the provider, who took it with the dispute.
_NOTE = """
CREATE FUNCTION note_unreported_operation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unreported_operation (operation_id, provider, posted_at)
    SELECT operation.id, payment.provider, NEW.posted_at FROM operation, payment
    WHERE operation.id = NEW.operation_id AND operation.means = ''
      AND payment.id = NEW.payment_id AND payment.purse_id IS NULL
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;

CREATE TRIGGER ledger_transfer_is_unreported
    AFTER INSERT ON ledger_transfer
    FOR EACH ROW WHEN (NEW.payment_id IS NOT NULL AND NEW.kind <> 'dispute_lost')
    EXECUTE FUNCTION note_unreported_operation();
"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.create_table(
        "unreported_operation",
        sa.Column("operation_id", sa.Text, primary_key=True),
        sa.Column("provider", sa.Text, nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "ix_unreported_operation_posted_at",
        "unreported_operation",
        ["provider", "posted_at", "operation_id"],
    )
    agrees = sa.Column("agrees", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("provider_report_line", agrees)
    op.execute(_NOTE)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute("DROP TRIGGER ledger_transfer_is_unreported ON ledger_transfer")
    op.execute("DROP FUNCTION note_unreported_operation")
    op.drop_column("provider_report_line", "agrees")
    op.drop_table("unreported_operation")
