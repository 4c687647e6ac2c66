"""Check constraints whose prefix was written twice: `ck_cart_ck_cart_state` for `ck_cart_state`.

A migration that names one in full, without `op.f`, has the naming convention applied to it again.
"""

from collections.abc import Mapping, Sequence

from alembic import op

Checks = Mapping[str, Sequence[str]]
"""By table, the names without any prefix."""


def drop_second_prefix(checks: Checks) -> None:
    """Renames them as the tables in code name them."""
    for table, name in _each(checks):
        _rename(table, f"ck_{table}_ck_{table}_{name}", f"ck_{table}_{name}")


def put_second_prefix(checks: Checks) -> None:
    """Takes `drop_second_prefix` back."""
    for table, name in _each(checks):
        _rename(table, f"ck_{table}_{name}", f"ck_{table}_ck_{table}_{name}")


def _each(checks: Checks) -> list[tuple[str, str]]:
    return [(table, name) for table, names in checks.items() for name in names]


def _rename(table: str, old: str, new: str) -> None:
    op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
