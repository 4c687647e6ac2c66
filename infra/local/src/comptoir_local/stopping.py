"""Ctrl-C and SIGTERM, for programs that run a platform."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator

from comptoir_local.platform import Platform


@contextlib.contextmanager
def stopped_by_signals(platform: Platform) -> Iterator[None]:
    """Ctrl-C and SIGTERM cancel this task, which stops the platform; a second one kills it."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    stopping = False

    def stop() -> None:
        nonlocal stopping
        if stopping:
            platform.kill()
        else:
            stopping = True
            task.cancel()

    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
