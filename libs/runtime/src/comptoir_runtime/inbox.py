"""The inbox: each event has its effect once, whatever the bus delivers.

An event's row is written in the transaction of its effect. Gaps are found
afterwards from the rows, so that looking for them costs the hot path nothing.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from google.protobuf.message import Message

from comptoir_runtime.bus.subscription import Handler
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.event_options import EventType
from comptoir_runtime.telemetry import TRACEPARENT, span

_log = logging.getLogger(__name__)

# Sorted by id, so that two processes with the same events do not wait for each other in a circle.
_TAKE_IN = """
INSERT INTO inbox (id, producer, type, producer_seq, previous_seq)
SELECT id, $1, type, seq, previous
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[]) AS event (id, type, seq, previous)
ORDER BY id
ON CONFLICT (id) DO NOTHING
RETURNING id"""

_QUARANTINE = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE
SET error = excluded.error, deliveries = excluded.deliveries, state = 'quarantined'"""

_DEAD_LETTER = """
SELECT id, producer, subject, type, payload, headers FROM dead_letter
WHERE id = $1 AND state = 'quarantined' FOR UPDATE"""
_REDRIVEN = "UPDATE dead_letter SET state = 'redriven' WHERE id = $1"

_CURSOR = """
SELECT contiguous_seq, gap_until, gap_since FROM inbox_cursor WHERE producer = $1 AND type = $2"""
_AFTER = """
SELECT producer_seq, previous_seq FROM inbox
WHERE producer = $1 AND type = $2 AND producer_seq > $3
ORDER BY producer_seq
LIMIT $4"""
_MOVE_CURSOR = """
INSERT INTO inbox_cursor (producer, type, contiguous_seq, gap_until, gap_since)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (producer, type) DO UPDATE
SET contiguous_seq = greatest(inbox_cursor.contiguous_seq, excluded.contiguous_seq),
    gap_until = excluded.gap_until, gap_since = excluded.gap_since"""

_CURSOR_STEP = 1000


@dataclass(frozen=True, slots=True)
class Delivered:
    """An event as the bus delivered it."""

    id: UUID
    type: str
    subject: str
    payload: bytes
    sequence: int
    previous: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Gap:
    """Facts that have not arrived although later ones of their type have."""

    type: str
    first: int
    last: int
    since: datetime
    """When it was first seen."""

    def covers(self, sequence: int) -> bool:
        """Whether the event with this sequence is among the missing."""
        return self.first <= sequence <= self.last


@dataclass
class Inbox:
    """Takes in the events of one stream of one producer."""

    producer: str
    handlers: Mapping[EventType, Handler]
    _by_name: dict[str, tuple[type[Message], Handler]] = field(init=False)

    def __post_init__(self) -> None:
        self._by_name = {kind.name: (kind.message, run) for kind, run in self.handlers.items()}

    async def take_in(self, session: Session, events: Sequence[Delivered]) -> int:
        """Runs the handlers of the events that are new, in order; answers how many were."""
        rows = await session.fetch(_TAKE_IN, self.producer, *_columns(events))
        new = {row["id"] for row in rows}
        count = len(new)
        for event in events:
            if event.id in new:
                new.remove(event.id)  # the same event may be twice in one batch
                await self._handle(session, event)
        return count

    async def quarantine(
        self, session: Session, event: Delivered, error: BaseException | str, deliveries: int
    ) -> None:
        """Puts an event aside with its reason; it counts as taken in."""
        # The text may quote what a customer typed; the kind of error and the place are in the log.
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        await session.execute(
            _QUARANTINE,
            event.id,
            self.producer,
            event.subject,
            event.type,
            event.payload,
            dict(event.headers),
            text[:2000],
            deliveries,
        )
        await session.fetch(_TAKE_IN, self.producer, *_columns([event]))

    async def redrive(self, transactions: Transactions, event_id: UUID) -> bool:
        """Runs the handler of a quarantined event once more; False when there is no such event.

        When the handler fails again its exception is raised and the event stays in quarantine.
        """
        async with transactions() as session:
            row = await session.fetchrow(_DEAD_LETTER, event_id)
            if row is None or row["producer"] != self.producer:
                return False
            headers = row["headers"]
            event = Delivered(row["id"], row["type"], row["subject"], row["payload"], 0, 0, headers)
            await self._handle(session, event)
            await session.execute(_REDRIVEN, event_id)
            return True

    async def find_gaps(self, session: Session, types: Iterable[str]) -> list[Gap]:
        """Moves the cursors on; answers the gaps that are open."""
        found = [await self._advance(session, name) for name in sorted(types)]
        return [gap for gap in found if gap is not None]

    async def _handle(self, session: Session, event: Delivered) -> None:
        known = self._by_name.get(event.type)
        if known is None:
            return  # the consumer in NATS may still name a type that is no longer handled
        message = known[0]()
        message.ParseFromString(event.payload)
        attributes = {"messaging.system": "nats", "messaging.destination.name": event.subject}
        # Part of the trace of whoever caused the event, however much later it is.
        with span(f"{event.type} process", event.headers.get(TRACEPARENT), attributes):
            await known[1](session, message)

    async def _advance(self, session: Session, name: str) -> Gap | None:
        cursor = await session.fetchrow(_CURSOR, self.producer, name)
        reached = None if cursor is None else cursor["contiguous_seq"]
        start = reached
        hole: int | None = None
        more = True
        while more and hole is None:
            rows = await session.fetch(_AFTER, self.producer, name, reached or 0, _CURSOR_STEP)
            more = len(rows) == _CURSOR_STEP
            for row in rows:
                # The first event ever seen: whatever was before it is history.
                if reached is not None and row["previous_seq"] > reached:
                    hole = row["previous_seq"]
                    break
                reached = row["producer_seq"]
        if reached is None:
            return None
        now = session.clock.now()
        since: datetime | None = None
        if hole is not None:
            known_since = cursor["gap_since"] if cursor is not None and start == reached else None
            since = known_since or now
        gap_changed = cursor is not None and cursor["gap_until"] != hole
        if start != reached or gap_changed:
            await session.execute(_MOVE_CURSOR, self.producer, name, reached, hole, since)
        return None if hole is None or since is None else Gap(name, reached + 1, hole, since)


def _columns(events: Sequence[Delivered]) -> tuple[list[Any], ...]:
    return (
        [event.id for event in events],
        [event.type for event in events],
        [event.sequence for event in events],
        [event.previous for event in events],
    )
