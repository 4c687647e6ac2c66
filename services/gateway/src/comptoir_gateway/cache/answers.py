"""Answers that are still true: kept until what they were made from changes."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from comptoir_gateway.cache.news import News, Topic
from comptoir_runtime.telemetry import counter, names

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

# Prices begin and end at a moment that no event announces in time. Pages are made of kept parts,
# so what is shown may be twice as old: half a minute.
MAX_AGE_SECONDS = 15.0

_lookups = counter(names.CACHE_LOOKUPS)


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    made: int
    expires: float
    topics: Sequence[Topic]
    size: int


class Answers(Generic[K, V]):
    """The least recently used answer goes first when there are too many bytes."""

    def __init__(
        self,
        name: str,
        news: News,
        *,
        max_bytes: int,
        size: Callable[[V], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._news = news
        self._max_bytes = max_bytes
        self._size = size
        self._clock = clock
        self._entries: OrderedDict[K, _Entry[V]] = OrderedDict()
        self._bytes = 0

    def get(self, key: K) -> V | None:
        """The answer, when it is still true as far as we can know."""
        entry = self._entries.get(key)
        if entry is not None:
            if self._usable(entry):
                self._entries.move_to_end(key)
                _lookups.add(1, (self._name, "hit"))
                return entry.value
            self._drop(key)
        _lookups.add(1, (self._name, "miss"))
        return None

    def put(self, key: K, value: V, made: int, topics: Sequence[Topic]) -> None:
        """Keeps an answer made from `topics`, begun at the moment `made` of the news.

        Nothing is kept that changed while it was being made.
        """
        if not self._news.live or not self._news.fresh(made, topics):
            return
        self._drop(key)
        size = self._size(value)
        self._entries[key] = _Entry(value, made, self._clock() + MAX_AGE_SECONDS, topics, size)
        self._bytes += size
        while self._bytes > self._max_bytes:  # an answer too large for all goes at once
            self._drop(next(iter(self._entries)))

    def _usable(self, entry: _Entry[V]) -> bool:
        return (
            self._news.live
            and self._clock() < entry.expires
            and self._news.fresh(entry.made, entry.topics)
        )

    def _drop(self, key: K) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size
