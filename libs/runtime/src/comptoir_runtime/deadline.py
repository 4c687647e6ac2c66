"""The time a call has left, carried to the calls made on its behalf."""

import time
from contextvars import ContextVar

# What a caller keeps for itself, to be able to answer after its neighbour has given up.
MARGIN_SECONDS = 0.05

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(remaining: float | None) -> float | None:
    """Sets the deadline of the current task; answers it in `time.monotonic()` seconds."""
    absolute = None if remaining is None else time.monotonic() + remaining
    _deadline.set(absolute)
    return absolute


def budget(timeout: float) -> float:
    """Seconds an outgoing call may take: `timeout`, or less when the caller waits less long."""
    absolute = _deadline.get()
    if absolute is None:
        return timeout
    return max(0.0, min(timeout, absolute - time.monotonic() - MARGIN_SECONDS))
