"""The same request twice has one effect and one answer.

The answer is stored in the transaction of the effect, right before it commits:
the usual case, a request seen for the first time, costs no extra round trip.
Only when a transaction fails is the store asked whether the request had
already been carried out.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from comptoir_runtime.errors import IdempotencyKeyReused

if TYPE_CHECKING:  # database writes the rows and imports this module for their shape
    from comptoir_runtime.database import Session, Transactions

FIELD = "request_id"
REPLAYED = ("idempotent-replayed", "true")
"""Metadata of an answer that was stored, not made."""

RECALL = """
SELECT request_hash, body FROM idempotency WHERE scope = $1 AND caller = $2 AND key = $3
"""
RECALL_MANY = """
SELECT asked.number, request_hash, body
FROM unnest($1::text[], $2::text[], $3::text[])
  WITH ORDINALITY AS asked (scope, caller, key, number)
JOIN idempotency USING (scope, caller, key)
"""
PURGE = """
DELETE FROM idempotency WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM idempotency WHERE created_at < $1 LIMIT $2 FOR UPDATE SKIP LOCKED))
"""
PURGE_BATCH = 1000


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What makes a request the same request: procedure, caller, id and content."""

    scope: str
    """Full name of the procedure."""
    caller: str
    """Subject of the principal, empty for anonymous: one caller never sees another's answer."""
    key: str
    request_hash: bytes


def is_keyed(method: MethodDescriptor) -> bool:
    """Whether the request has a `request_id`: repeating it has one effect."""
    field = method.input_type.fields_by_name.get(FIELD)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING


def key_of(scope: str, caller: str, request: Message) -> RequestKey:
    """The key of a request that carries a request id; the id is no part of the hash."""
    request_id: str = getattr(request, FIELD)
    request.ClearField(FIELD)
    digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    setattr(request, FIELD, request_id)
    return RequestKey(scope, caller, request_id, digest)


async def recall(transactions: "Transactions", key: RequestKey) -> bytes | None:
    """The stored answer, byte for byte; None when the request was never carried out.

    Raises `IdempotencyKeyReused` when the id was used for another request.
    """
    async with transactions.reading() as session:
        row = await session.fetchrow(RECALL, key.scope, key.caller, key.key)
    if row is None:
        return None
    found = _told(key, row["request_hash"], row["body"])
    if isinstance(found, IdempotencyKeyReused):
        raise found
    return found


async def recall_many(
    transactions: "Transactions", keys: Sequence[RequestKey]
) -> list[bytes | IdempotencyKeyReused | None]:
    """For each key what `recall` answers or raises."""
    columns = ([key.scope for key in keys], [key.caller for key in keys], [key.key for key in keys])
    async with transactions.reading() as session:
        rows = await session.fetch(RECALL_MANY, *columns)
    found: list[bytes | IdempotencyKeyReused | None] = [None] * len(keys)
    for row in rows:
        index = row["number"] - 1
        found[index] = _told(keys[index], row["request_hash"], row["body"])
    return found


async def purge(session: "Session", before: datetime) -> bool:
    """Forgets a batch of answers older than `before`; True when there may be more."""
    deleted = await session.execute(PURGE, before, PURGE_BATCH)
    return deleted == f"DELETE {PURGE_BATCH}"


def _told(key: RequestKey, request_hash: bytes, body: bytes) -> bytes | IdempotencyKeyReused:
    if request_hash == key.request_hash:
        return body
    return IdempotencyKeyReused(
        "the request id was used for another request", metadata={"request_id": key.key}
    )
