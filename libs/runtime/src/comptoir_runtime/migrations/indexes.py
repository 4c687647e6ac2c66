"""Indexes of tables that may be large: nobody waits while one is built or dropped."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import op


def add_index(name: str, table: str, columns: Sequence[str], *, where: str | None = None) -> None:
    """Builds an index while the table is read and written; `where` makes it a partial one.

    What the migration has done so far is committed. When it is broken off it can be run again,
    so whatever else it does must bear that, too: it had better do nothing else.
    """
    with _beside_everybody():
        # What a build that was broken off leaves behind is there, and not valid.
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            columns,
            postgresql_concurrently=True,
            postgresql_where=None if where is None else sa.text(where),
        )


def remove_index(name: str, table: str) -> None:
    """Drops an index while the table is read and written; as repeatable as `add_index`."""
    with _beside_everybody():
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


@contextmanager
def _beside_everybody() -> Iterator[None]:
    with op.get_context().autocommit_block():
        # It waits for those who were there before, and nobody waits behind it.
        op.execute("SET lock_timeout = 0")
        yield
        op.execute("RESET lock_timeout")
