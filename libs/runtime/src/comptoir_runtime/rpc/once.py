"""Carrying a request out once, however often it comes."""

from collections.abc import Awaitable, Callable

import asyncpg

from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import DatabaseUnavailable, Failure, Overloaded
from comptoir_runtime.idempotency import RequestKey, recall


async def once(
    transactions: Transactions, key: RequestKey, body: Callable[[Session], Awaitable[bytes]]
) -> tuple[bytes, bool]:
    """Runs `body` in a transaction that keeps its answer; whether it was an earlier one's, too.

    Raises `IdempotencyKeyReused` when the id was used for another request.
    """

    async def keyed(session: Session) -> bytes:
        answer = await body(session)
        session.remember_answer(key.scope, key.caller, key.key, key.request_hash, answer)
        return answer

    try:
        return await transactions.run(keyed), False
    except (Overloaded, DatabaseUnavailable):
        raise  # nothing was tried; asking the same database would only add to its troubles
    except (Failure, asyncpg.PostgresError):
        # Perhaps it was carried out before: then this is the answer, whatever the operation
        # thinks of being asked a second time.
        stored = await recall(transactions, key)
        if stored is None:
            raise
        return stored, True
