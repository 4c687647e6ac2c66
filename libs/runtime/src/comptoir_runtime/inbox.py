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
from comptoir_runtime.database import Session
from comptoir_runtime.event_options import EventType
from comptoir_runtime.telemetry import TRACEPARENT, names, span

_log = logging.getLogger(__name__)

# Sorted by id, so that two processes with the same events do not wait for each other in a circle.
# An event that is known may come with other numbers, when its producer had to number again: then
# it is these that tell whether something is missing.
_TAKE_IN = """
INSERT INTO inbox (id, producer, type, producer_seq, previous_seq)
SELECT id, $1, type, seq, previous
FROM unnest($2::uuid[], $3::text[], $4::bigint[], $5::bigint[]) AS event (id, type, seq, previous)
ORDER BY id
ON CONFLICT (id) DO UPDATE
SET producer_seq = excluded.producer_seq, previous_seq = excluded.previous_seq
WHERE inbox.producer_seq <> excluded.producer_seq OR inbox.previous_seq <> excluded.previous_seq
RETURNING id, xmax = 0 AS is_new"""

_QUARANTINE = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (id) DO UPDATE
SET error = excluded.error, deliveries = excluded.deliveries, state = 'quarantined'"""

# Before an event is handled that may be what ends the process: how often that has been so.
_BEGIN_TRIAL = """
INSERT INTO dead_letter
  (id, producer, subject, type, payload, headers, error, deliveries, state)
VALUES ($1, $2, $3, $4, $5, $6, 'the process ended while it was being handled', 1, 'trying')
ON CONFLICT (id) DO UPDATE SET deliveries = dead_letter.deliveries + 1
WHERE dead_letter.state = 'trying'"""
_END_TRIAL = "DELETE FROM dead_letter WHERE id = $1 AND state = 'trying'"
_TRIALS = """
SELECT id, deliveries FROM dead_letter WHERE id = ANY ($1::uuid[]) AND state = 'trying'"""

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

_OF_TYPES = """
SELECT type, {}(
  (SELECT contiguous_seq FROM inbox_cursor
   WHERE inbox_cursor.producer = $1 AND inbox_cursor.type = wanted.type),
  (SELECT max(producer_seq) FROM inbox
   WHERE inbox.producer = $1 AND inbox.type = wanted.type)) AS sequence
FROM unnest($2::text[]) AS wanted (type)"""
# What was taken in is forgotten after a while, where the cursor stands is not.
_NEWEST = _OF_TYPES.format("greatest")
# Of states the cursor says up to where all are known; until that is noted, the newest must do.
_KNOWN = _OF_TYPES.format("coalesce")
_NOTE_KNOWN = """
INSERT INTO inbox_cursor (producer, type, contiguous_seq)
SELECT $1, type, $3 FROM unnest($2::text[]) AS known (type) ORDER BY type
ON CONFLICT (producer, type) DO UPDATE SET contiguous_seq = excluded.contiguous_seq
WHERE inbox_cursor.contiguous_seq < excluded.contiguous_seq"""

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

    @property
    def names(self) -> list[str]:
        """The types of events there are handlers for."""
        return sorted(self._by_name)

    async def take_in(self, session: Session, events: Sequence[Delivered]) -> int:
        """Runs the handlers of the events that are new, in order; answers how many were."""
        # The same event may be twice in one batch.
        once = list({event.id: event for event in events}.values())
        rows = await session.fetch(_TAKE_IN, self.producer, *_columns(once))
        new = {row["id"] for row in rows if row["is_new"]}
        for event in once:
            if event.id in new:
                await self.handle(session, event)
        return len(new)

    async def trials(self, session: Session, events: Sequence[Delivered]) -> dict[UUID, int]:
        """Of events that were tried alone and not brought to an end: how often."""
        rows = await session.fetch(_TRIALS, [event.id for event in events])
        return {row["id"]: row["deliveries"] for row in rows}

    async def begin_trial(self, session: Session, event: Delivered) -> None:
        """Writes down that this event is handled next, in case that ends the process."""
        await session.execute(_BEGIN_TRIAL, *self._letter(event))

    async def end_trial(self, session: Session, event: Delivered) -> None:
        """However it went, the process has survived it."""
        await session.execute(_END_TRIAL, event.id)

    async def quarantine(
        self, session: Session, event: Delivered, error: BaseException | str, deliveries: int
    ) -> bool:
        """Puts an event aside with its reason; it counts as taken in.

        False when another process has taken it in meanwhile: then there is nothing to put aside.
        """
        rows = await session.fetch(_TAKE_IN, self.producer, *_columns([event]))
        if not any(row["is_new"] for row in rows):
            await self.end_trial(session, event)
            return False
        # The text may quote what a customer typed; the kind of error and the place are in the log.
        text = error if isinstance(error, str) else f"{type(error).__name__}: {error}"
        # What it quotes may be just what PostgreSQL does not keep.
        text = text[:2000].replace("\0", "?").encode(errors="replace").decode()
        await session.execute(_QUARANTINE, *self._letter(event), text, deliveries)
        return True

    async def find_gaps(self, session: Session, types: Iterable[str], told: int = 0) -> list[Gap]:
        """Moves the cursors on; answers the gaps that are open.

        Of a type that was never seen it is noted that all before the sequence `told` is history:
        from then on it is known when its first event is missing.
        """
        found = {name: await self._advance(session, name) for name in sorted(types)}
        unseen = [name for name, (reached, _) in found.items() if reached is None]
        if unseen and told:
            await self.note_known(session, unseen, told)
        return [gap for _, gap in found.values() if gap is not None]

    async def give_up(self, session: Session, gap: Gap) -> None:
        """Nobody has what is missing any more; what comes after it is looked at again."""
        await session.execute(_MOVE_CURSOR, self.producer, gap.type, gap.last, None, None)

    async def newest(self, session: Session, types: Iterable[str]) -> dict[str, int]:
        """Of each of these types the highest sequence that was taken in, where there is one."""
        return await self._sequences(session, _NEWEST, types)

    async def known_up_to(self, session: Session, types: Iterable[str]) -> dict[str, int]:
        """Of each of these types the sequence up to which no state that was told is unknown."""
        return await self._sequences(session, _KNOWN, types)

    async def _sequences(self, session: Session, sql: str, types: Iterable[str]) -> dict[str, int]:
        rows = await session.fetch(sql, self.producer, list(types))
        return {row["type"]: row["sequence"] for row in rows if row["sequence"] is not None}

    async def note_known(self, session: Session, types: Iterable[str], sequence: int) -> None:
        """Writes down what `known_up_to` answers, which never goes back."""
        await session.execute(_NOTE_KNOWN, self.producer, list(types), sequence)

    def handles(self, type_name: str) -> bool:
        """Whether there is a handler for this type of event."""
        return type_name in self._by_name

    async def handle(self, session: Session, event: Delivered) -> None:
        """Runs the handler of the event, whether it is known or not."""
        known = self._by_name.get(event.type)
        if known is None:
            return  # the consumer in NATS may still name a type that is no longer handled
        message = known[0]()
        message.ParseFromString(event.payload)
        attributes = {
            names.MESSAGING_SYSTEM: "nats",
            names.MESSAGING_DESTINATION_NAME: event.subject,
        }
        # Part of the trace of whoever caused the event, however much later it is.
        name = names.processing_span(event.type)
        with span(name, event.headers.get(TRACEPARENT), attributes):
            await known[1](session, message)

    def _letter(self, event: Delivered) -> tuple[Any, ...]:
        headers = dict(event.headers)
        return (event.id, self.producer, event.subject, event.type, event.payload, headers)

    async def _advance(self, session: Session, name: str) -> tuple[int | None, Gap | None]:
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
            return None, None
        now = session.clock.now()
        since: datetime | None = None
        if hole is not None:
            known_since = cursor["gap_since"] if cursor is not None and start == reached else None
            since = known_since or now
        gap_changed = cursor is not None and cursor["gap_until"] != hole
        if start != reached or gap_changed:
            await session.execute(_MOVE_CURSOR, self.producer, name, reached, hole, since)
        gap = None if hole is None or since is None else Gap(name, reached + 1, hole, since)
        return reached, gap


def _columns(events: Sequence[Delivered]) -> tuple[list[Any], ...]:
    return (
        [event.id for event in events],
        [event.type for event in events],
        [event.sequence for event in events],
        [event.previous for event in events],
    )
