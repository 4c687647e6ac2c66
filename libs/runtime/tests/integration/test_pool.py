"""Connections to the database: shared, waited for, lost."""

import asyncio

import asyncpg
import psycopg
import pytest

from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.database.failures import is_outage
from comptoir_runtime.errors import DatabaseUnavailable, Overloaded
from libs.runtime.tests.integration.world import read


class TestPool:
    async def test_when_all_connections_are_in_use_the_call_is_refused_soon(
        self, runtime_url: str
    ) -> None:
        settings = DatabaseSettings(url=runtime_url, pool_size=2, acquire_timeout=0.05)
        database = await Database.connect(settings)

        async with database.transactions(), database.transactions():
            with pytest.raises(Overloaded):
                async with database.transactions():
                    pass
        await database.ping()
        await database.close()

    async def test_those_who_wait_are_served_in_turn(self, runtime_url: str) -> None:
        database = await Database.connect(DatabaseSettings(url=runtime_url, pool_size=1))
        order: list[int] = []

        async def work(number: int) -> None:
            async with database.transactions() as session:
                order.append(number)
                await session.fetchval("SELECT pg_sleep(0.005)")

        await asyncio.gather(*(work(number) for number in range(12)))

        assert order == list(range(12))
        assert await read(
            database, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        ) == [(1,)]
        await database.close()

    async def test_connections_cut_by_the_server_are_replaced(
        self, database: Database, runtime_url: str
    ) -> None:
        killer = await asyncpg.connect(runtime_url)
        await killer.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await killer.close()
        await asyncio.sleep(0.05)

        assert await read(database, "SELECT 1") == [(1,)]

    @pytest.mark.parametrize("turns", range(4))
    async def test_what_meets_a_connection_while_it_is_cut_is_told_so(
        self, database: Database, runtime_url: str, turns: int
    ) -> None:
        # Blocks the loop: what the server said last is there, and has not been looked at.
        with psycopg.connect(runtime_url, autocommit=True) as killer:
            killer.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        for _ in range(turns):
            await asyncio.sleep(0)

        (met,) = await asyncio.gather(read(database, "SELECT 1"), return_exceptions=True)

        assert met == [(1,)] or (isinstance(met, Exception) and is_outage(met))

    async def test_a_server_that_is_away_is_named_as_such(self) -> None:
        settings = DatabaseSettings(url="postgresql://nobody@127.0.0.1:1/none")

        with pytest.raises(DatabaseUnavailable):
            await Database.connect(settings)
