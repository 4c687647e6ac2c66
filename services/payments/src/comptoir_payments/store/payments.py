"""Payments and their operations."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import replace

import asyncpg

from comptoir_payments.domain.payments import Operation, Payment
from comptoir_payments.domain.settlements import Settlement
from comptoir_payments.errors import PaymentNotFound
from comptoir_payments.store.rows import (
    NEW_OPERATION,
    NEW_OPERATION_VALUES,
    NEW_PAYMENT,
    NEW_PAYMENT_VALUES,
    OPERATION_COLUMNS,
    PAYMENT_COLUMNS,
    SET_PAYMENT,
    SET_PAYMENT_OR_FAIL,
    WITH_OPERATIONS,
    changing_values,
    new_values,
    operation_of,
    operation_values,
    payment_of,
    payment_with_operations,
)
from comptoir_runtime.database import Row, Session, Transactions, Where
from comptoir_runtime.idempotency import RequestKey


class RequestKnown(Exception):
    """This request became an operation before."""


class ChangedMeanwhile(Exception):
    """Somebody else has changed the payment since it was read."""


def _placeholders(first: int, count: int) -> str:
    return ", ".join(f"${number}" for number in range(first, first + count))


_OPERATION_COUNT = OPERATION_COLUMNS.count(",") + 1
_SET_COUNT = 21

# One statement, whole or not at all also outside a transaction: the hot path saves a round trip
# each for its begin and its end.
_CREATE = f"""
WITH asked AS (
  INSERT INTO operation ({NEW_OPERATION})
  VALUES ({NEW_OPERATION_VALUES})
  ON CONFLICT (scope, caller, request_id) DO NOTHING
  RETURNING id
)
INSERT INTO payment ({NEW_PAYMENT})
SELECT {NEW_PAYMENT_VALUES} FROM asked
RETURNING id"""

# An operation that never reached its provider is taken up again under the key it has.
_START = f"""
WITH saved AS ({SET_PAYMENT}),
started AS (
  INSERT INTO operation ({OPERATION_COLUMNS})
  SELECT {_placeholders(_SET_COUNT + 1, _OPERATION_COUNT)} FROM saved
  ON CONFLICT (scope, caller, request_id) DO UPDATE
  SET state = excluded.state, amount = excluded.amount, failure_code = '', attempts = 0,
    token = excluded.token, return_url = excluded.return_url,
    next_attempt_at = excluded.next_attempt_at, created_at = excluded.created_at
  WHERE operation.state = 'failed' AND operation.failure_code = 'provider_unavailable'
    AND operation.payment_id = excluded.payment_id
    AND operation.request_hash = excluded.request_hash
  RETURNING id
)
SELECT (SELECT id FROM saved) AS saved, (SELECT id FROM started) AS started"""

_SETTLE = f"""
WITH saved AS ({SET_PAYMENT_OR_FAIL})
UPDATE operation SET state = $23, provider_reference = $24, failure_code = $25, token = $26,
  return_url = $27, attempts = $28, next_attempt_at = $29, answer = $30
WHERE id = $22"""

_CLOSE = """
UPDATE operation SET state = $2, failure_code = $3, token = '', return_url = '',
  next_attempt_at = NULL
WHERE id = $1"""

_BY_ID = f"""
SELECT {WITH_OPERATIONS}
FROM payment LEFT JOIN operation ON operation.payment_id = payment.id
WHERE payment.id = $1 ORDER BY operation.created_at, operation.id"""
# That it is not empty is said to the index, which has no others.
_BY_REFERENCE = """
SELECT id FROM payment
WHERE provider = $1 AND provider_reference = $2 AND provider_reference <> ''"""
_LOCK = "SELECT id FROM payment WHERE id = $1 FOR UPDATE"
_OPERATIONS_OF_MANY = f"""
SELECT {OPERATION_COLUMNS} FROM operation WHERE payment_id = ANY($1::text[])
ORDER BY created_at, id"""
_BY_REQUEST = f"""
SELECT {OPERATION_COLUMNS} FROM operation
WHERE scope = $1 AND caller = $2 AND request_id = $3"""

# A promise that has ended and was given up already, or is being given up, is not looked at again.
_LAPSING = """
SELECT id FROM payment
WHERE expires_at <= $1 AND state IN ('authorised', 'partially_captured')
  AND NOT voiding AND capturing_amount = 0 AND NOT EXISTS (
    SELECT FROM operation
    WHERE scope = $2 AND caller = provider AND request_id = $3 || payment.id
      AND (operation.state <> 'failed' OR failure_code <> 'provider_unavailable'))
ORDER BY expires_at LIMIT $4"""


async def create_payment(session: Session, payment: Payment) -> None:
    """Writes a new payment and its first operation; raises `RequestKnown`."""
    (operation,) = payment.operations
    if await session.fetchval(_CREATE, *new_values(payment, operation)) is None:
        raise RequestKnown


async def start_operation(session: Session, payment: Payment, operation: Operation) -> Payment:
    """Writes an operation and the claim it lays; answers the payment as it is now.

    The operation keeps the id it had when the same request never reached the provider before.
    Raises `ChangedMeanwhile` or `RequestKnown`.
    """
    row = await session.fetchrow(
        _START,
        payment.id,
        payment.version,
        *changing_values(payment),
        *operation_values(operation),
    )
    assert row is not None, "the statement always answers one row"
    if row["saved"] is None:
        raise ChangedMeanwhile
    if row["started"] is None:
        raise RequestKnown
    return payment.written(replace(operation, id=row["started"]))


async def fenced(
    transactions: Transactions, body: Callable[[Session], Awaitable[Payment]]
) -> Payment:
    """Runs a transaction that raises `ChangedMeanwhile`, at its end at the latest.

    For settling what was read before it began.
    """
    try:
        return await transactions.run(body)
    except asyncpg.NotNullViolationError as error:
        if error.column_name != "version":
            raise
        raise ChangedMeanwhile from None


def settle_operation(session: Session, settlement: Settlement, answer: bytes | None) -> Payment:
    """Writes what came of an operation, with the answer to keep, together with the commit.

    The payment was read in this transaction, or the transaction is `fenced`.
    """
    payment, (first, *others) = settlement.payment, settlement.operations
    session.send(
        _SETTLE,
        payment.id,
        payment.version,
        *changing_values(payment),
        first.id,
        first.progress,
        first.provider_reference,
        first.failure_code,
        first.token,
        first.return_url,
        first.attempts,
        first.next_attempt_at,
        answer,
    )
    for other in others:
        session.send(_CLOSE, other.id, other.progress, other.failure_code)
    return payment.written(replace(first, answer=answer))


async def get_payment(session: Session, payment_id: str) -> Payment:
    """A payment with its operations; raises `PaymentNotFound`."""
    rows = await session.fetch(_BY_ID, payment_id)
    if not rows:
        raise PaymentNotFound("no such payment")
    return payment_with_operations(rows)


async def lock_payment(session: Session, payment_id: str) -> Payment:
    """As `get_payment`, and nobody else changes it before this transaction ends."""
    # Two statements: what another transaction has written while this one waited for the lock is
    # seen by the second one only.
    await session.execute(_LOCK, payment_id)
    return await get_payment(session, payment_id)


async def find_payment(session: Session, payment_id: str) -> Payment | None:
    """As `get_payment`, for ids that others give us."""
    try:
        return await get_payment(session, payment_id)
    except PaymentNotFound:
        return None


async def find_by_reference(session: Session, provider: str, reference: str) -> Payment | None:
    """As `find_payment`, by the provider's own id."""
    payment_id = await session.fetchval(_BY_REFERENCE, provider, reference)
    return None if payment_id is None else await get_payment(session, payment_id)


async def lapsing_payments(session: Session, scope: str, prefix: str, limit: int) -> list[str]:
    """Ids of payments whose promise has ended with something not taken.

    `scope` and `prefix` name the requests by which they are given up.
    """
    rows = await session.fetch(_LAPSING, session.clock.now(), scope, prefix, limit)
    return [row["id"] for row in rows]


async def operation_of_request(session: Session, request: RequestKey) -> Operation | None:
    """The operation that this request became, whatever its content was."""
    row = await session.fetchrow(_BY_REQUEST, request.scope, request.caller, request.key)
    return None if row is None else operation_of(row)


async def newest_payments(session: Session, order: str, before: str, limit: int) -> list[Payment]:
    """Payments, newest first; of one order unless it is empty, older than id `before`."""
    where = Where()
    if order:
        where.add("order_id = {}", order)
    if before:
        where.add("id < {}", before)
    most = where.parameter(limit)
    rows = await session.fetch(
        f"SELECT {PAYMENT_COLUMNS} FROM payment {where} ORDER BY id DESC LIMIT {most}",
        *where.values,
    )
    operations = defaultdict[str, list[Row]](list)
    for each in await session.fetch(_OPERATIONS_OF_MANY, [row["id"] for row in rows]):
        operations[each["payment_id"]].append(each)
    return [payment_of(row, operations[row["id"]]) for row in rows]
