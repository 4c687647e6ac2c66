"""Background work that must not end because of one error, and work that may be told to."""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Work that ran this long before it failed starts again with the shortest pause.
HEALTHY_SECONDS = 60.0
_CANCEL_AGAIN_SECONDS = 0.1

T = TypeVar("T")
Work = Callable[[], Awaitable[None]]


async def supervise(work: Work, first_pause: float = FIRST_PAUSE_SECONDS) -> None:
    """Runs `work` until it returns; starts it again after an error, later each time."""
    name = getattr(work, "__qualname__", repr(work))
    pause = first_pause
    clock = asyncio.get_running_loop().time
    while True:
        started = clock()
        try:
            await work()
        except Exception:
            log.exception("background work failed", extra={"work": name, "pause": pause})
        else:
            return
        if clock() - started >= HEALTHY_SECONDS:
            pause = first_pause
        # Jitter: replicas that failed together must not come back together.
        await asyncio.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(pause * 2, LONGEST_PAUSE_SECONDS)


@asynccontextmanager
async def supervised(works: Iterable[Work]) -> AsyncIterator[None]:
    """Runs every work in the background for as long as the block lasts."""
    loop = asyncio.get_running_loop()
    tasks = [loop.create_task(supervise(work)) for work in works]
    try:
        yield
    finally:
        await cancel(tasks)


async def cancel(tasks: Iterable["asyncio.Task[None]"]) -> None:
    """Cancels tasks and waits until they have ended, however they end.

    Says it again until it is heard: before Python 3.12 `asyncio.wait_for`, and with it the NATS
    client, loses a cancellation that arrives together with the result.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_SECONDS)


async def unless(stopping: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of the work; None, and it is cancelled, when the process is told to stop first."""
    task, told = asyncio.create_task(work), asyncio.create_task(stopping.wait())
    await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    if task.done():
        return task.result()
    task.cancel()
    await asyncio.wait({task})
    return None
