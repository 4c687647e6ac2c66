"""Answers to request ids of work that takes several transactions."""

from asyncpg import UniqueViolationError

from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.idempotency import RequestKey, recall


async def first_answer(transactions: Transactions, key: RequestKey, answer: bytes) -> bytes:
    """Keeps the answer under its request id; the one that is kept already when there is one."""

    async def remember(session: Session) -> None:
        session.remember_answer(key.scope, key.caller, key.key, key.request_hash, answer)

    try:
        await transactions.run(remember)
    except UniqueViolationError:
        # The same request was at work twice; both did the same, the first answer is the answer.
        return await recall(transactions, key) or answer
    return answer
