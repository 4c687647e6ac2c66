"""Hearing what other replicas of this service have changed."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from comptoir.inventory.v1 import events_pb2
from comptoir_inventory.domain.stock import Level
from comptoir_inventory.events.resources import levels_from
from comptoir_runtime.bus import Bus, Follower, signals

# How long after a lost connection the news of the meantime may still be on its way.
SETTLING_SECONDS = 2.0


class Listener(Protocol):
    """Who wants to hear."""

    def knows(self, sku: str, revision: int) -> bool:
        """Whether this revision of a sku, or a newer one, is no news to anybody."""

    def heard(self, sku: str, levels: Sequence[Level], *, has_terms: bool) -> None:
        """Figures of a sku that some replica has published."""

    def glimpsed(self, sku: str, levels: Sequence[Level]) -> None:
        """Figures of a sku at some places that some replica has just committed."""

    def place_changed(self, code: str) -> None:
        """A location is new, or another than before."""

    def missed(self) -> None:
        """There may have been news that nobody heard."""


class Feed:
    """Follows the states that the replicas of this service publish, this one's own too."""

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._live_from = math.inf
        self._listener: Listener | None = None

    @property
    def live(self) -> bool:
        """Whether news reaches us; without that, only the database knows."""
        return self._bus.is_connected and self._clock() >= self._live_from

    async def follow(self, listener: Listener) -> None:
        """Tells the listener for as long as this runs; harmless while NATS is away."""
        self._listener = listener
        unobserve = self._bus.on_change(self._connection_changed)
        states = [events_pb2.AvailabilityState, events_pb2.LocationState]
        follower = Follower(self._bus, states, self._received)
        # What is published is gathered first, for a quarter of a second at most. This is not.
        glimpses = signals(self._bus, events_pb2.LevelsChanged, callback=self._glimpsed)
        try:
            await follower.caught_up()
            self._live_from = self._clock()
            await asyncio.Event().wait()
        finally:
            self._live_from = math.inf
            unobserve()
            await glimpses.close()
            await follower.close()

    def _connection_changed(self) -> None:
        if self._listener is not None:
            self._listener.missed()
        if self._live_from != math.inf:
            self._live_from = self._clock() + SETTLING_SECONDS

    def _glimpsed(self, event: events_pb2.LevelsChanged) -> None:
        if self._listener is not None:
            self._listener.glimpsed(event.sku, levels_from(event.availability))

    def _received(self, event: Any) -> None:
        if self._listener is None:
            return
        if isinstance(event, events_pb2.LocationState):
            self._listener.place_changed(event.code)
            return
        entry = event.availability
        # Most news are this process's own: it knew first.
        if not self._listener.knows(event.sku, entry.revision):
            self._listener.heard(event.sku, levels_from(entry), has_terms=entry.HasField("policy"))
