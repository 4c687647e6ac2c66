"""What is to be looked after: open operations that are due, and providers' notices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from comptoir_runtime.database import Row, Session

_KEEP = """
INSERT INTO provider_notice
  (provider, event_id, type, payment_id, provider_reference, state, attempts, next_attempt_at,
   received_at)
VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING event_id"""

# Claimed by moving the time at which others would take it: a lease.
_CLAIM_NOTICES = """
UPDATE provider_notice SET next_attempt_at = $2, attempts = attempts + 1
WHERE (provider, event_id) IN (
  SELECT provider, event_id FROM provider_notice WHERE next_attempt_at <= $1
  ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING provider, event_id, payment_id, provider_reference, attempts"""

_CLAIM_OPERATIONS = """
UPDATE operation SET next_attempt_at = $2
WHERE id IN (
  SELECT id FROM operation WHERE next_attempt_at <= $1
  ORDER BY next_attempt_at LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id, payment_id"""

_COUNT_OPEN = """
SELECT kind, state, count(*) AS count,
  extract(epoch FROM $1 - min(created_at))::float8 AS age
FROM operation WHERE next_attempt_at IS NOT NULL GROUP BY kind, state"""

_POSTPONE = """
UPDATE provider_notice SET next_attempt_at = $3
WHERE provider = $1 AND event_id = $2 AND state = 'open'"""

_CLOSE = """
UPDATE provider_notice SET state = $3, next_attempt_at = NULL
WHERE provider = $1 AND event_id = $2"""


@dataclass(frozen=True, slots=True)
class DueOperation:
    id: str
    payment: str


@dataclass(frozen=True, slots=True)
class DueNotice:
    provider: str
    event: str
    payment: str
    reference: str
    """The provider's id of the payment; ours may not know it yet."""
    attempts: int


async def keep_notice(
    session: Session,
    provider: str,
    event: str,
    kind: str,
    *,
    payment: str | None,
    reference: str,
    state: str = "open",
) -> bool:
    """Writes a notice down, `open` to be looked into; False when it is known already."""
    now = session.clock.now()
    due = now if state == "open" else None
    values = (provider, event, kind, payment, reference, state, due, now)
    return await session.fetchval(_KEEP, *values) is not None


async def claim_notices(
    session: Session, now: datetime, until: datetime, limit: int
) -> list[DueNotice]:
    """Notices that are due; nobody else is given them before `until`."""
    rows = await session.fetch(_CLAIM_NOTICES, now, until, limit)
    return [
        DueNotice(
            row["provider"],
            row["event_id"],
            row["payment_id"],
            row["provider_reference"],
            row["attempts"],
        )
        for row in rows
    ]


async def claim_operations(
    session: Session, now: datetime, until: datetime, limit: int
) -> list[DueOperation]:
    """Open operations that are due; nobody else is given them before `until`."""
    rows = await session.fetch(_CLAIM_OPERATIONS, now, until, limit)
    return [DueOperation(row["id"], row["payment_id"]) for row in rows]


async def postpone_notice(session: Session, notice: DueNotice, until: datetime) -> None:
    await session.execute(_POSTPONE, notice.provider, notice.event, until)


async def close_notice(session: Session, notice: DueNotice, state: str) -> None:
    """`done`, or `review` when somebody has to look."""
    await session.execute(_CLOSE, notice.provider, notice.event, state)


async def count_open(session: Session) -> Sequence[Row]:
    """Of operations without an outcome: kind, state, count, age of the oldest in seconds."""
    return await session.fetch(_COUNT_OPEN, session.clock.now())
