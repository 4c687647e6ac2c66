"""From any exception to the failure the caller is told."""

import logging
import secrets

import asyncpg
import grpc

from comptoir_runtime.database.failures import COLLISIONS, RETRY_SOON, is_lost
from comptoir_runtime.errors import (
    ConcurrentChange,
    DatabaseUnavailable,
    Failure,
    InvalidFields,
    LockTimeout,
    NumberTooLarge,
    Overloaded,
    QueryTimeout,
    RemoteFailure,
)

log = logging.getLogger(__name__)

# A neighbour's answer that says something about us or about it, not about our caller's request.
_NOT_FOR_THE_CALLER = frozenset(
    {
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.CANCELLED,
    }
)


def refusal(error: Exception, procedure: str) -> Failure:
    """The failure to answer with. What nobody foresaw is logged and told as INTERNAL."""
    failure = error if isinstance(error, Failure) else _from_database(error)
    if failure is None:
        return _internal(error, procedure)
    if isinstance(failure, RemoteFailure) and failure.status in _NOT_FOR_THE_CALLER:
        return _internal(error, procedure)
    return failure


def _from_database(error: Exception) -> Failure | None:
    match error:
        case asyncpg.LockNotAvailableError():
            return LockTimeout("somebody else is changing this", retry_after=RETRY_SOON)
        case asyncpg.QueryCanceledError():
            return QueryTimeout("the database took too long")
        case asyncpg.CharacterNotInRepertoireError() | asyncpg.UntranslatableCharacterError():
            # NUL: valid in a protobuf string, impossible in PostgreSQL's text and jsonb.
            return InvalidFields("a text holds a character that cannot be kept")
        case asyncpg.NumericValueOutOfRangeError():
            return NumberTooLarge("a figure would become larger than any that can be kept")
        case asyncpg.InsufficientResourcesError():
            return Overloaded("the database is full", retry_after=RETRY_SOON)
    if isinstance(error, COLLISIONS):
        return ConcurrentChange("somebody else changed this", retry_after=RETRY_SOON)
    if is_lost(error):
        return DatabaseUnavailable("the database cannot be reached", retry_after=RETRY_SOON)
    return None


def _internal(error: Exception, procedure: str) -> Failure:
    """The text of the exception stays in the log; the caller gets the id to ask about."""
    log_id = secrets.token_hex(8)
    log.error("unexpected error", extra={"log_id": log_id, "procedure": procedure}, exc_info=error)
    return Failure("internal error", metadata={"log_id": log_id})
