"""Watching an order: now, and after each change."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from comptoir_orders import events
from comptoir_orders.domain.orders import Order
from comptoir_orders.operations.reading import get_order
from comptoir_runtime.auth import Principal
from comptoir_runtime.bus import Bus
from comptoir_runtime.database import Transactions

# Signals may be lost: a watcher looks for itself after this time.
REREAD_SECONDS = 15.0


async def watch_order(
    transactions: Transactions, bus: Bus, principal: Principal | None, order_id: str
) -> AsyncIterator[Order]:
    """The order now, and again after each change, until the listener goes away."""
    shown: int | None = None
    async with transactions.reading() as session:
        found = await get_order(session, principal, order_id)
    async with events.changes_of(bus, found.id) as woken:
        while True:
            woken.clear()
            async with transactions.reading() as session:
                order = await get_order(session, principal, found.id)
            if order.version != shown:
                shown = order.version
                yield order
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REREAD_SECONDS):
                    await woken.wait()
