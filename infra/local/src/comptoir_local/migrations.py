"""Whether a service's database has to be migrated before the service starts."""

import psycopg

from comptoir_runtime.migrations import head

_IS_MIGRATED = "SELECT to_regclass('alembic_version') IS NOT NULL"
_VERSION = "SELECT version_num FROM alembic_version"


def is_at_head(package: str, database_url: str) -> bool:
    """Whether the newest migration of `package` has been applied.

    Asking costs milliseconds, starting a process that finds nothing to do a second.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        if connection.execute(_IS_MIGRATED).fetchone() != (True,):
            return False
        return connection.execute(_VERSION).fetchone() == (head(package),)
