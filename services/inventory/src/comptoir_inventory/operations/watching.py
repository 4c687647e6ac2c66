"""Telling those who watch what can be promised, as it changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from comptoir_inventory import errors
from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import Availability
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.watches import Watch
from comptoir_inventory.store import stock as store
from comptoir_runtime.auth import Principal, Rule
from comptoir_runtime.database import Transactions

# The board hears of other replicas over NATS, which may be away: a watcher looks again by itself.
LOOK_AGAIN_SECONDS = 15.0
# All that a location has is read, and told, so many skus at a time.
PAGE = 500
WHOLE_LOCATIONS = Rule(permissions=frozenset({"stock.read"}))
FIGURES = Rule(permissions=WHOLE_LOCATIONS.permissions, service=True)
"""Who is told what is in a building, and not only what can be promised there."""


def require_may_watch(principal: Principal | None, skus: Sequence[str], wish: Wish) -> None:
    """Anyone may watch skus that they know, but not learn which ones a location has."""
    if skus:
        return
    if not wish.codes:
        raise errors.invalid("skus", "name skus, or locations to watch all that they have")
    WHOLE_LOCATIONS.check(principal)


async def watch_availability(
    transactions: Transactions, board: Board, skus: Sequence[str], wish: Wish
) -> AsyncIterator[Availability]:
    """Each sku now, and again after each change, until the listener goes away.

    Without `skus` all that the wished locations have, or ever had. An older revision never
    follows a newer one.
    """
    once = list(dict.fromkeys(skus))
    with board.watching(once, wish.codes) as watch:
        while True:
            async for page in _pages(transactions, watch, once, wish):
                for entry in await board.availability(transactions, page, wish):
                    if watch.is_new(entry):
                        yield entry
            heard = await watch.wait(LOOK_AGAIN_SECONDS)
            if not heard and (once or not board.live):
                watch.again()


async def _pages(
    transactions: Transactions, watch: Watch, skus: Sequence[str], wish: Wish
) -> AsyncIterator[Sequence[str]]:
    """What there is to look at."""
    news = watch.take()
    if news is None and not skus:
        last = ""
        while page := await _held_at(transactions, wish, last):
            yield page
            last = page[-1]
        return
    found = skus if news is None else news
    for start in range(0, len(found), PAGE):
        yield found[start : start + PAGE]


async def _held_at(transactions: Transactions, wish: Wish, after: str) -> list[str]:
    async with transactions.reading() as session:
        return await store.skus_at(session, wish.codes, after, PAGE)
