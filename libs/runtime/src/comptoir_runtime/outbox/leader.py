"""The leader: the one process of a service that publishes its outbox.

It knows the end of its streams, and each message it publishes says behind
which one it belongs. So streams are in the order of the outbox, whatever is
refused or lost on the way; and a leader that was asleep while another took
over is refused, and cannot bring back an old state.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import Bus
from comptoir_runtime.bus.publisher import Chain, Outgoing, Publisher, Stored
from comptoir_runtime.bus.streams import StreamState
from comptoir_runtime.database import Connection, Row
from comptoir_runtime.event_options import EventType, Kind, stream_name
from comptoir_runtime.ids import uuid7
from comptoir_runtime.outbox import recovery, statements
from comptoir_runtime.outbox.audit import Audit
from comptoir_runtime.outbox.numbering import Numbered, Numbering, last_of_types
from comptoir_runtime.outbox.questions import Range
from comptoir_runtime.outbox.recovery import Place
from comptoir_runtime.telemetry import counter, names

_log = logging.getLogger(__name__)
_sent = counter(names.MESSAGING_CLIENT_SENT_MESSAGES)

BATCH = 500
_RETRY_SECONDS = 0.5
AUDIT_SECONDS = 60.0
_TELL_AGAIN_SECONDS = 60.0


class Leader:
    """Publishes for as long as its connection holds the leader's lock."""

    def __init__(
        self,
        connection: Connection,
        bus: Bus,
        service: str,
        types: Sequence[EventType],
        limits: streams.Limits,
        publisher: Publisher,
        audit_seconds: float = AUDIT_SECONDS,
    ) -> None:
        self._connection = connection
        self._bus = bus
        self._service = service
        kinds = [kind for kind in (Kind.FACT, Kind.STATE) if any(t.kind is kind for t in types)]
        self._places = {
            kind: Place(connection, bus, service, kind, types, limits) for kind in kinds
        }
        self._audits = {kind: Audit() for kind in kinds}
        self._publisher = publisher
        self._numbering = Numbering()
        self._ends: dict[Kind, int] = {}
        """Last stream sequence by kind; empty when it has to be found out."""
        self._copies: dict[Kind, int] = {}
        """How many servers keep the stream."""
        self._reconciled_on = 0
        self._audit_seconds = audit_seconds
        self._audit_at = 0.0
        self._failures = 0
        self._told: tuple[str, float] = ("", 0.0)

    async def look_after_streams(self) -> None:
        """After a doubt both sides are compared; every minute what is lost is looked for."""
        if self._reconciled_on != self._bus.connections:
            self._ends, self._audit_at = {}, 0.0
        if not self._ends:
            connections = self._bus.connections
            found = {kind: await recovery.reconcile(each) for kind, each in self._places.items()}
            await self._numbering.load(self._connection)
            for kind, state in found.items():
                self._ends[kind] = state.last_sequence
                self._note_copies(kind, state)
            self._reconciled_on = connections
        if time.monotonic() >= self._audit_at:
            for kind, audit in self._audits.items():
                if (seen := await audit.run(self._places[kind])) is not None:
                    self._note_copies(kind, seen)
            self._audit_at = time.monotonic() + self._audit_seconds

    def _note_copies(self, kind: Kind, state: StreamState) -> None:
        """Whoever runs NATS may have more servers keep a stream at any time, and so may we."""
        self._copies[kind] = max(state.copies, self._places[kind].limits.replicas)

    async def publish(self) -> int | None:
        """Publishes one batch; how many rows that were, or None when to look again at once."""
        most = self._most
        rows = await self._connection.fetch(statements.UNPUBLISHED, most)
        if not rows:
            return 0
        current = _without_replaced(rows)
        chosen = {row["id"] for row in current}
        done = [_Done(row["id"]) for row in rows if row["id"] not in chosen]
        results = await self._store(self._numbering.assign(current))
        for part, before, stored in results:
            for place, each in enumerate(part[: stored.count], start=before + 1):
                done.append(_Done(each.row["id"], each, place))
        if done:
            await self._connection.execute(statements.PUBLISHED, *_columns(done))
        if any(stored.refusal for _, _, stored in results):
            await self._doubt()
            return None
        return len(rows) if most == BATCH else None

    async def publish_again(self, asked: Range) -> tuple[int, Range | None]:
        """Publishes one batch of a range once more; how many, and what is left of the range.

        Of states only those that are still the newest of their thing.
        """
        most = self._most
        bounds = (asked.kind, asked.first, asked.last, most)
        if asked.types:
            rows = await self._connection.fetch(statements.REPLAY_TYPES, *bounds, list(asked.types))
        else:
            rows = await self._connection.fetch(statements.REPLAY, *bounds)
        if not rows:
            return 0, None
        ((part, _, stored),) = await self._store(self._numbering.assign(rows))
        if stored.refusal:
            await self._doubt()
        if stored.count < len(part):
            return stored.count, replace(asked, first=part[stored.count].sequence)
        if len(rows) < most:
            return stored.count, None
        return stored.count, replace(asked, first=part[-1].sequence + 1)

    @property
    def _most(self) -> int:
        """After a failure one alone: then the answer says what it is that is refused."""
        return 1 if self._failures else BATCH

    async def _store(
        self, numbered: Sequence[Numbered]
    ) -> list[tuple[list[Numbered], int, Stored]]:
        """By kind: what was to be stored, the end of the stream before, and how it went."""
        parts = [
            (kind, [each for each in numbered if each.row["kind"] == kind]) for kind in self._places
        ]
        parts = [(kind, part) for kind, part in parts if part]
        before = [self._ends[kind] for kind, _ in parts]
        results = await self._publisher.publish(
            *(
                Chain(end, self._messages(part), self._copies[kind])
                for (kind, part), end in zip(parts, before, strict=True)
            )
        )
        for (kind, part), result in zip(parts, results, strict=True):
            self._ends[kind] = result.last
            _sent.add(result.count, (stream_name(self._service, kind),))
            if result.refusal:
                self._tell(len(part) - result.count, kind, result.refusal)
        if not any(result.refusal for result in results):
            self._failures = 0
        return [
            (part, end, result)
            for (_, part), end, result in zip(parts, before, results, strict=True)
        ]

    async def _doubt(self) -> None:
        """Something was refused or not answered: look at the streams before the next attempt."""
        self._ends = {}
        self._failures += 1
        if self._failures > 1:
            await asyncio.sleep(_RETRY_SECONDS)

    def _tell(self, count: int, kind: Kind, reason: str) -> None:
        """A stream that is full, for one, stays so for a while: once a minute is enough."""
        told, at = self._told
        if reason.rstrip("0123456789") == told and time.monotonic() - at < _TELL_AGAIN_SECONDS:
            return
        self._told = (reason.rstrip("0123456789"), time.monotonic())
        level = logging.ERROR if self._failures else logging.WARNING
        name = stream_name(self._service, kind)
        _log.log(level, "%d events wait in the outbox; %s says: %s", count, name, reason)

    def _messages(self, part: Iterable[Numbered]) -> list[Outgoing]:
        return [self._outgoing(each) for each in part]

    def _outgoing(self, event: Numbered) -> Outgoing:
        row = event.row
        # Published once more it needs another message id: the stream would not store it, and not
        # say whether it still has the first.
        message_id = row["id"] if row["producer_seq"] is None else uuid7()
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(row["id"]),
            "ce-type": row["type"],
            "ce-source": f"/comptoir/{self._service}",
            "ce-time": row["created_at"].isoformat(),
            "Comptoir-Sequence": str(event.sequence),
            "Comptoir-Previous-Sequence": str(event.previous),
            **row["headers"],
        }
        return Outgoing(str(message_id), row["subject"], row["payload"], headers)


def _without_replaced(rows: list[Row]) -> list[Row]:
    """Of several states of one thing only the newest is worth publishing."""
    newest = {row["subject"]: row["id"] for row in rows if row["kind"] == Kind.STATE}
    return [row for row in rows if newest.get(row["subject"], row["id"]) == row["id"]]


class _Done(NamedTuple):
    """A row that is done with; without a place when it was replaced before it was published."""

    id: UUID
    event: Numbered | None = None
    place: int | None = None


def _columns(done: Sequence[_Done]) -> tuple[Sequence[object], ...]:
    events = [each.event for each in done if each.event is not None]
    return (
        [each.id for each in done],
        [None if each.event is None else each.event.sequence for each in done],
        [None if each.event is None else each.event.previous for each in done],
        [each.place for each in done],
        *last_of_types((each.row["type"], each.row["kind"], each.sequence) for each in events),
    )
