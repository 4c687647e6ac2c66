"""Answers kept under a request id that no operation carries; in the runtime's own table."""

from comptoir_runtime.database import Session
from comptoir_runtime.errors import IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey

_KEEP = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
VALUES ($1, $2, $3, $4, 0, $5, $6)
ON CONFLICT (scope, caller, key) DO UPDATE SET code = 0
RETURNING request_hash, body"""


async def keep_answer(session: Session, request: RequestKey, body: bytes) -> bytes:
    """Keeps an answer unless there is one already; the one that is kept.

    Raises `IdempotencyKeyReused` when that is the answer to another request.
    """
    row = await session.fetchrow(
        _KEEP,
        request.scope,
        request.caller,
        request.key,
        request.request_hash,
        body,
        session.clock.now(),
    )
    assert row is not None, "it is there, or was added"
    if row["request_hash"] != request.request_hash:
        raise IdempotencyKeyReused(
            "the request id was used for another request", metadata={"request_id": request.key}
        )
    kept: bytes = row["body"]
    return kept
