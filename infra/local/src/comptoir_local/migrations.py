"""Whether a service's database has to be migrated before the service starts."""

import psycopg

from comptoir_runtime.migrations import revisions

_IS_MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL"
_VERSION = "SELECT version_num FROM alembic_version"


def is_migrated(package: str, database_url: str) -> bool:
    """Whether all migrations of `package` have been applied.

    Asking costs milliseconds, starting a process that finds nothing to do a second.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        if connection.execute(_IS_MIGRATED).fetchone() != (True,):
            return False
        row = connection.execute(_VERSION).fetchone()
    return row is not None and revisions(package).are_in(row[0])
