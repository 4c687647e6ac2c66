"""Lines that may differ from our books, and lines about an operation, are found by an index.

Revision ID: 0005
"""

from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    add_index(
        "ix_provider_report_line_reference",
        "provider_report_line",
        ["provider", "provider_reference", "number"],
        where="provider_reference <> ''",
    )
    add_index(
        "ix_provider_report_line_doubtful",
        "provider_report_line",
        ["provider", "report_id", "number"],
        where="kind IN ('capture', 'refund') AND NOT agrees",
    )


def downgrade() -> None:
    remove_index("ix_provider_report_line_doubtful", "provider_report_line")
    remove_index("ix_provider_report_line_reference", "provider_report_line")
