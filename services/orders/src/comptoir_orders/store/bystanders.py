"""What others do to a process, beside whoever drives it: tell it news, call it off, look at it.

They never write its state, so a driver's version stays valid; a free lease may be taken.
"""

from collections.abc import Sequence
from datetime import datetime

from comptoir_orders.domain.placement import UNDO
from comptoir_orders.store.rows import READ, Lease, Process, process_of
from comptoir_runtime.database import Row, Session

# Beside the driver when there is one, whose version stays as it is; else with its lease.
_CALL_OFF = f"""
UPDATE process SET called_off = $2, nudges = nudges + 1, next_run_at = $5, updated_at = $5,
  version = CASE WHEN lease_owner IS NULL THEN version + 1 ELSE version END,
  lease_owner = coalesce(lease_owner, $3), lease_until = coalesce(lease_until, $4)
WHERE id = $1
RETURNING {READ}"""

_CALLED_OFF = "SELECT called_off FROM process WHERE id = $1 AND version = $2 AND state = $3"

# Of one snapshot: a placement that ends at this very moment is neither nudged nor seen as ended.
_NUDGE = """
WITH nudged AS (
  UPDATE process SET nudges = nudges + 1, next_run_at = $2
  WHERE order_id = $1 AND kind = 'PLACEMENT' AND next_run_at IS NOT NULL
  RETURNING id)
SELECT state, next_run_at IS NULL AS ended, EXISTS (SELECT FROM nudged) AS nudged
FROM process WHERE order_id = $1 AND kind = 'PLACEMENT'"""

# What is being given up may take hours, and will never be an order.
_IS_PLACED_NOW = """
SELECT EXISTS (SELECT FROM process
  WHERE order_id = $1 AND kind = 'PLACEMENT' AND next_run_at IS NOT NULL
    AND state <> ALL($2::text[]))"""

_OVERDUE = f"""
SELECT {READ} FROM process
WHERE next_run_at IS NOT NULL AND deadline <= $1 AND (deadline, id) > ($2, $3)
ORDER BY deadline, id LIMIT $4"""

_COUNT_OPEN = """
SELECT kind, state, count(*) AS count,
  extract(epoch FROM $1 - min(created_at))::float8 AS age
FROM process WHERE next_run_at IS NOT NULL GROUP BY kind, state"""


async def call_off(session: Session, process: Process, words: str, lease: Lease) -> Process:
    """Writes that a locked process is not wanted any more, and takes its lease if it is free.

    A driver hears it with its next write; the write that places an order is refused from now on.
    """
    now = session.clock.now()
    row = await session.fetchrow(_CALL_OFF, process.id, words, lease.owner, lease.until, now)
    assert row is not None, "it is locked"
    return process_of(row)


async def called_off(session: Session, process: Process) -> str | None:
    """The words it was called off with while this driver held it; None when there are none."""
    words: str | None = await session.fetchval(
        _CALLED_OFF, process.id, process.version, process.state
    )
    return words


async def nudge(session: Session, order: str) -> str | None:
    """Makes the placement of an order due now, also while it is driven.

    The state it has ended in; None when it goes on, or when the order was never to be placed.
    """
    while True:
        row = await session.fetchrow(_NUDGE, order, session.clock.now())
        if row is None or row["nudged"]:
            return None
        if row["ended"]:
            state: str = row["state"]
            return state


async def is_placed_now(session: Session, order: str) -> bool:
    """Whether a placement that may still become this order is under way."""
    found: bool = await session.fetchval(_IS_PLACED_NOW, order, sorted(UNDO))
    return found


async def overdue(
    session: Session, before: datetime, size: int, after: tuple[datetime, str]
) -> list[Process]:
    """Up to `size` processes that should have ended `before`, after the one with this deadline."""
    return [process_of(row) for row in await session.fetch(_OVERDUE, before, *after, size)]


async def count_open(session: Session) -> Sequence[Row]:
    """Of what is not at its end: kind, state, count, and the age of the oldest in seconds."""
    return await session.fetch(_COUNT_OPEN, session.clock.now())
