"""Answers kept under a request id that no operation carries; in the runtime's own table."""

from comptoir_runtime.database import Session
from comptoir_runtime.idempotency import RequestKey

_KEEP = """
INSERT INTO idempotency (scope, caller, key, request_hash, code, body, created_at)
VALUES ($1, $2, $3, $4, 0, $5, $6)
ON CONFLICT (scope, caller, key) DO UPDATE SET code = 0
RETURNING body"""


async def keep_answer(session: Session, request: RequestKey, body: bytes) -> bytes:
    """Keeps an answer unless there is one already; the one that is kept."""
    kept: bytes = await session.fetchval(
        _KEEP,
        request.scope,
        request.caller,
        request.key,
        request.request_hash,
        body,
        session.clock.now(),
    )
    return kept
