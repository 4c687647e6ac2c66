"""Several statements in one message: their order, their failures, and what is left behind."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import asyncpg
import pytest

from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.database.link import MAX_PREPARED
from libs.runtime.tests.integration.world import COUNTS, RECORD

COUNT_UP = "UPDATE thing SET count = count * 10 + $2 WHERE id = $1"
REPLIES = "SELECT count FROM thing WHERE id = $1"


@pytest.fixture
async def one(runtime_url: str) -> AsyncIterator[Database]:
    """A database with a single connection: what one transaction leaves behind, the next finds."""
    opened = await Database.connect(DatabaseSettings(url=runtime_url, pool_size=1))
    yield opened
    await opened.close()


async def things(database: Database) -> list[tuple[Any, ...]]:
    async with database.transactions.reading() as session:
        return [tuple(row.values()) for row in await session.fetch(COUNTS)]


class TestSend:
    async def test_statements_run_in_the_order_they_were_given(self, one: Database) -> None:
        async with one.transactions() as session:
            session.send(RECORD, "a")
            session.send(COUNT_UP, "a", 2)
            assert await session.fetchval(REPLIES, "a") == 12
            assert await session.execute(COUNT_UP, "a", 3) == "UPDATE 1"
            session.send(COUNT_UP, "a", 4)
            session.send(COUNT_UP, "a", 5)

        assert await things(one) == [("a", 12345)]

    @pytest.mark.parametrize("number", [0, 1, 2, 3])
    async def test_a_transaction_may_send_and_wait_for_nothing(
        self, one: Database, number: int
    ) -> None:
        async with one.transactions() as session:
            for each in range(number):
                session.send(RECORD, f"thing {each}")

        assert await things(one) == [(f"thing {each}", 1) for each in range(number)]

    async def test_goes_ahead_of_many(self, one: Database) -> None:
        async with one.transactions() as session:
            session.send(RECORD, "a")
            await session.executemany(COUNT_UP, [("a", 2), ("a", 3)])

        assert await things(one) == [("a", 123)]

    async def test_what_is_refused_is_raised_by_the_statement_that_is_waited_for(
        self, one: Database
    ) -> None:
        async def twice_the_same() -> None:
            async with one.transactions() as session:
                await session.execute(RECORD, "a")
                session.send(RECORD, "b")
                session.send(RECORD, "a")
                await session.fetchval(REPLIES, "b")
                raise AssertionError("must not get here")

        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            await twice_the_same()

        assert caught.value.constraint_name == "pk_thing"
        assert await things(one) == []

    async def test_what_is_refused_is_raised_by_the_commit_and_nothing_remains(
        self, one: Database
    ) -> None:
        async def twice_the_same() -> None:
            async with one.transactions() as session:
                session.send(RECORD, "a")
                session.send(RECORD, "b")
                session.send(RECORD, "a")
                session.send(RECORD, "c")

        with pytest.raises(asyncpg.UniqueViolationError):
            await twice_the_same()

        assert await things(one) == []

    async def test_a_statement_that_answers_rows_must_be_waited_for(self, one: Database) -> None:
        async def send_a_question() -> None:
            async with one.transactions() as session:
                session.send(RECORD, "a")
                session.send(REPLIES, "a")

        with pytest.raises(TypeError, match="must be waited for"):
            await send_a_question()

        assert await things(one) == []

    async def test_a_type_that_cannot_be_sent_is_named(self, one: Database) -> None:
        async def send_a_network() -> None:
            async with one.transactions() as session:
                session.send("DELETE FROM thing WHERE count = $1::numeric", 1)
                session.send(RECORD, "a")

        with pytest.raises(TypeError, match=r"\$1 is of type numeric"):
            await send_a_network()

        assert await things(one) == []

    async def test_needs_a_transaction(self, one: Database) -> None:
        async with one.transactions.reading() as session:
            with pytest.raises(RuntimeError, match="needs a transaction"):
                session.send(RECORD, "a")

    @pytest.mark.parametrize("arguments", [("a", "no number"), ("a",), ("a", 2**31)])
    async def test_arguments_that_do_not_fit_leave_nothing_behind(
        self, one: Database, arguments: tuple[Any, ...]
    ) -> None:
        async def sent() -> None:
            async with one.transactions() as session:
                session.send(RECORD, "a")
                session.send(COUNT_UP, *arguments)

        async def waited_for() -> None:
            async with one.transactions() as session:
                session.send(RECORD, "a")
                await session.execute(COUNT_UP, *arguments)

        for change in (sent, waited_for):
            with pytest.raises((asyncpg.DataError, asyncpg.InterfaceError)):
                await change()
            assert await things(one) == []


class _Counting:
    """A transport that counts what is written."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.writes = 0

    def write(self, data: bytes) -> None:
        self.writes += 1
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class TestWire:
    @pytest.mark.parametrize("mode", ["prefer", "disable"])
    async def test_what_travels_together_is_one_message(self, runtime_url: str, mode: str) -> None:
        url = f"{runtime_url}?sslmode={mode}"
        database = await Database.connect(DatabaseSettings(url=url, pool_size=1))

        async def change(thing: str) -> None:
            async with database.transactions() as session:
                assert await session.fetchval(REPLIES, thing) is None
                session.send(RECORD, thing)
                session.send(COUNT_UP, thing, 2)

        await change("prepares the statements")
        link = await database.transactions.acquire()
        link._wire.transport = counting = _Counting(link._wire.transport)
        database.transactions.release(link)
        await change("a")

        assert counting.writes == 2
        assert (await things(database))[0] == ("a", 12)
        await database.close()


class TestEncoding:
    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("text", "Überzug €"),
            ("text", ""),
            ("varchar", "abc"),
            ("bool", True),
            ("bool", False),
            ("int2", -(2**15)),
            ("int4", 2**31 - 1),
            ("int8", -(2**63)),
            ("float8", -0.1),
            ("bytea", b"\0\1\xff"),
            ("uuid", uuid.UUID(int=2**128 - 5)),
            ("date", date(1999, 12, 31)),
            ("timestamptz", datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)),
            ("timestamptz", datetime(1912, 6, 23, tzinfo=UTC)),
            ("jsonb", {"a": [1, None, "é"]}),
            ("jsonb", {}),
            ("text", None),
            ("jsonb", None),
        ],
    )
    async def test_values_arrive_as_asyncpg_would_send_them(
        self,
        one: Database,
        migration: "asyncpg.Connection[asyncpg.Record]",
        kind: str,
        value: Any,
    ) -> None:
        await migration.execute(f"CREATE TABLE value (number int, one {kind}, many {kind}[])")
        manies = [[], [value], [value, None, value]]

        insert = "INSERT INTO value (number, one, many) VALUES ($1, $2, $3)"
        async with one.transactions() as session:
            for many in manies:
                session.send(insert, 1, value, many)
                await session.execute(insert, 2, value, many)

        async with one.transactions.reading() as session:
            rows = await session.fetch("SELECT one, many FROM value ORDER BY number")
        assert [(row.one, row.many) for row in rows] == [(value, many) for many in manies] * 2


class TestFailures:
    async def test_an_error_that_is_passed_over_does_not_look_like_a_commit(
        self, one: Database
    ) -> None:
        async def pass_over() -> None:
            async with one.transactions() as session:
                await session.execute(RECORD, "a")
                with pytest.raises(asyncpg.UniqueViolationError):
                    await session.execute(RECORD, "a")

        with pytest.raises(asyncpg.InFailedSQLTransactionError):
            await pass_over()

        assert await things(one) == []

    async def test_statements_outlive_a_migration(
        self, one: Database, migration: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        everything = "SELECT * FROM thing"
        async with one.transactions() as session:
            await session.execute(RECORD, "a")
            assert len(await session.fetch(everything)) == 1

        await migration.execute("ALTER TABLE thing ADD COLUMN size text DEFAULT 'M'")
        async with one.transactions.reading() as session:
            assert (await session.fetch(everything))[0].size == "M"

        await migration.execute("ALTER TABLE thing ADD COLUMN weight int DEFAULT 7")

        async def weigh(session: Session) -> int:
            session.send(RECORD, "b")
            weight: int = (await session.fetch(everything))[0].weight
            return weight

        assert await one.transactions.run(weigh) == 7
        assert await things(one) == [("a", 1), ("b", 1)]

    async def test_being_cancelled_in_the_middle_of_a_flight_leaves_nothing(
        self, one: Database
    ) -> None:
        async def slow() -> None:
            async with one.transactions() as session:
                session.send(RECORD, "a")
                await session.fetchval("SELECT pg_sleep(10)")

        task = asyncio.get_running_loop().create_task(slow())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await things(one) == []

    async def test_more_statements_than_are_kept(self, one: Database) -> None:
        async with one.transactions() as session:
            for number in range(MAX_PREPARED + 20):
                session.send(RECORD.replace("$1", f"'{number}'"))

        async with one.transactions() as session:
            await session.execute("DELETE FROM thing WHERE id = '0'")
            session.send(RECORD, "0")

        assert len(await things(one)) == MAX_PREPARED + 20
