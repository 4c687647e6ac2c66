"""Looking for what a stream has lost without a sign: in its middle, from its front, a state."""

import logging
from datetime import UTC, datetime, timedelta

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.streams import StreamState
from comptoir_runtime.event_options import Kind, stream_name
from comptoir_runtime.outbox import statements
from comptoir_runtime.outbox.recovery import Place, publish_again
from comptoir_runtime.telemetry import gauge, names

_log = logging.getLogger(__name__)
_usage = gauge(names.STREAM_USAGE)

ALARM_AT = 0.7
# So much younger than the age at which a stream forgets that forgetting cannot be the reason.
_TOO_YOUNG = timedelta(days=streams.FACTS_DAYS) - timedelta(hours=1)


class Audit:
    """Compares one stream with its outbox; what was found once is not looked for again."""

    def __init__(self) -> None:
        self._holes: frozenset[int] = frozenset()
        self._holes_at = (0, 0)
        self._front = 0
        self._counts = (0, 0)

    async def run(self, place: Place) -> StreamState | None:
        """Marks as unpublished what has to be published again. Costs one look when all is well.

        Answers how the stream was found, None when it was not.
        """
        state = await streams.find(place.bus, place.service, place.kind)
        if state is not None:
            await self._compare(place, state)
        return state

    async def _compare(self, place: Place, state: StreamState) -> None:
        if place.kind is Kind.STATE:
            await self._compare_states(place, state)
            return
        if state.holes and (state.first_sequence, state.holes) != self._holes_at:
            await self._fill_holes(place)
            self._holes_at = (state.first_sequence, state.holes)
        if state.first_sequence > 1 and state.first_sequence != self._front:
            await self._look_at_front(place, state)
        if state.max_bytes > 0:
            name = stream_name(place.service, place.kind)
            _usage.set(state.bytes / state.max_bytes, (name,))
        if 0 < ALARM_AT * state.max_bytes < state.bytes:
            share = round(100 * state.bytes / state.max_bytes)
            _log.error("the stream of facts of %s is %d %% full", place.service, share)

    async def _fill_holes(self, place: Place) -> None:
        holes = frozenset(await streams.holes(place.bus, place.service, place.kind))
        new, self._holes = sorted(holes - self._holes), holes
        if not new:
            return
        tag = await place.connection.execute(statements.HOLES_AGAIN, new)
        if tag != "UPDATE 0":
            _log.warning("%d facts were lost in the middle: publishing again (%s)", len(new), tag)

    async def _look_at_front(self, place: Place, state: StreamState) -> None:
        """Old facts are forgotten from the front; young ones that are not there have been lost."""
        first = state.first_time
        if first is None or first > datetime.now(UTC) - _TOO_YOUNG:
            await publish_again(
                place.connection, place.kind, below=state.first_sequence, younger_than=_TOO_YOUNG
            )
        self._front = state.first_sequence

    async def _compare_states(self, place: Place, state: StreamState) -> None:
        ours = await place.connection.fetchval(statements.COUNT_STATES)
        counts = (state.subjects, ours)
        if state.subjects == ours or counts == self._counts:
            return
        present = await streams.subjects_of(place.bus, place.service, place.kind)
        tag = await place.connection.execute(statements.ABSENT_STATES_AGAIN, present)
        # What cannot be repaired is told once: things in the stream that nobody knows any more.
        self._counts = counts if tag == "UPDATE 0" else (0, 0)
        _log.warning(
            "the stream has states of %d things, the outbox of %s knows %d: publishing again (%s)",
            state.subjects,
            place.service,
            ours,
            tag,
        )
