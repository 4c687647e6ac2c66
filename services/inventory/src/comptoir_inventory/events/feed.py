"""Hearing of changes of stock, those of other replicas too."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from comptoir.inventory.v1 import events_pb2
from comptoir_runtime.bus import Bus, Follower


class AvailabilityFeed:
    """Wakes those who watch a sku when its state was published; made inside the event loop."""

    def __init__(self, bus: Bus) -> None:
        self._watchers: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._follower = Follower(bus, [events_pb2.AvailabilityState], self._changed)

    @contextmanager
    def watching(self, skus: Sequence[str]) -> Iterator[asyncio.Event]:
        """An event that is set each time one of these skus has changed; who waits clears it."""
        woken = asyncio.Event()
        for sku in skus:
            self._watchers[sku].add(woken)
        try:
            yield woken
        finally:
            for sku in set(skus):
                self._watchers[sku].discard(woken)
                if not self._watchers[sku]:
                    del self._watchers[sku]

    def _changed(self, state: events_pb2.AvailabilityState) -> None:
        for woken in self._watchers.get(state.sku, ()):
            woken.set()
