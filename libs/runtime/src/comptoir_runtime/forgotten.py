"""What a consumer has acknowledged and its database knows no more, and how it is asked for again.

As after a fail-over to an older copy of the database. It leaves nothing behind where no later fact
follows, and never with states: their numbers have gaps by nature.
"""

import logging
import time
from collections.abc import Mapping
from typing import Any

from comptoir_runtime.arrivals import Entry
from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import Bus
from comptoir_runtime.bus.pull import delivery
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.event_options import Kind, stream_name
from comptoir_runtime.inbox import Inbox
from comptoir_runtime.missing import Intervals
from comptoir_runtime.outbox.questions import question, replay_subject, replayed_subject

_log = logging.getLogger(__name__)


class Forgotten:
    """Looks for what the database of one consumer has forgotten."""

    def __init__(
        self, bus: Bus, transactions: Transactions, inbox: Inbox, kind: Kind, intervals: Intervals
    ) -> None:
        self._bus = bus
        self._transactions = transactions
        self._inbox = inbox
        self._kind = kind
        self._stream = stream_name(inbox.producer, kind)
        self._names = inbox.names
        self._intervals = intervals
        self._look_at = self._ask_at = 0.0
        self._breaks = -1
        self._in_doubt = True
        self._delivered: int | None = None
        """Up to where in the stream something may have been forgotten."""
        self._later: tuple[int, int] | None = None
        """Behind that: the place and the number of an event that was new there."""
        self._questions: set[bytes] = set()
        """Those that nobody has answered."""
        self._pause = 0.0
        self._latest: Entry | None = None
        self._mark: tuple[int, int] | None = None
        """To be noted as soon as nothing before it is on its way."""
        self._end: int | None = None
        """Where the stream ended when all was answered: until there it may be told again."""

    @property
    def nothing(self) -> bool:
        """Whether this database knows all that was acknowledged, as far as can be told."""
        return not self._in_doubt and self._breaks == self._transactions.breaks

    def arrived(self, latest: Entry) -> None:
        """Something has come; this came last."""
        self._latest = latest
        if self._delivered is not None and self._later is None and latest.is_new:
            place = _place(latest)
            self._later = place if place is not None and place[0] > self._delivered else None

    def answered(self, asked: bytes) -> None:
        """The producer has published again all that this question asks for."""
        if asked in self._questions:
            self._questions.remove(asked)
            if not self._questions:
                self._be_sure()

    async def look(self, *, idle: bool) -> None:
        """Asks for what may be forgotten; for after each batch, and for when nothing arrives."""
        now, transactions = time.monotonic(), self._transactions
        if now < self._look_at and not idle:
            return
        self._look_at = now + self._intervals.gap_check_interval
        if self._breaks != transactions.breaks:
            # No database is set back behind an open connection: when one has ended by itself, and
            # when we begin, it may be an older copy.
            self._breaks, self._in_doubt = transactions.breaks, True
            self._delivered = self._later = None
            self._questions, self._pause = set(), self._intervals.repair_interval
            self._ask_at = 0.0
        if not (self._in_doubt or self._kind is Kind.FACT):
            await self._note_known()
        elif now >= self._ask_at:
            await self._ask(idle=idle)

    async def _ask(self, *, idle: bool) -> None:
        """Asks for all that this database may have forgotten, of each type by itself.

        That is what follows the newest fact known here, of those before gaps tell; and what
        follows the last state up to which none was unknown. Of a type that was never seen what
        was told so far is history.

        What is just being told is not asked for: it would be told twice. There may always be
        something; but whatever was forgotten is older than an event that was new and came later,
        and as soon as all up to there is taken in, the rest is what may be asked for. An event
        that is told again tells nothing: it may be older than what was forgotten.
        """
        info = await self._consumer()
        delivered, floor = info["delivered"]["stream_seq"], info["ack_floor"]["stream_seq"]
        if self._delivered is None or delivered < self._delivered:  # the stream was made anew
            self._delivered, self._later = delivered, None
        end: int | None = None
        if self._later is not None and floor >= self._later[0]:
            end = self._later[1]
        elif not idle or _is_on_its_way(info):
            return
        async with self._transactions.reading() as session:
            if self._kind is Kind.FACT:
                known = await self._inbox.newest(session, self._names)
            else:
                known = await self._inbox.known_up_to(session, self._names)
        if self._questions and self._pause >= self._intervals.look_back_interval:
            subject = replayed_subject(self._inbox.producer)
            _log.warning("nobody says on %s that what was told has been told again", subject)
        self._ask_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, self._intervals.look_back_interval)
        self._questions = set()
        if floor > 0:  # else all is history: we are new here
            self._questions = self._behind(known, end)
        if not self._questions:
            self._be_sure()
        for each in tuple(self._questions):
            await self._bus.client.publish(replay_subject(self._inbox.producer), each)

    def _behind(self, known: Mapping[str, int], end: int | None) -> set[bytes]:
        """The questions for what follows, of each type, and is not behind the end."""
        last_known = max(known.values(), default=0)
        firsts = {name: known.get(name, last_known) + 1 for name in self._names}
        return {
            question(self._kind, first, end or 0, name)
            for name, first in firsts.items()
            if end is None or first <= end
        }

    def _be_sure(self) -> None:
        self._in_doubt = False
        self._delivered = self._later = None
        self._end = None
        self._pause = self._intervals.repair_interval
        self._ask_at = time.monotonic() + self._intervals.look_back_interval

    async def _note_known(self) -> None:
        """Notes up to which number all states are known: where none before it is on its way.

        What is lost later than this note, and whatever comes after that, is asked for from here.
        What was asked for before has lower numbers, and is on its way until it is taken in.
        """
        if self._end is None:
            state = await streams.find(self._bus, self._inbox.producer, self._kind)
            self._end = 0 if state is None else state.last_sequence
        if self._mark is None:
            self._mark, self._latest = _place(self._latest), None
        if self._mark is None:
            return
        position, sequence = self._mark
        info = await self._consumer()
        if info["delivered"]["stream_seq"] < position:
            self._mark = self._end = None  # the stream was made anew
            return
        if info["ack_floor"]["stream_seq"] < max(position, self._end) and _is_on_its_way(info):
            return

        async def note(session: Session) -> None:
            if self.nothing:  # else it may be an older copy
                await self._inbox.note_known(session, self._names, sequence)
                self._mark = None

        await self._transactions.run(note)

    async def _consumer(self) -> dict[str, Any]:
        return await self._bus.api(f"CONSUMER.INFO.{self._stream}.{self._bus.service}")


def _is_on_its_way(info: Mapping[str, Any]) -> bool:
    """Whether anything may still come, to whichever process of ours."""
    return bool(info["num_pending"] or info["num_ack_pending"])


def _place(entry: Entry | None) -> tuple[int, int] | None:
    """Where an event is in its stream, and its number."""
    if entry is None or entry.event is None:
        return None
    return delivery(entry.message)[1], entry.event.sequence
