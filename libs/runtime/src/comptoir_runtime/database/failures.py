"""Which errors of the database pass, and which are for good."""

from datetime import timedelta

import asyncpg

from comptoir_runtime.errors import DatabaseUnavailable, Overloaded

RETRY_SOON = timedelta(milliseconds=200)

# Errors that say: the same transaction may well succeed when it is run again.
COLLISIONS = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.InvalidCachedStatementError,  # the schema has just been migrated
)
# What asyncpg says of a connection on which it was told something it had not asked for.
_CUT_OFF = "another operation (2) is in progress"
_LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.IdleSessionTimeoutError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,  # connected to a standby in the middle of a failover
)


def is_lost(error: BaseException) -> bool:
    """Whether it is the server or the connection that failed, not the statement."""
    if isinstance(error, asyncpg.InterfaceError):
        # The same class stands for misuse; only the text tells them apart.
        return "clos" in str(error)
    if isinstance(error, asyncpg.InternalClientError):
        # The server's last word has come, and that it has hung up has not been noticed yet.
        return _CUT_OFF in str(error)
    return isinstance(error, _LOST)


def is_outage(error: BaseException) -> bool:
    """Whether the database is in trouble as a whole: whatever was tried will succeed later."""
    return isinstance(error, (DatabaseUnavailable, Overloaded)) or is_lost(error)
