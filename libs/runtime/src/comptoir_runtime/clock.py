"""Time, as something that is handed in.

Everything that expires is computed from a clock and passed to SQL as a
parameter: so all processes agree (the database's clock) and tests can travel.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""


class SystemClock:
    """This machine's clock: for what never meets another machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class DatabaseClock:
    """PostgreSQL's clock without asking it each time: the local monotonic clock plus an offset.

    `Database` measures the offset; a jump of this machine's wall clock has no effect.
    """

    __slots__ = ("_offset",)

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.monotonic() + self._offset, UTC)

    def measured(self, database_time: datetime, before: float, after: float) -> None:
        """Takes over a measurement: the database's time, between two monotonic readings."""
        self._offset = database_time.timestamp() - (before + after) / 2


class ManualClock:
    """A clock for tests: it stands still until it is told to move."""

    def __init__(self, start: datetime) -> None:
        if start.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._now = start.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Moves the clock forward; never back."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._now += timedelta(seconds=seconds)
