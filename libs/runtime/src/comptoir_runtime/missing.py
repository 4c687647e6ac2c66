"""What a consumer does not know although it was told, and how it is asked for again.

Facts that never came leave a gap before later ones. What was acknowledged and is forgotten, as
after a fail-over to an older copy of the database, leaves nothing behind where no later fact
follows, and never with states: their numbers have gaps by nature.
"""

import logging
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from comptoir_runtime.bus.connection import Bus
from comptoir_runtime.database import Transactions
from comptoir_runtime.event_options import EventType, Kind, stream_name
from comptoir_runtime.inbox import Gap, Inbox
from comptoir_runtime.outbox.relay import replay_subject

_log = logging.getLogger(__name__)

# Whoever should hear may have been in the same outage, and not lead again yet.
_TIMES_ASKED = 2


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How patient a consumer is with what is missing. Times are in seconds."""

    gap_check_interval: float = 5.0
    gap_patience: float = 5.0
    """How old a gap must be to be a loss: what has only failed comes again by itself."""
    repair_interval: float = 60.0
    """How often what is missing is asked for again."""
    look_back_interval: float = 600.0
    """How often it is made sure that what was acknowledged is known; and after each outage."""


class Missing:
    """Looks for what one consumer has missed, and for what its database has forgotten."""

    def __init__(
        self,
        bus: Bus,
        transactions: Transactions,
        inbox: Inbox,
        kind: Kind,
        types: Sequence[EventType],
        intervals: Intervals,
    ) -> None:
        self._bus = bus
        self._transactions = transactions
        self._inbox = inbox
        self._kind = kind
        self._stream = stream_name(inbox.producer, kind)
        self._names = [each.name for each in types]
        self._intervals = intervals
        self._unchecked = True
        self._look_at = self._look_back_at = 0.0
        self._repaired: dict[Gap, float] = {}
        self._breaks = -1
        self._doubts = 0

    def arrived(self) -> None:
        """Something has come: there may be something new to find."""
        self._unchecked = True

    async def look(self, failing: Collection[tuple[str, int]], *, idle: bool) -> None:
        """Asks for what is missing; for after each batch, and for when nothing arrives.

        What is `failing`, by type and sequence, is not missing: it will be delivered again. Only
        when `idle` it asks for what is forgotten: what is being told would be told twice.
        """
        now = time.monotonic()
        if now < self._look_at and not idle:
            return
        self._look_at = now + self._intervals.gap_check_interval
        if self._kind is Kind.FACT and self._unchecked:
            await self._look_for_gaps(failing)
        if self._breaks != self._transactions.breaks:
            # No database is set back behind an open connection: when one has ended by itself, and
            # when we begin, it may be an older copy.
            self._breaks, self._doubts = self._transactions.breaks, _TIMES_ASKED
            self._look_back_at = 0.0
        if self._kind is Kind.FACT or self._doubts:
            if idle and now >= self._look_back_at:
                await self._look_back()
        elif self._unchecked:
            await self._note_known()

    async def _look_for_gaps(self, failing: Collection[tuple[str, int]]) -> None:
        now, intervals = time.monotonic(), self._intervals
        async with self._transactions() as session:
            gaps = await self._inbox.find_gaps(session, self._names)
            overdue = session.clock.now() - timedelta(seconds=intervals.gap_patience)
        self._unchecked = bool(gaps)
        self._repaired = {gap: at for gap, at in self._repaired.items() if gap in gaps}
        for gap in gaps:
            asked_at = self._repaired.get(gap, float("-inf"))
            if gap.since > overdue or now - asked_at < intervals.repair_interval:
                continue
            if any(name == gap.type and gap.covers(sequence) for name, sequence in failing):
                continue
            self._repaired[gap] = now
            _log.warning("%s: %d to %d are missing; asking again", gap.type, gap.first, gap.last)
            await self._ask(gap.first, gap.last)

    async def _look_back(self) -> None:
        """Asks for all that this database may have forgotten, of each type by itself.

        That is what follows the newest fact known here, of those before gaps tell; and what
        follows the last state up to which none was unknown. Of a type that was never seen what
        was told so far is history.
        """
        info = await self._consumer()
        if not _all_taken(info):
            return  # what is missing may be on its way
        async with self._transactions.reading() as session:
            if self._kind is Kind.FACT:
                known = await self._inbox.newest(session, self._names)
            else:
                known = await self._inbox.known_up_to(session, self._names)
        if info["ack_floor"]["stream_seq"] > 0:  # else all is history: we are new here
            newest = max(known.values(), default=0)
            for name in self._names:
                await self._ask(known.get(name, newest) + 1, 0, name)
        self._doubts = max(0, self._doubts - 1)
        intervals = self._intervals
        pause = intervals.repair_interval if self._doubts else intervals.look_back_interval
        self._look_back_at = time.monotonic() + pause

    async def _note_known(self) -> None:
        """With nothing on its way to any process of ours all states are known that were told.

        Those are noted that had been told before we looked. What is lost later than this note,
        and whatever comes after that, is asked for from here.
        """
        async with self._transactions.reading() as session:
            newest = await self._inbox.newest(session, self._names)
        if not _all_taken(await self._consumer()):
            return
        async with self._transactions() as session:
            if self._breaks != self._transactions.breaks:
                return  # it may be an older copy since just now
            await self._inbox.note_known(session, self._names, max(newest.values(), default=0))
        self._unchecked = False

    async def _consumer(self) -> dict[str, Any]:
        return await self._bus.api(f"CONSUMER.INFO.{self._stream}.{self._bus.service}")

    async def _ask(self, first: int, last: int, *names: str) -> None:
        asked = orjson.dumps([int(self._kind), first, last, *names])
        await self._bus.client.publish(replay_subject(self._inbox.producer), asked)


def _all_taken(info: Mapping[str, Any]) -> bool:
    """Whether nothing is on its way to this service."""
    return not (info["num_pending"] or info["num_ack_pending"])
