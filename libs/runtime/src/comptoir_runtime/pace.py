"""How long to gather before work is done in a batch.

Each batch has a fixed price: statements, a commit, an fsync. When nothing is
going on the first event is worked on at once; while they keep coming they are
gathered, longer the longer it goes on, so that the price is shared by many.
"""

FIRST_SECONDS = 0.01
LONGEST_SECONDS = 0.1


class Pace:
    """The rhythm of one worker. Times are those of one monotonic clock, in seconds."""

    def __init__(self, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest
        self._began = float("-inf")
        self._gather = 0.0

    def pause(self, now: float) -> float:
        """There is something to do: how long to gather more of it first."""
        if now - self._began >= self._longest:
            self._gather = 0.0
            return 0.0
        self._gather = min(max(2 * self._gather, FIRST_SECONDS), self._longest)
        return max(0.0, self._began + self._gather - now)

    def begin(self, now: float) -> None:
        """A batch begins now."""
        self._began = now
