import asyncio
from typing import Any, cast

import pytest

from comptoir_runtime.database.link import Link
from comptoir_runtime.database.pool import Pool
from comptoir_runtime.errors import DatabaseUnavailable, Overloaded


class FakeConnection:
    def __init__(self) -> None:
        self.closed = False
        self.hangs = False

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg's
        if self.hangs:
            raise TimeoutError
        self.closed = True


class FakeServer:
    def __init__(self) -> None:
        self.made: list[FakeConnection] = []
        self.error: Exception | None = None

    async def connect(self) -> Link:
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        self.made.append(FakeConnection())
        return cast(Link, self.made[-1])


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


def pool_of(server: FakeServer, size: int, patience: float = 0.02) -> Pool:
    return Pool(server.connect, size, patience)


class TestPool:
    async def test_uses_the_last_released_connection_again(self, server: FakeServer) -> None:
        pool = pool_of(server, 3)
        first, second = await pool.acquire(), await pool.acquire()
        pool.release(first)
        pool.release(second)

        assert await pool.acquire() is second
        assert len(server.made) == 2

    async def test_a_closed_connection_is_replaced(self, server: FakeServer) -> None:
        pool = pool_of(server, 1)
        first = await pool.acquire()
        pool.release(first)
        server.made[0].closed = True

        assert await pool.acquire() is not first
        assert pool.opened == 1

    async def test_who_waits_too_long_is_refused_and_takes_no_room(
        self, server: FakeServer
    ) -> None:
        pool = pool_of(server, 1)
        taken = await pool.acquire()
        with pytest.raises(Overloaded):
            await pool.acquire()
        pool.release(taken)

        assert await pool.acquire() is taken

    async def test_a_connection_goes_to_the_first_who_waits(self, server: FakeServer) -> None:
        pool = pool_of(server, 1, patience=1)
        taken = await pool.acquire()
        waiting = [asyncio.create_task(pool.acquire()) for _ in range(2)]
        await asyncio.sleep(0)
        pool.release(taken)

        assert await waiting[0] is taken
        assert not waiting[1].done()
        pool.release(taken)
        assert await waiting[1] is taken

    async def test_a_broken_connection_makes_room_for_who_waits(self, server: FakeServer) -> None:
        pool = pool_of(server, 1, patience=1)
        taken = await pool.acquire()
        waiting = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        server.made[0].closed = True
        pool.release(taken)

        assert await waiting is not taken
        assert pool.opened == 1

    async def test_who_is_cancelled_while_being_served_passes_it_on(
        self, server: FakeServer
    ) -> None:
        pool = pool_of(server, 1, patience=1)
        taken = await pool.acquire()
        cancelled = asyncio.create_task(pool.acquire())
        patient = asyncio.create_task(pool.acquire())
        await asyncio.sleep(0)
        pool.release(taken)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

        assert await patient is taken

    @pytest.mark.parametrize("error", [ConnectionRefusedError(), TimeoutError(), OSError()])
    async def test_a_server_that_is_away_is_named_and_takes_no_room(
        self, server: FakeServer, error: Exception
    ) -> None:
        pool = pool_of(server, 1)
        server.error = error
        with pytest.raises(DatabaseUnavailable):
            await pool.acquire()
        assert pool.opened == 0
        server.error = None

        assert await pool.acquire() is not None

    async def test_connections_that_stay_idle_are_closed(self, server: FakeServer) -> None:
        pool = pool_of(server, 4)
        taken = [await pool.acquire() for _ in range(4)]
        for connection in taken:
            pool.release(connection)
        pool.shrink(keep=1)  # since the last call, at some time none was idle
        assert pool.opened == 4
        busy: Any = await pool.acquire()
        pool.release(busy)
        pool.shrink(keep=2)

        assert pool.opened == 2
        assert await pool.acquire() is busy

    async def test_connections_that_ended_by_themselves_are_counted_wherever_they_are_found(
        self, server: FakeServer
    ) -> None:
        pool = pool_of(server, 3)
        taken = [await pool.acquire() for _ in range(3)]
        server.made[0].closed = True
        for connection in taken:
            pool.release(connection)
        assert pool.breaks == 1
        server.made[2].closed = True
        assert await pool.acquire() is taken[1]
        assert pool.breaks == 2
        pool.release(taken[1])
        pool.shrink(keep=1)
        server.made[1].closed = True
        pool.shrink(keep=0)
        assert (pool.breaks, pool.opened) == (3, 0)

    async def test_who_does_not_answer_the_last_word_keeps_no_other_open(
        self, server: FakeServer
    ) -> None:
        pool = pool_of(server, 2)
        for connection in [await pool.acquire(), await pool.acquire()]:
            pool.release(connection)
        server.made[0].hangs = True

        await pool.close()

        assert [each.closed for each in server.made] == [True, True]
        assert pool.breaks == 0

    async def test_what_is_closed_on_purpose_is_no_break(self, server: FakeServer) -> None:
        pool = pool_of(server, 2)
        used, idle = await pool.acquire(), await pool.acquire()
        pool.release(idle)
        pool.shrink(keep=0)
        pool.shrink(keep=0)
        await pool.close()
        pool.release(used)
        assert (pool.breaks, pool.opened) == (0, 0)

    async def test_after_closing_nothing_is_given_out_and_all_ends(
        self, server: FakeServer
    ) -> None:
        pool = pool_of(server, 2)
        used, idle = await pool.acquire(), await pool.acquire()
        pool.release(idle)
        await pool.close()
        with pytest.raises(DatabaseUnavailable):
            await pool.acquire()
        pool.release(used)

        assert [each.closed for each in server.made] == [True, True]
        assert pool.opened == 0
