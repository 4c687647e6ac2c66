"""Telling those who watch what can be promised, as it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import Availability
from comptoir_inventory.events.feed import AvailabilityFeed
from comptoir_inventory.operations.stock import get_availability
from comptoir_runtime.database import Transactions

# The feed follows a stream that may be away: a watcher looks for itself after this time.
REREAD_SECONDS = 15.0


async def watch_availability(
    transactions: Transactions, feed: AvailabilityFeed, skus: Sequence[str]
) -> AsyncIterator[Availability]:
    """Each sku now, and again after each change, until the listener goes away."""
    shown: dict[str, int] = {}
    with feed.watching(skus) as woken:
        while True:
            woken.clear()
            async with transactions.reading() as session:
                entries = await get_availability(session, list(dict.fromkeys(skus)), Wish())
            for entry in entries:
                if shown.get(entry.sku) != entry.revision:
                    shown[entry.sku] = entry.revision
                    yield entry
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_SECONDS):
                    await woken.wait()
