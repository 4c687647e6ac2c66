"""A pool of connections that costs next to nothing per use.

asyncpg's own pool resets a connection on each release (a round trip) and wraps
it in a proxy. Here sessions never leave anything behind to reset: transactions
end before release, and nobody sets session state.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import asyncpg

from comptoir_runtime.database.failures import RETRY_SOON, is_lost
from comptoir_runtime.database.link import Link
from comptoir_runtime.errors import DatabaseUnavailable, Overloaded


class Pool:
    """At most `size` connections, the most recently used one first."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Link]],
        size: int,
        acquire_timeout: float,
        name: str = "",
    ) -> None:
        self.name = name
        self._connect = connect
        self._size = size
        self._acquire_timeout = acquire_timeout
        self._idle: list[Link] = []
        self._opened = 0
        self._lowest_idle = 0
        self._waiters: deque[asyncio.Future[Link | None]] = deque()
        self._closed = False
        self.timeouts = 0
        """How many have waited in vain."""
        self._breaks = 0

    @property
    def size(self) -> int:
        """Connections that may exist."""
        return self._size

    @property
    def breaks(self) -> int:
        """How many connections have ended before we were done with them."""
        return self._breaks + sum(each.is_closed() for each in self._idle)

    @property
    def idle(self) -> int:
        """Connections that nobody uses now."""
        return len(self._idle)

    @property
    def waiting(self) -> int:
        """Who waits for a connection now."""
        return len(self._waiters)

    @property
    def opened(self) -> int:
        """Connections that exist now, idle or in use."""
        return self._opened

    async def acquire(self) -> Link:
        """A connection outside any transaction; give it back with `release`.

        Raises `Overloaded` when none becomes free in time, `DatabaseUnavailable` when a new one
        cannot be opened.
        """
        if self._closed:
            raise DatabaseUnavailable("the service is stopping")
        while self._idle:
            connection = self._idle.pop()
            self._lowest_idle = min(self._lowest_idle, len(self._idle))
            if not connection.is_closed():
                return connection
            self._breaks += 1
            self._opened -= 1
        if self._opened < self._size:
            self._opened += 1
            return await self._open()
        handed_over = await self._wait()
        return handed_over if handed_over is not None else await self._open()

    def release(self, connection: Link) -> None:
        """Takes back a connection; a broken one makes room for a new one."""
        if connection.is_closed() or self._closed:
            if connection.is_closed():
                self._breaks += 1
            else:
                connection.terminate()
            self._free_slot()
            return
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def shrink(self, keep: int) -> None:
        """Closes the connections that stayed idle since the last call, down to `keep` in all."""
        for _ in range(min(self._lowest_idle, self._opened - keep)):
            self._opened -= 1
            connection = self._idle.pop(0)
            self._breaks += connection.is_closed()
            connection.terminate()
        self._lowest_idle = len(self._idle)

    async def close(self) -> None:
        """Closes the idle connections; those in use follow when they are released."""
        self._closed = True
        idle, self._idle = self._idle, []
        self._opened -= len(idle)
        for connection in idle:
            try:
                await connection.close(timeout=1)
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                connection.terminate()  # it need not agree

    async def _open(self) -> Link:
        try:
            return await self._connect()
        except BaseException as error:
            self._free_slot()
            if isinstance(error, asyncpg.TooManyConnectionsError):
                raise Overloaded("the database is full", retry_after=RETRY_SOON) from error
            if is_lost(error):
                raise DatabaseUnavailable(
                    "the database cannot be reached", retry_after=RETRY_SOON
                ) from error
            raise

    async def _wait(self) -> Link | None:
        """Waits for a connection, or for the room to open one (None)."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[Link | None] = loop.create_future()
        self._waiters.append(waiter)
        timer = loop.call_later(self._acquire_timeout, self._give_up, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
                self._return_unused(waiter.result())
            raise
        finally:
            timer.cancel()

    def _return_unused(self, handed_over: Link | None) -> None:
        if handed_over is None:
            self._free_slot()
        else:
            self.release(handed_over)

    def _free_slot(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)  # the slot passes to the one who waits
                return
        self._opened -= 1

    def _give_up(self, waiter: "asyncio.Future[Link | None]") -> None:
        if not waiter.done():
            self.timeouts += 1
            waiter.set_exception(Overloaded("all connections are in use", retry_after=RETRY_SOON))
