from comptoir_runtime.migrations.indexes import add_index, remove_index

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    add_index("ix_thing_colour", "thing", ["colour"], where="count > 0")


def downgrade() -> None:
    remove_index("ix_thing_colour", "thing")
