"""Facts that never came: the gaps they leave before later ones; and asking for them again."""

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from comptoir_runtime.arrivals import Entry
from comptoir_runtime.bus.connection import Bus
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.event_options import Kind
from comptoir_runtime.inbox import Gap, Inbox
from comptoir_runtime.outbox.questions import question, replay_subject
from comptoir_runtime.outbox.recovery import OUTBOX_RETENTION

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Intervals:
    """How patient a consumer is with what is missing or forgotten. Times are in seconds."""

    gap_check_interval: float = 5.0
    gap_patience: float = 5.0
    """How old a gap must be to be a loss: what has only failed comes again by itself."""
    repair_interval: float = 60.0
    """How often what is missing is asked for again."""
    look_back_interval: float = 600.0
    """How often it is made sure that what was acknowledged is known; and after each outage."""


class Forgotten(Protocol):
    """What the database of the consumer may have forgotten."""

    @property
    def nothing(self) -> bool:
        """Whether that is nothing."""


class Missing:
    """Looks for what one consumer of facts has missed."""

    def __init__(
        self, bus: Bus, transactions: Transactions, inbox: Inbox, intervals: Intervals
    ) -> None:
        self._bus = bus
        self._transactions = transactions
        self._inbox = inbox
        self._intervals = intervals
        self._unchecked = True
        self._told = 0
        self._look_at = 0.0
        self._repaired: dict[Gap, float] = {}

    def arrived(self, latest: Entry) -> None:
        """Something has come, this last: there may be something new to find."""
        self._unchecked = True
        # Told and delivered for the first time: whatever is told later, of any type, comes, too.
        if latest.event is not None and latest.is_new and latest.deliveries == 1:
            self._told = max(self._told, latest.event.sequence)

    async def look(self, failing: Iterable[tuple[str, int]], forgotten: Forgotten) -> None:
        """Asks for what is missing; for after each batch, and for when nothing arrives.

        What is `failing`, by type and sequence, is not missing: it will be delivered again. What
        may be `forgotten` is not history.
        """
        now, intervals = time.monotonic(), self._intervals
        if now < self._look_at or not self._unchecked:
            return
        self._look_at = now + intervals.gap_check_interval
        gaps, overdue = await self._transactions.run(partial(self._find, forgotten=forgotten))
        self._unchecked = bool(gaps) or not forgotten.nothing
        self._repaired = {gap: at for gap, at in self._repaired.items() if gap in gaps}
        for gap in gaps:
            asked_at = self._repaired.get(gap, float("-inf"))
            if gap.since > overdue or now - asked_at < intervals.repair_interval:
                continue
            if any(name == gap.type and gap.covers(sequence) for name, sequence in failing):
                continue
            self._repaired[gap] = now
            _log.warning("%s: %d to %d are missing; asking again", gap.type, gap.first, gap.last)
            asked = question(Kind.FACT, gap.first, gap.last, gap.type)
            await self._bus.client.publish(replay_subject(self._inbox.producer), asked)

    async def _find(self, session: Session, forgotten: Forgotten) -> tuple[list[Gap], datetime]:
        """The gaps, and since when those must be known that are losses."""
        now = session.clock.now()
        told = self._told if forgotten.nothing else 0
        gaps = await self._inbox.find_gaps(session, self._inbox.names, told)
        for gap in gaps:
            if gap.since < now - OUTBOX_RETENTION:
                _log.error("%s: %d to %d are lost for good", gap.type, gap.first, gap.last)
                await self._inbox.give_up(session, gap)
        return gaps, now - timedelta(seconds=self._intervals.gap_patience)
