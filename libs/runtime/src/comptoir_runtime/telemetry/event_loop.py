"""How late this process wakes up: what a caller waits for before anything is done for it."""

import asyncio

from comptoir_runtime.telemetry import names
from comptoir_runtime.telemetry.metrics import gauge

WINDOW_SECONDS = 10.0
_TICK_SECONDS = 0.5

_lag = gauge(names.EVENT_LOOP_LAG)


async def watch() -> None:
    """Tells the longest delay of each window, until it is cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        longest, until = 0.0, clock() + WINDOW_SECONDS
        while (asleep := clock()) < until:
            await asyncio.sleep(_TICK_SECONDS)
            longest = max(longest, clock() - asleep - _TICK_SECONDS)
        _lag.set(longest)
