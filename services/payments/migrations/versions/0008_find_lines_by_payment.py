"""Lines about a payment are found by an index, and all that are about an operation by another.

Revision ID: 0008
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0008"
down_revision = "0007"

_TABLE = "provider_report_line"
_IN_ORDER = ["provider", "report_id", "number"]


def upgrade() -> None:
    add_index(
        "ix_provider_report_line_payment",
        _TABLE,
        ["provider", "provider_payment", "number"],
        where="provider_payment <> '' AND operation_id IS NULL",
    )
    # Of all kinds that have an operation; an older version reads its two by it.
    add_index(
        "ix_provider_report_line_not_agreed",
        _TABLE,
        _IN_ORDER,
        where="kind IN ('capture', 'refund', 'reversal', 'dispute', 'dispute_won') AND NOT agrees",
    )
    remove_index("ix_provider_report_line_doubtful", _TABLE)


def downgrade() -> None:
    add_index(
        "ix_provider_report_line_doubtful",
        _TABLE,
        _IN_ORDER,
        where="kind IN ('capture', 'refund') AND NOT agrees",
    )
    remove_index("ix_provider_report_line_not_agreed", _TABLE)
    remove_index("ix_provider_report_line_payment", _TABLE)
