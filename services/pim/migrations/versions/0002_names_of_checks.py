"""The names of check constraints, which bore their prefix twice.

Revision ID: 0002
"""

from alembic import op

from comptoir_runtime.migrations.checks import drop_second_prefix, put_second_prefix

revision = "0002"
down_revision = "0001"

CHECKS = {
    "categories": ("path",),
    "import_files": ("progress",),
    "imports": ("state",),
    "products": ("version",),
    "publications": ("position", "state"),
    "structure_revision": ("one_row",),
}


def upgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    drop_second_prefix(CHECKS)


def downgrade() -> None:
    op.execute("SET lock_timeout = '3s'")
    put_second_prefix(CHECKS)
