"""What this process shows of stock: an image in memory, fed by commits.

Those of this process are shown when they are committed, those of other replicas when their signal
comes, milliseconds later, and at the latest when they have published them. A place never goes back
to older figures: each has a version that only grows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from comptoir_inventory import events
from comptoir_inventory.domain.locations import Location, Wish
from comptoir_inventory.domain.stock import (
    Availability,
    Changed,
    Level,
    availability,
    entry_of,
    ranked,
    turn,
)
from comptoir_inventory.events.feed import Feed
from comptoir_inventory.operations.watches import Watch, Watches
from comptoir_inventory.store import locations as location_store
from comptoir_inventory.store import selling as selling_store
from comptoir_inventory.store import stock as store
from comptoir_runtime.database import Session, Transactions

# Skus in memory; beyond that it begins again with those that are asked for.
MOST_SKUS = 200_000
# Kept answers for one sku: the wishes that shops repeat.
MOST_WISHES = 16
MOST_RANKS = 1000


@dataclass(slots=True)
class _Shown:
    """One sku. While it is being loaded, news are taken in already."""

    levels: dict[str, Level] = field(default_factory=dict)
    loaded: bool = False
    has_terms: bool = False
    """Sold beyond stock: what can be promised depends on the hour, so the database is asked."""
    learnt_at: datetime | None = None
    answers: dict[Wish, Availability] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """As consumers see it: it counts the changes at every location."""
        return sum(level.version for level in self.levels.values())

    def learn(self, levels: Iterable[Level], now: datetime) -> None:
        for level in levels:
            if self.is_news(level):
                self.levels[level.location] = level
        self.learnt_at = now
        self.answers.clear()

    def is_news(self, level: Level) -> bool:
        known = self.levels.get(level.location)
        return known is None or known.version < level.version


class Board:
    """Answers what can be promised; made inside the event loop. `wake` has changes announced."""

    def __init__(self, feed: Feed, wake: Callable[[], None], now: Callable[[], datetime]) -> None:
        self._feed = feed
        self._wake = wake
        self._now = now
        self._skus: dict[str, _Shown] = {}
        self._places: dict[str, Location] | None = None
        self._places_moment = 0
        self._ranks: dict[Wish, dict[str, tuple[float, str]]] = {}
        self._watches = Watches()

    @property
    def live(self) -> bool:
        """Whether news of other replicas reach this one."""
        return self._feed.live

    # --- what this process changes -------------------------------------------------------------

    def changed(self, session: Session, changes: Sequence[Changed]) -> None:
        """Tells of changes with the transaction, shows and announces them once it is committed."""
        for change in changes:
            kind = turn(change)
            if kind is not None:
                session.emit(events.stock_turned(kind, change.level))
        if changes:
            levels = [change.level for change in changes]
            for sku, those in _by_sku(levels).items():
                session.signal(events.levels_changed(sku, those))
            session.after_commit(partial(self._show, levels))

    def terms_changed(self, session: Session, skus: Sequence[str]) -> None:
        """Forgets what is known of skus once it is committed that they are sold otherwise."""
        session.after_commit(partial(self._forget, list(skus)))

    def location_changed(self, session: Session, code: str) -> None:
        """Reads the locations, and what this one has, anew once the change is committed."""
        session.after_commit(partial(self._place_has_changed, code))

    # --- what others have changed --------------------------------------------------------------

    def knows(self, sku: str, revision: int) -> bool:
        """Whether this revision of a sku, or a newer one, was heard of before.

        Not when it was only read, by somebody who asked: then who listens to a place where it is
        new still has to hear of it.
        """
        shown = self._known(sku)
        if shown is None or shown.revision < revision:
            return False
        return self._watches.all_know(sku, shown.levels)

    def heard(self, sku: str, levels: Sequence[Level], *, has_terms: bool) -> None:
        """Figures of a sku that some replica has published."""
        shown = self._skus.get(sku)
        if shown is not None:
            if has_terms != shown.has_terms and shown.loaded:
                del self._skus[sku]
            else:
                shown.learn(levels, self._now())
        self._watches.changed(sku, [level.location for level in levels])
        self._watches.changed_somewhere(sku)

    def glimpsed(self, sku: str, levels: Sequence[Level]) -> None:
        """Figures of a sku at some places that some replica has just committed."""
        shown = self._skus.get(sku)
        if shown is not None:
            # Most are this process's own, whose answers stay as they are.
            if not any(map(shown.is_news, levels)):
                self._watches.read(sku, [level.location for level in levels])
                return
            shown.learn(levels, self._now())
        self._watches.changed(sku, [level.location for level in levels])

    def place_changed(self, code: str) -> None:
        """A location is new, or another than before.

        What it has is forgotten: it has other versions, and states tell nothing of closed places.
        """
        self._forget_places()
        for sku in [sku for sku, shown in self._skus.items() if code in shown.levels]:
            del self._skus[sku]
            self._watches.changed(sku, ())
        self._watches.place_changed(code)

    def missed(self) -> None:
        """There may have been news that nobody heard: begins again."""
        self._skus.clear()
        self._forget_places()
        self._watches.again()

    # --- answers -------------------------------------------------------------------------------

    async def availability(
        self,
        transactions: Transactions,
        skus: Sequence[str],
        wish: Wish,
        *,
        current: bool = False,
    ) -> list[Availability]:
        """What of these skus can be promised at the wished locations, in the order asked.

        The same entry as before as long as nothing has changed. With `current` from the database.
        """
        if current or not self._feed.live:
            async with transactions.reading() as session:
                return await read_availability(session, skus, wish)
        shown = {sku: known for sku in skus if (known := self._known(sku)) is not None}
        missing = [sku for sku in dict.fromkeys(skus) if sku not in shown]
        if missing or self._places is None:
            shown |= await self._load(transactions, missing)
        rank = self._rank(wish)
        found: dict[str, Availability] = {}
        if rank is None:  # the locations have changed again while they were read
            late = dict.fromkeys(skus)
        else:
            late = dict.fromkeys(sku for sku in skus if shown[sku].has_terms)
            found = {
                sku: _answer(sku, each, wish, rank, self._now())
                for sku, each in shown.items()
                if sku not in late
            }
        if not late:
            return [found[sku] for sku in skus]
        async with transactions.reading() as session:
            read = await read_availability(session, list(late), wish)
        found |= {entry.sku: entry for entry in read}
        return [found[sku] for sku in skus]

    def watching(
        self, skus: Sequence[str], locations: Iterable[str]
    ) -> AbstractContextManager[Watch]:
        """A listener to these skus or, when none is named, to all that these locations have."""
        return self._watches.open(skus, locations)

    def _known(self, sku: str) -> _Shown | None:
        shown = self._skus.get(sku)
        return shown if shown is not None and shown.loaded else None

    def _rank(self, wish: Wish) -> dict[str, tuple[float, str]] | None:
        rank = self._ranks.get(wish)
        if rank is None and self._places is not None:
            rank = ranked(self._places, wish)
            if len(self._ranks) == MOST_RANKS:
                self._ranks.clear()
            self._ranks[wish] = rank
        return rank

    async def _load(self, transactions: Transactions, skus: Sequence[str]) -> dict[str, _Shown]:
        """Reads what is missing. News that arrive meanwhile are newer than what is read."""
        if len(self._skus) + len(skus) > MOST_SKUS:
            self._skus.clear()
        loading = {sku: self._skus.setdefault(sku, _Shown()) for sku in skus}
        moment = self._places_moment
        async with transactions.reading() as session:
            levels = await store.levels(session, skus) if skus else []
            terms = await selling_store.terms(session, skus) if skus else {}
            if self._places is None:
                places = await location_store.everywhere(session)
                if moment == self._places_moment:
                    self._places = places
        by_sku = _by_sku(levels)
        for sku, shown in loading.items():
            shown.learn(by_sku.get(sku, ()), self._now())
            shown.has_terms = sku in terms
            shown.loaded = True
            # Nobody may fill the memory with skus that do not exist; and what was read while a
            # location changed may be older than that change, which nobody tells a second time.
            vague = not shown.levels or moment != self._places_moment
            if vague and self._skus.get(sku) is shown:
                del self._skus[sku]
        return loading

    def _show(self, levels: Sequence[Level]) -> None:
        for level in levels:
            shown = self._skus.get(level.sku)
            if shown is not None:
                shown.learn([level], self._now())
            self._watches.changed(level.sku, [level.location])
        self._wake()

    def _forget(self, skus: Sequence[str]) -> None:
        for sku in skus:
            self._skus.pop(sku, None)
            self._watches.changed_somewhere(sku)
        self._wake()

    def _place_has_changed(self, code: str) -> None:
        self.place_changed(code)
        self._wake()

    def _forget_places(self) -> None:
        self._places = None
        self._places_moment += 1
        self._ranks.clear()
        for shown in self._skus.values():
            shown.answers.clear()


def _by_sku(levels: Iterable[Level]) -> dict[str, list[Level]]:
    found: dict[str, list[Level]] = defaultdict(list)
    for level in levels:
        found[level.sku].append(level)
    return found


def _answer(
    sku: str, shown: _Shown, wish: Wish, rank: dict[str, tuple[float, str]], now: datetime
) -> Availability:
    answer = shown.answers.get(wish)
    if answer is None:
        answer = entry_of(sku, shown.levels.values(), rank, shown.learnt_at or now)
        if len(shown.answers) < MOST_WISHES:
            shown.answers[wish] = answer
    return answer


async def read_availability(
    session: Session, skus: Sequence[str], wish: Wish
) -> list[Availability]:
    """As `Board.availability`, from the database."""
    levels = await store.levels(session, skus)
    locations = await location_store.everywhere(session)
    terms = await selling_store.terms(session, skus)
    return availability(skus, levels, locations, wish, session.clock.now(), terms)
