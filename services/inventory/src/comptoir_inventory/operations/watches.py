"""Who listens to what, and what each of them has not looked at yet."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from comptoir_inventory.domain.stock import Availability


class Watch:
    """One listener: what they were told, and what has changed since."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}
        self._news: set[str] = set()
        self._everything = True
        self._woken = asyncio.Event()

    def changed(self, sku: str) -> None:
        """There is something to look at."""
        self._news.add(sku)
        self._woken.set()

    def again(self) -> None:
        """There may be something to look at anywhere."""
        self._everything = True
        self._woken.set()

    def knows(self, sku: str) -> bool:
        """Whether anything was told of a sku."""
        return sku in self._told

    def take(self) -> list[str] | None:
        """The skus to look at, each once; None for all. Nothing of it is told again."""
        self._woken.clear()
        everything, news = self._everything, sorted(self._news)
        self._everything = False
        self._news.clear()
        return None if everything else news

    def is_new(self, entry: Availability) -> bool:
        """Whether this is to be told: an older revision never follows a newer one."""
        if self._told.get(entry.sku, -1) >= entry.revision:
            return False
        self._told[entry.sku] = entry.revision
        return True

    async def wait(self, seconds: float) -> bool:
        """Waits until there is something to look at; whether there is, after so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        return self._woken.is_set()


class Watches:
    """All listeners, by what they want to hear of."""

    def __init__(self) -> None:
        self._by_sku: dict[str, set[Watch]] = defaultdict(set)
        self._by_location: dict[str, set[Watch]] = defaultdict(set)

    @contextlib.contextmanager
    def open(self, skus: Sequence[str], locations: Iterable[str]) -> Iterator[Watch]:
        """A listener to these skus or, when none is named, to all that these locations have."""
        watch = Watch()
        kept = self._by_sku if skus else self._by_location
        keys = set(skus or locations)
        for key in keys:
            kept[key].add(watch)
        try:
            yield watch
        finally:
            for key in keys:
                kept[key].discard(watch)
                if not kept[key]:
                    del kept[key]

    def changed(self, sku: str, locations: Iterable[str]) -> None:
        """The figures of a sku at these locations are others."""
        for watch in self._by_sku.get(sku, ()):
            watch.changed(sku)
        for watch in self._at(locations):
            watch.changed(sku)

    def changed_somewhere(self, sku: str) -> None:
        """What can be promised of a sku is another, perhaps where nobody says so any more."""
        self.changed(sku, ())
        for watch in self._everybody(self._by_location):
            if watch.knows(sku):
                watch.changed(sku)

    def read(self, sku: str, locations: Iterable[str]) -> None:
        """The figures of a sku at these locations were known before anybody told of them.

        Who named the sku looks again by themselves; who listens to a location does not.
        """
        for watch in self._at(locations):
            watch.changed(sku)

    def place_changed(self, location: str) -> None:
        """Anything that a location has may be another."""
        for watch in self._at([location]):
            watch.again()

    def all_know(self, sku: str, locations: Iterable[str]) -> bool:
        """Whether everybody who listens to these locations was told of a sku."""
        return all(watch.knows(sku) for watch in self._at(locations))

    def again(self) -> None:
        """There may be news that nobody heard."""
        for watch in self._everybody(self._by_sku) | self._everybody(self._by_location):
            watch.again()

    def _at(self, locations: Iterable[str]) -> Iterator[Watch]:
        for location in locations:
            yield from self._by_location.get(location, ())

    @staticmethod
    def _everybody(kept: dict[str, set[Watch]]) -> set[Watch]:
        return set().union(*kept.values())
