"""What was there before: lines that agree, and operations that no line tells of.

An operation that an older version matches meanwhile stays noted, a line stays doubtful: both are
only where to look.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

_UNREPORTED = """
INSERT INTO unreported_operation (operation_id, provider, posted_at)
SELECT operation.id, payment.provider, transfer.posted_at
FROM ledger_transfer transfer
JOIN operation ON operation.id = transfer.operation_id AND operation.means = ''
JOIN payment ON payment.id = transfer.payment_id AND payment.purse_id IS NULL
WHERE transfer.kind <> 'dispute_lost' AND NOT EXISTS (
  SELECT FROM provider_report_line line WHERE line.operation_id = operation.id)
ON CONFLICT DO NOTHING"""
_AGREES = """
UPDATE provider_report_line line SET agrees = true
FROM operation JOIN payment ON payment.id = operation.payment_id
WHERE operation.id = line.operation_id AND NOT line.agrees
  AND line.amount = operation.amount AND line.currency = payment.currency
  AND NOT EXISTS (
    SELECT FROM provider_report_line earlier
    WHERE earlier.provider = line.provider
      AND earlier.provider_reference = line.provider_reference AND earlier.kind = line.kind
      AND earlier.number < line.number
      AND (earlier.operation_id IS NULL OR earlier.operation_id = operation.id))
  AND NOT EXISTS (
    SELECT FROM ledger_entry entry
    WHERE entry.operation_id = operation.id
      AND entry.account = 'provider_fees:' || line.provider
      AND (entry.amount, entry.currency) <> (line.fee, line.currency))"""


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    op.execute(_UNREPORTED)
    op.execute(_AGREES)


def downgrade() -> None:
    """Nothing: both are gone with what they are kept in."""
