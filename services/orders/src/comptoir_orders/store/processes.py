"""Processes: rows that somebody is driving, or that wait for their time.

A row is written by whoever holds its version. `next_run_at` is when a worker may take it, null
once it has ended; a leased row is left alone until its lease is over.
"""

from dataclasses import replace
from datetime import datetime

from comptoir_orders.domain.processes import Kind
from comptoir_orders.errors import Overtaken
from comptoir_orders.store.rows import COLUMNS, READ, Lease, Process, new, own, process_of
from comptoir_runtime.database import Session
from comptoir_runtime.errors import IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey

__all__ = [
    "Lease",
    "Process",
    "advance",
    "begin",
    "by_id",
    "by_order",
    "by_request",
    "claim",
    "end",
    "end_and_look_again",
    "forget",
    "locked",
    "locked_by_order",
    "new",
    "own",
    "park",
]

_BEGIN = f"""
INSERT INTO process ({COLUMNS}, lease_owner, lease_until, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 0, 0, NULL, $8, $9, $10, $11, $12, $13, $11)
ON CONFLICT (kind, caller, request_id) DO NOTHING"""

_BEGIN_NUMBERED = f"""
INSERT INTO process ({COLUMNS}, lease_owner, lease_until, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 0, 0, nextval('order_serial'), $8, $9, $10, $11, $12,
  $13, $11)
ON CONFLICT (kind, caller, request_id) DO NOTHING
RETURNING serial"""

_BY_REQUEST = f"SELECT {READ} FROM process WHERE kind = $1 AND caller = $2 AND request_id = $3"
_BY_ID = f"SELECT {READ} FROM process WHERE id = $1 AND kind = $2"
_BY_ORDER = f"""
SELECT {READ} FROM process WHERE order_id = $1 AND kind = $2 ORDER BY created_at DESC LIMIT 1"""

_ADVANCE = """
UPDATE process SET state = $4, version = version + 1, attempts = $5, document = $6, deadline = $7,
  lease_until = $8, next_run_at = $9, updated_at = $10,
  serial = CASE WHEN $11 THEN coalesce(serial, nextval('order_serial')) ELSE serial END
WHERE id = $1 AND version = $2 AND state = $3
RETURNING serial, called_off"""

# News that came while it was driven must not be slept through.
_PARK = """
UPDATE process SET state = $4, version = version + 1, attempts = $5, document = $6, deadline = $7,
  lease_owner = NULL, lease_until = NULL,
  next_run_at = CASE WHEN nudges = $8 THEN $9::timestamptz ELSE $10::timestamptz END,
  trouble = $11, updated_at = $10
WHERE id = $1 AND version = $2 AND state = $3
RETURNING next_run_at"""

# A request id that is free again is replaced by the row's own id, which nobody sends.
_END = """
UPDATE process SET state = $4, version = version + 1, document = $5, lease_owner = NULL,
  lease_until = NULL, next_run_at = NULL, updated_at = $6,
  request_id = CASE WHEN $7 THEN id ELSE request_id END
WHERE id = $1 AND version = $2 AND state = $3"""

# In one statement: news come either before it, then they are counted, or find it ended.
_END_AND_LOOK_AGAIN = f"""
WITH ended AS (
  {_END}
  RETURNING id, nudges),
again AS (
  INSERT INTO process ({COLUMNS}, updated_at)
  SELECT $8, $9, $10, $11, $12, $13, $14, 1, 0, 0, NULL, $15, $16, $6, $6, $6
  FROM ended WHERE nudges > 0)
SELECT id FROM ended"""

# What is not settled yet and nobody is driving.
_HASTEN = """
UPDATE process SET next_run_at = least(next_run_at, $4), deadline = least(deadline, $5)
WHERE kind = $1 AND caller = $2 AND request_id = $3 AND next_run_at IS NOT NULL
  AND lease_owner IS NULL AND (document->>'amount')::bigint = 0"""

_FORGET = "DELETE FROM process WHERE id = $1 AND version = $2 AND state = $3"

_CLAIM = f"""
UPDATE process SET version = version + 1, lease_owner = $1, lease_until = $2
WHERE id IN (
  SELECT id FROM process
  WHERE next_run_at <= $3 AND (lease_until IS NULL OR lease_until <= $3)
  ORDER BY next_run_at LIMIT $4 FOR UPDATE SKIP LOCKED)
RETURNING {READ}"""

_LOCK = f"{_BY_ID} FOR UPDATE"
_LOCK_BY_ORDER = f"{_BY_ORDER} FOR UPDATE"


async def begin(
    session: Session, process: Process, lease: Lease | None, *, numbered: bool = False
) -> Process | None:
    """Writes a new process, leased by its driver; None when caller and request id are taken.

    `numbered` draws the serial of the order's number.
    """
    arguments = (
        process.id,
        process.kind,
        process.caller,
        process.request_id,
        process.request_hash,
        process.order,
        process.state,
        process.document,
        process.deadline,
        process.next_run_at,
        process.created_at,
        None if lease is None else lease.owner,
        None if lease is None else lease.until,
    )
    if numbered:
        serial = await session.fetchval(_BEGIN_NUMBERED, *arguments)
        return None if serial is None else replace(process, serial=serial)
    return process if await session.execute(_BEGIN, *arguments) == "INSERT 0 1" else None


async def hasten(session: Session, process: Process) -> bool:
    """Has the capture of the same request done as soon as this one; False when it is too late."""
    tag = await session.execute(
        _HASTEN,
        process.kind,
        process.caller,
        process.request_id,
        process.next_run_at,
        process.deadline,
    )
    return tag == "UPDATE 1"


async def by_request(session: Session, kind: Kind, asked: RequestKey) -> Process | None:
    """What this request has begun before. Raises `IdempotencyKeyReused` for another body."""
    row = await session.fetchrow(_BY_REQUEST, kind, asked.caller, asked.key)
    if row is None:
        return None
    if row["request_hash"] != asked.request_hash:
        raise IdempotencyKeyReused(
            "the request id was used for another request", metadata={"request_id": asked.key}
        )
    return process_of(row)


async def by_id(session: Session, process_id: str, kind: Kind) -> Process | None:
    row = await session.fetchrow(_BY_ID, process_id, kind)
    return None if row is None else process_of(row)


async def by_order(session: Session, order: str, kind: Kind) -> Process | None:
    """The newest process of this kind for an order."""
    row = await session.fetchrow(_BY_ORDER, order, kind)
    return None if row is None else process_of(row)


async def locked(session: Session, process_id: str, kind: Kind) -> Process | None:
    """As `by_id`, held until the transaction ends."""
    row = await session.fetchrow(_LOCK, process_id, kind)
    return None if row is None else process_of(row)


async def locked_by_order(session: Session, order: str, kind: Kind) -> Process | None:
    """As `by_order`, held until the transaction ends."""
    row = await session.fetchrow(_LOCK_BY_ORDER, order, kind)
    return None if row is None else process_of(row)


async def advance(
    session: Session,
    before: Process,
    after: Process,
    lease_until: datetime,
    *,
    numbered: bool = False,
) -> Process:
    """Writes a step and prolongs the lease. Raises `Overtaken` when it is somebody else's now.

    `numbered` draws the serial of the order's number, unless there is one.
    """
    row = await session.fetchrow(
        _ADVANCE,
        before.id,
        before.version,
        before.state,
        after.state,
        after.attempts,
        after.document,
        after.deadline,
        lease_until,
        after.next_run_at,
        session.clock.now(),
        numbered,
    )
    if row is None:
        raise Overtaken(before.id)
    return replace(
        after,
        version=before.version + 1,
        serial=row["serial"],
        called_off=row["called_off"],
    )


async def park(session: Session, before: Process, after: Process) -> Process:
    """Writes a step and gives up the lease until `after.next_run_at`, at once if there was news."""
    next_run_at = await session.fetchval(
        _PARK,
        before.id,
        before.version,
        before.state,
        after.state,
        after.attempts,
        after.document,
        after.deadline,
        before.nudges,
        after.next_run_at,
        session.clock.now(),
        after.trouble,
    )
    _require(next_run_at is not None, before)
    return replace(after, version=before.version + 1, next_run_at=next_run_at, driven=False)


async def end(
    session: Session, before: Process, after: Process, *, free_request: bool = False
) -> Process:
    """Writes the end; `free_request` lets the same request begin another process."""
    tag = await session.execute(
        _END,
        before.id,
        before.version,
        before.state,
        after.state,
        after.document,
        session.clock.now(),
        free_request,
    )
    _require(tag == "UPDATE 1", before)
    return replace(after, version=before.version + 1, next_run_at=None, driven=False)


async def end_and_look_again(
    session: Session, before: Process, after: Process, look: Process, *, free_request: bool
) -> Process:
    """As `end`; `look` begins when there ever were news of it."""
    ended = await session.fetchval(
        _END_AND_LOOK_AGAIN,
        before.id,
        before.version,
        before.state,
        after.state,
        after.document,
        session.clock.now(),
        free_request,
        look.id,
        look.kind,
        look.caller,
        look.request_id,
        look.request_hash,
        look.order,
        look.state,
        look.document,
        look.deadline,
    )
    _require(ended is not None, before)
    return replace(after, version=before.version + 1, next_run_at=None, driven=False)


async def forget(session: Session, process: Process) -> None:
    """Removes a process that had no effect and must leave no trace."""
    tag = await session.execute(_FORGET, process.id, process.version, process.state)
    _require(tag == "DELETE 1", process)


async def claim(session: Session, lease: Lease, limit: int) -> list[Process]:
    """Takes the lease of due processes nobody drives, the longest due first."""
    rows = await session.fetch(_CLAIM, lease.owner, lease.until, session.clock.now(), limit)
    return [process_of(row) for row in rows]


def _require(written: bool, process: Process) -> None:
    if not written:
        raise Overtaken(process.id)
