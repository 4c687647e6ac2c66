"""Processes: rows that somebody is driving, or that wait for their time.

A row is written by whoever holds its version. `next_run_at` is when a worker may take it, null
once it has ended; a leased row is left alone until its lease is over.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from comptoir_orders.domain.processes import (
    CancellationData,
    CaptureData,
    Kind,
    PlacementData,
    SaleData,
    VoidData,
)
from comptoir_orders.errors import Overtaken
from comptoir_orders.store.documents import read
from comptoir_runtime import ids
from comptoir_runtime.database import Row, Session
from comptoir_runtime.errors import IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey

_COLUMNS = """id, kind, caller, request_id, request_hash, order_id, state, version, attempts,
  nudges, serial, document, deadline, next_run_at, created_at"""
_READ = f"{_COLUMNS}, lease_owner IS NOT NULL AS driven"

# For what must be brought to an end however long it takes.
_NEVER = datetime(9999, 1, 1, tzinfo=UTC)

_DOCUMENTS: dict[Kind, type[Any]] = {
    Kind.PLACEMENT: PlacementData,
    Kind.STORE_SALE: SaleData,
    Kind.CANCELLATION: CancellationData,
    Kind.CAPTURE: CaptureData,
    Kind.VOID: VoidData,
}

_BEGIN = f"""
INSERT INTO process ({_COLUMNS}, lease_owner, lease_until, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 0, 0, NULL, $8, $9, $10, $11, $12, $13, $11)
ON CONFLICT (kind, caller, request_id) DO NOTHING"""

_BEGIN_NUMBERED = f"""
INSERT INTO process ({_COLUMNS}, lease_owner, lease_until, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, 0, 0, nextval('order_serial'), $8, $9, $10, $11, $12,
  $13, $11)
ON CONFLICT (kind, caller, request_id) DO NOTHING
RETURNING serial"""

_BY_REQUEST = f"SELECT {_READ} FROM process WHERE kind = $1 AND caller = $2 AND request_id = $3"
_BY_ID = f"SELECT {_READ} FROM process WHERE id = $1 AND kind = $2"
_BY_ORDER = f"""
SELECT {_READ} FROM process WHERE order_id = $1 AND kind = $2 ORDER BY created_at DESC LIMIT 1"""

_ADVANCE = """
UPDATE process SET state = $4, version = version + 1, attempts = $5, document = $6, deadline = $7,
  lease_until = $8, next_run_at = $9, updated_at = $10
WHERE id = $1 AND version = $2 AND state = $3"""

_ADVANCE_NUMBERED = """
UPDATE process SET state = $4, version = version + 1, attempts = $5, document = $6, deadline = $7,
  lease_until = $8, next_run_at = $9, updated_at = $10,
  serial = coalesce(serial, nextval('order_serial'))
WHERE id = $1 AND version = $2 AND state = $3
RETURNING serial"""

# News that came while it was driven must not be slept through.
_PARK = """
UPDATE process SET state = $4, version = version + 1, attempts = $5, document = $6, deadline = $7,
  lease_owner = NULL, lease_until = NULL,
  next_run_at = CASE WHEN nudges = $8 THEN $9::timestamptz ELSE $10::timestamptz END,
  updated_at = $10
WHERE id = $1 AND version = $2 AND state = $3
RETURNING next_run_at"""

# A request id that is free again is replaced by the row's own id, which nobody sends.
_END = """
UPDATE process SET state = $4, version = version + 1, document = $5, lease_owner = NULL,
  lease_until = NULL, next_run_at = NULL, updated_at = $6,
  request_id = CASE WHEN $7 THEN id ELSE request_id END
WHERE id = $1 AND version = $2 AND state = $3"""

_FORGET = "DELETE FROM process WHERE id = $1 AND version = $2 AND state = $3"

_CLAIM = f"""
UPDATE process SET version = version + 1, lease_owner = $1, lease_until = $2
WHERE id IN (
  SELECT id FROM process
  WHERE next_run_at <= $3 AND (lease_until IS NULL OR lease_until <= $3)
  ORDER BY next_run_at LIMIT $4 FOR UPDATE SKIP LOCKED)
RETURNING {_READ}"""

_TAKE = f"""
UPDATE process SET version = version + 1, state = $5, document = $6, lease_owner = $3,
  lease_until = $4, next_run_at = $7, updated_at = $7
WHERE id = $1 AND version = $2 AND (lease_until IS NULL OR lease_until <= $7)
RETURNING {_READ}"""

_NUDGE = """
UPDATE process SET nudges = nudges + 1, next_run_at = $3
WHERE order_id = $1 AND kind = $2 AND next_run_at IS NOT NULL
RETURNING id"""


@dataclass(frozen=True, slots=True)
class Process:
    """One row; `document` is the value class of its kind, see `domain.processes`."""

    id: str
    kind: Kind
    caller: str
    request_id: str
    request_hash: bytes
    order: str
    state: str
    version: int
    attempts: int
    nudges: int
    serial: int | None
    document: Any
    deadline: datetime
    next_run_at: datetime | None
    created_at: datetime
    driven: bool = True
    """Whether somebody holds its lease."""

    @property
    def ended(self) -> bool:
        """Whether nothing will happen to it any more."""
        return self.next_run_at is None


_PREFIXES = {
    Kind.PLACEMENT: "plc",
    Kind.STORE_SALE: "sal",
    Kind.CANCELLATION: "cnl",
    Kind.CAPTURE: "cap",
    Kind.VOID: "voi",
}


def new(
    kind: Kind,
    asked: RequestKey,
    order: str,
    state: str,
    document: Any,
    now: datetime,
    deadline: datetime | None = None,
) -> Process:
    """A process that begins now; without a deadline it is never given up."""
    return Process(
        id=ids.new_id(_PREFIXES[kind]),
        kind=kind,
        caller=asked.caller,
        request_id=asked.key,
        request_hash=asked.request_hash,
        order=order,
        state=state,
        version=1,
        attempts=0,
        nudges=0,
        serial=None,
        document=document,
        deadline=deadline or _NEVER,
        next_run_at=now,
        created_at=now,
    )


def own(key: str) -> RequestKey:
    """The key of what this service asks of itself."""
    return RequestKey("", "", key, b"")


@dataclass(frozen=True, slots=True)
class Lease:
    """Who drives, until when."""

    owner: str
    until: datetime


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


async def by_request(session: Session, kind: Kind, asked: RequestKey) -> Process | None:
    """What this request has begun before. Raises `IdempotencyKeyReused` for another body."""
    row = await session.fetchrow(_BY_REQUEST, kind, asked.caller, asked.key)
    if row is None:
        return None
    if row["request_hash"] != asked.request_hash:
        raise IdempotencyKeyReused(
            "the request id was used for another request", metadata={"request_id": asked.key}
        )
    return _process(row)


async def by_id(session: Session, process_id: str, kind: Kind) -> Process | None:
    row = await session.fetchrow(_BY_ID, process_id, kind)
    return None if row is None else _process(row)


async def by_order(session: Session, order: str, kind: Kind) -> Process | None:
    """The newest process of this kind for an order."""
    row = await session.fetchrow(_BY_ORDER, order, kind)
    return None if row is None else _process(row)


async def advance(
    session: Session,
    before: Process,
    after: Process,
    lease_until: datetime,
    *,
    numbered: bool = False,
) -> Process:
    """Writes a step and prolongs the lease. Raises `Overtaken` when it is somebody else's now."""
    now = session.clock.now()
    arguments = (
        before.id,
        before.version,
        before.state,
        after.state,
        after.attempts,
        after.document,
        after.deadline,
        lease_until,
        after.next_run_at,
        now,
    )
    serial = after.serial
    if numbered:
        serial = await session.fetchval(_ADVANCE_NUMBERED, *arguments)
        written = serial is not None
    else:
        written = await session.execute(_ADVANCE, *arguments) == "UPDATE 1"
    _require(written, before)
    return replace(after, version=before.version + 1, serial=serial)


async def park(session: Session, before: Process, after: Process) -> Process:
    """Writes a step and gives up the lease until `after.next_run_at`, at once if there was news."""
    now = session.clock.now()
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
        now,
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


async def forget(session: Session, process: Process) -> None:
    """Removes a process that had no effect and must leave no trace."""
    tag = await session.execute(_FORGET, process.id, process.version, process.state)
    _require(tag == "DELETE 1", process)


async def claim(session: Session, lease: Lease, limit: int) -> list[Process]:
    """Takes the lease of due processes nobody drives, the longest due first."""
    rows = await session.fetch(_CLAIM, lease.owner, lease.until, session.clock.now(), limit)
    return [_process(row) for row in rows]


async def take(session: Session, before: Process, after: Process, lease: Lease) -> Process:
    """Moves a parked process and takes its lease. Raises `Overtaken` when somebody drives it."""
    row = await session.fetchrow(
        _TAKE,
        before.id,
        before.version,
        lease.owner,
        lease.until,
        after.state,
        after.document,
        session.clock.now(),
    )
    if row is None:
        raise Overtaken(before.id)
    return _process(row)


async def nudge(session: Session, order: str, kind: Kind) -> bool:
    """Makes the process of an order due now, also while it is driven; False if it has ended."""
    return await session.fetchval(_NUDGE, order, kind, session.clock.now()) is not None


def _require(written: bool, process: Process) -> None:
    if not written:
        raise Overtaken(process.id)


def _process(row: Row) -> Process:
    kind = Kind(row["kind"])
    return Process(
        id=row["id"],
        kind=kind,
        caller=row["caller"],
        request_id=row["request_id"],
        request_hash=row["request_hash"],
        order=row["order_id"],
        state=row["state"],
        version=row["version"],
        attempts=row["attempts"],
        nudges=row["nudges"],
        serial=row["serial"],
        document=read(_DOCUMENTS[kind], row["document"]),
        deadline=row["deadline"],
        next_run_at=row["next_run_at"],
        created_at=row["created_at"],
        driven=row["driven"],
    )
