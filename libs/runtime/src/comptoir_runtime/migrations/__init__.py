"""Migrations of a service's database, with Alembic.

`run` is `python -m comptoir_<service> migrate`. `create_runtime_tables` is
called by the first migration of every service. Alembic is only imported when
something is migrated; `revisions` works without it, so that readiness stays cheap.
"""

from typing import Any

from comptoir_runtime.migrations.schema import create_runtime_tables, drop_runtime_tables
from comptoir_runtime.migrations.script import Revisions, current, revisions, script_location

__all__ = [
    "Revisions",
    "check",
    "create_runtime_tables",
    "current",
    "drop_runtime_tables",
    "environment",
    "revisions",
    "run",
    "script_location",
]


def run(package: str, url: str, *, revision: str = "head") -> None:
    """Brings the database at `url` to `revision`. Waits at most 3 s for each lock, then fails.

    One that a later release has migrated is left as it is.
    """
    from comptoir_runtime.migrations import commands  # noqa: PLC0415 - Alembic

    commands.upgrade(package, url, revision)


def check(package: str, url: str) -> None:
    """Raises when the tables in code and the migrated database at `url` differ."""
    from comptoir_runtime.migrations import commands  # noqa: PLC0415 - Alembic

    commands.check(package, url)


def environment(target_metadata: Any) -> None:
    """The whole body of a service's `migrations/env.py`."""
    from comptoir_runtime.migrations import commands  # noqa: PLC0415 - Alembic

    commands.run_environment(target_metadata)
