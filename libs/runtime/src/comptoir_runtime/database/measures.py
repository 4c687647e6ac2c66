"""How many connections there are, and who waits for one; read when it is exported."""

from collections.abc import Callable, Sequence

from comptoir_runtime import telemetry
from comptoir_runtime.database.pool import Pool
from comptoir_runtime.telemetry import names

_count = telemetry.gauge(names.DB_CLIENT_CONNECTION_COUNT)
_max = telemetry.gauge(names.DB_CLIENT_CONNECTION_MAX)
_pending = telemetry.gauge(names.DB_CLIENT_CONNECTION_PENDING_REQUESTS)
_timeouts = telemetry.gauge(names.DB_CLIENT_CONNECTION_TIMEOUTS)


def watch(pools: Sequence[Pool]) -> Callable[[], None]:
    """Tells of the pools from now on, until the answer is called."""
    ends = [
        _count.watch(
            lambda: {
                (pool.name, state): count
                for pool in pools
                for state, count in (("idle", pool.idle), ("used", pool.opened - pool.idle))
            }
        ),
        _max.watch(lambda: {(pool.name,): pool.size for pool in pools}),
        _pending.watch(lambda: {(pool.name,): pool.waiting for pool in pools}),
        _timeouts.watch(lambda: {(pool.name,): pool.timeouts for pool in pools}),
    ]

    def end() -> None:
        for each in ends:
            each()

    return end
