"""Publishing what can be promised, soon after it has changed."""

from __future__ import annotations

import asyncio
import contextlib
import time

from comptoir_inventory.operations.stock import announce_changes
from comptoir_runtime.database import Session, Transactions

BATCH = 500
# Changes of another replica, or of one that died before it announced them, wait this long.
POLL_SECONDS = 0.25
# Between two announcements: what changes meanwhile is told together. The first change after a
# rest is told at once. When there is much to tell, no more than a third of the time goes into it.
SHORTEST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 0.25
PAUSE_RATIO = 2.0


class Announcer:
    """Turns noted changes into state events; made inside the event loop."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was committed that is to be announced."""
        self._woken.set()

    async def run(self) -> None:
        """Announces for ever."""
        while True:
            self._woken.clear()
            began = time.monotonic()
            found = await self._transactions.run(self._announce)
            pause = PAUSE_RATIO * (time.monotonic() - began)
            await asyncio.sleep(min(max(SHORTEST_PAUSE_SECONDS, pause), LONGEST_PAUSE_SECONDS))
            if found == BATCH:
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()

    @staticmethod
    async def _announce(session: Session) -> int:
        return await announce_changes(session, BATCH)
