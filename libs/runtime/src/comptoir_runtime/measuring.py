"""What has to be asked for to be known: the outbox, the consumers, what is not at its end.

It is asked for every few seconds, and only when somebody listens (`telemetry.exporting`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Protocol

from comptoir_runtime import dead_letters, outbox, telemetry
from comptoir_runtime.bus.connection import ApiError, BusUnavailable
from comptoir_runtime.database import Row, Session, Transactions
from comptoir_runtime.errors import DatabaseUnavailable, Overloaded
from comptoir_runtime.telemetry import names

INTERVAL_SECONDS = 10.0

Look = Callable[[Session], Awaitable[None]]
"""Asks the database and tells a gauge."""

_open = telemetry.gauge(names.PROCESS_OPEN)
_age = telemetry.gauge(names.PROCESS_AGE)


class Measured(Protocol):
    """A part that asks the bus about itself."""

    async def measure(self) -> None:
        """Tells its gauges how things are."""


class Measuring:
    """All looks of a service. `run` it as a background task."""

    def __init__(
        self, transactions: Transactions, looks: Sequence[Look], parts: Sequence[Measured]
    ) -> None:
        self._transactions = transactions
        self._looks = [outbox.measure, dead_letters.measure, *looks]
        self._parts = parts

    async def run(self) -> None:
        """Looks until it is cancelled; during an outage the last values stay."""
        while True:
            with suppress(DatabaseUnavailable, Overloaded, BusUnavailable, ApiError):
                await self.look()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def look(self) -> None:
        """Once."""
        async with self._transactions.reading() as session:
            for each in self._looks:
                await each(session)
        for part in self._parts:
            await part.measure()


def tell_open(rows: Sequence[Row]) -> None:
    """Durable processes that are not at their end, as rows of kind, state, count and age."""
    keyed = {(row["kind"], row["state"]): row for row in rows}
    _open.replace({labels: float(row["count"]) for labels, row in keyed.items()})
    _age.replace({labels: float(row["age"]) for labels, row in keyed.items()})
