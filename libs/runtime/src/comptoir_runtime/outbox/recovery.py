"""Outbox and stream, brought to the same state.

The stream may have lost what the outbox knows: then that is published again.
The outbox may not know what the stream has: either it was published and not
yet marked, or the database is an older copy of itself, as after a fail-over
that lost transactions. What has been published cannot be taken back, so such
facts are adopted into the outbox with their numbers: every consumer gets to
see the same history, and no number is given twice. A state, in contrast, says
what is: the newest that this database knows takes the place of the unknown.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import Bus, Message
from comptoir_runtime.bus.pull import delivery
from comptoir_runtime.bus.streams import StreamState
from comptoir_runtime.database import Connection
from comptoir_runtime.event_options import EventType, Kind
from comptoir_runtime.outbox import statements
from comptoir_runtime.outbox.numbering import last_of_types
from comptoir_runtime.outbox.questions import NO_END

_log = logging.getLogger(__name__)

# Marks what the database has learnt from its own stream, for whoever looks for the lost changes.
ADOPTED = "Comptoir-Adopted"
FIRST_ID = UUID(int=0)
EVER = datetime(2000, 1, 1, tzinfo=UTC)
OUTBOX_RETENTION = timedelta(days=8)
_FACTS_AGE = timedelta(days=streams.FACTS_DAYS)
_MARK_BATCH = 5000


@dataclass(frozen=True, slots=True)
class Place:
    """The outbox of one kind of events and the stream they go to."""

    connection: Connection
    bus: Bus
    service: str
    kind: Kind
    types: Sequence[EventType]
    limits: streams.Limits


async def reconcile(place: Place) -> StreamState:
    """Makes the stream, repairs either side, and answers how the stream is."""
    connection, kind = place.connection, place.kind
    state = await streams.find(place.bus, place.service, kind)
    known = await connection.fetchval(statements.KNOWN_STREAM, kind)
    if known is not None and (state is None or state.created != known):
        # First the rows, then the stream: a crash in between repeats, and never forgets.
        await publish_again(connection, kind)
    elif state is not None:
        last = await connection.fetchval(statements.LAST_STREAM_SEQ, kind) or 0
        if last > state.last_sequence:
            await publish_again(connection, kind, above=state.last_sequence)
        elif last < state.last_sequence:
            await _read_end(place, last + 1, state.last_sequence)
    state = await streams.ensure(place.bus, place.service, kind, place.types, place.limits)
    if state.created != known:
        await connection.execute(statements.REMEMBER_STREAM, kind, state.created)
    return state


async def publish_again(
    connection: Connection,
    kind: Kind,
    *,
    above: int = -1,
    below: int = NO_END,
    younger_than: timedelta = _FACTS_AGE,
) -> int:
    """Marks as unpublished what has its place in a part of the stream; answers how much.

    Of facts only what the stream would still keep, of states only the newest of each thing.
    """
    since = EVER if kind is Kind.STATE else datetime.now(UTC) - younger_than
    total, last = 0, FIRST_ID
    while True:
        row = await connection.fetchrow(
            statements.AGAIN, kind, last, above, below, since, _MARK_BATCH
        )
        if row is None or row["count"] == 0:
            break
        total, last = total + row["count"], row["last"]
    if total:
        _log.warning("the stream of %s has lost %d messages: publishing again", kind.name, total)
    return total


async def _read_end(place: Place, first: int, last: int) -> None:
    unknown: list[_Found] = []
    async for group in streams.read(place.bus, place.service, place.kind, first, last):
        found = {each.id: each for each in map(_read, group) if each is not None}
        if not found:
            continue
        rows = await place.connection.fetch(
            statements.FOUND, *_columns(place.kind, list(found.values()))
        )
        unknown += [found[row["id"]] for row in rows]
    # A fact that was swept and had been published once more before is too old to be missed.
    oldest = datetime.now(UTC) - OUTBOX_RETENTION
    unknown = [each for each in unknown if each.time > oldest]
    if unknown:
        await _learn(place, unknown)


async def _learn(place: Place, unknown: Sequence["_Found"]) -> None:
    ids = [str(each.id) for each in unknown]
    if place.kind is Kind.FACT:
        await place.connection.execute(statements.ADOPT, *_adopted(unknown))
        outcome = "adopted"
    else:
        subjects = sorted({each.message.subject for each in unknown})
        tag = await place.connection.execute(statements.STATES_AGAIN, subjects)
        outcome = f"{len(subjects)} things, of {tag.partition(' ')[2]} the known state follows"
    _log.error(
        "%d published events of %s are not in the database, which must be an older copy: %s",
        len(unknown),
        place.service,
        outcome,
        extra={"kind": place.kind.name, "events": ids[:1000]},
    )


@dataclass(frozen=True, slots=True)
class _Found:
    message: Message
    id: UUID
    type: str
    time: datetime
    sequence: int
    previous: int
    place: int


def _read(message: Message) -> _Found | None:
    headers = message.headers or {}
    try:
        return _Found(
            message,
            UUID(headers["ce-id"]),
            headers["ce-type"],
            datetime.fromisoformat(headers["ce-time"]),
            int(headers["Comptoir-Sequence"]),
            int(headers["Comptoir-Previous-Sequence"]),
            delivery(message)[1],
        )
    except (KeyError, ValueError):
        _log.error("a message on %s is not an event and is ignored", message.subject)
        return None


def _columns(kind: Kind, found: Sequence[_Found]) -> tuple[Sequence[object], ...]:
    return (
        [each.id for each in found],
        [each.sequence for each in found],
        [each.previous for each in found],
        [each.place for each in found],
        *last_of_types((each.type, kind, each.sequence) for each in found),
    )


def _adopted(found: Sequence[_Found]) -> tuple[Sequence[object], ...]:
    return (
        [each.id for each in found],
        [Kind.FACT] * len(found),
        [each.message.subject for each in found],
        [each.type for each in found],
        [each.message.data for each in found],
        [_kept(each.message.headers or {}) for each in found],
        [each.time for each in found],
        [each.sequence for each in found],
        [each.previous for each in found],
        [each.place for each in found],
    )


def _kept(headers: dict[str, str]) -> dict[str, str]:
    trace = {name: value for name, value in headers.items() if name == "traceparent"}
    return {**trace, ADOPTED: "true"}
