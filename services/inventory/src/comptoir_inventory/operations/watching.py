"""Telling those who watch what can be promised, as it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import Availability
from comptoir_inventory.operations.board import Board
from comptoir_runtime.database import Transactions

# The board hears of other replicas over NATS, which may be away: a watcher looks again by itself.
LOOK_AGAIN_SECONDS = 15.0


async def watch_availability(
    transactions: Transactions, board: Board, skus: Sequence[str], wish: Wish
) -> AsyncIterator[Availability]:
    """Each sku now, and again after each change, until the listener goes away.

    An older revision never follows a newer one.
    """
    shown: dict[str, int] = {}
    once = list(dict.fromkeys(skus))
    with board.watching(once) as woken:
        while True:
            woken.clear()
            for entry in await board.availability(transactions, once, wish):
                if shown.get(entry.sku, -1) < entry.revision:
                    shown[entry.sku] = entry.revision
                    yield entry
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN_SECONDS):
                    await woken.wait()
