"""What a transaction writes, keeps to itself and tells afterwards."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from sqlalchemy import desc
from sqlmodel import col, select

from comptoir_local.databases import DatabaseServer
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.errors import (
    ConcurrentChange,
    NetworkCallInTransaction,
)
from comptoir_runtime.event_options import NotAnEvent
from comptoir_runtime.guard import outside_transaction
from comptoir_runtime.telemetry import continue_trace
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import COUNTS, RECORD, read
from libs.runtime.tests.sample_tables import Colour, Thing

OUTBOX = "SELECT kind, subject, type, payload, headers FROM outbox ORDER BY position"
ANSWERS = "SELECT scope, caller, key, request_hash, code, body, created_at FROM idempotency"


class Heard:
    """Remembers what it was told after commits."""

    def __init__(self) -> None:
        self.outbox = 0
        self.signals: list[tuple[str, bytes]] = []

    def outbox_written(self) -> None:
        self.outbox += 1

    def signals_sent(self, signals: Sequence[tuple[str, bytes]]) -> None:
        self.signals += signals


class TestTransaction:
    async def test_change_and_events_are_committed_together_in_order(
        self, database: Database
    ) -> None:
        happened = sample.ThingHappened(thing_id="a b", number=1)
        state = sample.ThingState(thing_id="a b", number=2)

        async with database.transactions() as session:
            await session.execute(RECORD, "a b")
            session.emit(happened)
            session.emit(state)
            assert await read(database, OUTBOX) == []

        assert await read(database, COUNTS) == [("a b", 1)]
        package = "comptoir.runtimetest.v1"
        assert await read(database, OUTBOX) == [
            (
                1,
                f"{package}.ThingHappened.a=20b",
                f"{package}.ThingHappened",
                happened.SerializeToString(),
                {},
            ),
            (
                2,
                f"{package}.ThingState.a=20b",
                f"{package}.ThingState",
                state.SerializeToString(),
                {},
            ),
        ]

    async def test_nothing_remains_of_one_that_fails(self, database: Database) -> None:
        heard, called = Heard(), []
        database.announce_to(heard)

        async def change_and_fail() -> None:
            async with database.transactions() as session:
                await session.execute(RECORD, "a")
                session.emit(sample.ThingHappened(thing_id="a"))
                session.signal(sample.ThingTouched(thing_id="a"))
                session.after_commit(lambda: called.append("called"))
                session.remember_answer("scope", "caller", "key", b"hash", b"body")
                raise RuntimeError("second thoughts")

        with pytest.raises(RuntimeError, match="second thoughts"):
            await change_and_fail()

        assert await read(database, COUNTS) == []
        assert await read(database, OUTBOX) == []
        assert await read(database, ANSWERS) == []
        assert (heard.outbox, heard.signals, called) == (0, [], [])

    async def test_a_change_whose_event_cannot_be_written_down_is_not_made(
        self, database: Database, migration: "asyncpg.Connection[asyncpg.Record]"
    ) -> None:
        async def change_and_tell() -> None:
            async with database.transactions() as session:
                await session.execute(RECORD, "a")
                session.emit(sample.ThingHappened(thing_id="a"))

        # Refused with the commit itself: until then nothing has gone wrong.
        await migration.execute("ALTER TABLE outbox ADD CONSTRAINT is_full CHECK (false) NOT VALID")
        with pytest.raises(asyncpg.CheckViolationError):
            await change_and_tell()

        assert await read(database, COUNTS) == []
        assert await read(database, OUTBOX) == []

    async def test_news_is_told_after_commit(self, database: Database) -> None:
        heard, called = Heard(), []
        database.announce_to(heard)

        async with database.transactions() as session:
            session.emit(sample.ThingHappened(thing_id="a"))
            session.signal(sample.ThingTouched(thing_id="a"))
            session.after_commit(lambda: called.append("first"))
            session.after_commit(lambda: called.append("second"))
            assert (heard.outbox, called) == (0, [])

        assert heard.outbox == 1
        touched = sample.ThingTouched(thing_id="a").SerializeToString()
        assert heard.signals == [("signal.comptoir.runtimetest.v1.ThingTouched.a", touched)]
        assert called == ["first", "second"]

    async def test_a_callback_that_fails_does_not_undo_the_commit(
        self, database: Database, caplog: pytest.LogCaptureFixture
    ) -> None:
        called = []

        def fail() -> None:
            raise RuntimeError("no callback is perfect")

        async with database.transactions() as session:
            await session.execute(RECORD, "a")
            session.after_commit(fail)
            session.after_commit(lambda: called.append("called"))

        assert await read(database, COUNTS) == [("a", 1)]
        assert called == ["called"]
        assert "a callback failed after commit" in caplog.text

    async def test_an_event_carries_the_trace_of_its_call(self, database: Database) -> None:
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        continue_trace(parent)

        async with database.transactions() as session:
            session.emit(sample.ThingHappened(thing_id="a"))

        assert await read(database, "SELECT headers FROM outbox") == [({"traceparent": parent},)]

    @pytest.mark.parametrize("events", [0, 1, 3])
    async def test_an_answer_is_kept_with_its_effect(self, runtime_url: str, events: int) -> None:
        clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
        database = await Database.connect(DatabaseSettings(url=runtime_url), clock)

        async with database.transactions() as session:
            session.remember_answer("scope", "caller", "key", b"hash", b"body", 3)
            for _ in range(events):
                session.emit(sample.ThingHappened(thing_id="a"))

        assert await read(database, ANSWERS) == [
            ("scope", "caller", "key", b"hash", 3, b"body", clock.now())
        ]
        assert len(await read(database, OUTBOX)) == events
        await database.close()

    async def test_the_same_key_a_second_time_has_no_effect_at_all(
        self, database: Database
    ) -> None:
        async def once(thing: str) -> None:
            async with database.transactions() as session:
                await session.execute(RECORD, thing)
                session.emit(sample.ThingHappened(thing_id=thing))
                session.remember_answer("scope", "caller", "key", b"hash", thing.encode())

        await once("first")
        with pytest.raises(asyncpg.UniqueViolationError) as caught:
            await once("second")

        assert caught.value.constraint_name == "pk_idempotency"
        assert await read(database, COUNTS) == [("first", 1)]
        assert len(await read(database, OUTBOX)) == 1
        assert await read(database, "SELECT body FROM idempotency") == [(b"first",)]

    async def test_a_signal_is_not_an_event_and_an_event_no_signal(
        self, database: Database
    ) -> None:
        async with database.transactions() as session:
            with pytest.raises(NotAnEvent, match=r"session\.signal"):
                session.emit(sample.ThingTouched(thing_id="a"))
            with pytest.raises(NotAnEvent, match=r"session\.emit"):
                session.signal(sample.ThingHappened(thing_id="a"))
            with pytest.raises(NotAnEvent, match="has no"):
                session.emit(sample.NoEvent(thing_id="a"))

        assert await read(database, OUTBOX) == []

    async def test_an_event_too_large_for_the_bus_is_refused_where_it_is_emitted(
        self, database: Database
    ) -> None:
        with pytest.raises(ValueError, match="too large"):
            async with database.transactions() as session:
                session.emit(sample.ThingHappened(thing_id="a" * 900_001))

        assert await read(database, OUTBOX) == []

    async def test_a_network_call_inside_is_refused(self, database: Database) -> None:
        async with database.transactions():
            with pytest.raises(NetworkCallInTransaction):
                outside_transaction()
        outside_transaction()

    async def test_being_cancelled_leaves_no_change_and_no_connection(
        self, runtime_url: str
    ) -> None:
        database = await Database.connect(DatabaseSettings(url=runtime_url, pool_size=1))

        async def slow() -> None:
            async with database.transactions() as session:
                await session.execute(RECORD, "a")
                await session.fetchval("SELECT pg_sleep(10)")

        task = asyncio.get_running_loop().create_task(slow())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        assert await read(database, COUNTS) == []  # on the only connection there is
        await database.close()


class TestReading:
    async def test_sees_what_was_committed_in_between(self, database: Database) -> None:
        async with database.transactions.reading() as reader:
            assert await reader.fetch(COUNTS) == []
            async with database.transactions() as session:
                await session.execute(RECORD, "a")
            assert await reader.fetchval("SELECT count(*) FROM thing") == 1

    async def test_cannot_emit(self, database: Database) -> None:
        async with database.transactions.reading() as reader:
            with pytest.raises(RuntimeError, match="needs a transaction"):
                reader.emit(sample.ThingHappened(thing_id="a"))

    async def test_rows_are_read_by_name_and_json_is_objects(self, database: Database) -> None:
        async with database.transactions() as session:
            await session.execute(
                "INSERT INTO thing (id, colour, details, count) VALUES ($1, $2, $3, $4)",
                *("a", "red", {"sizes": ["S", "M"], "name": "Überzug"}, 3),
            )
            row = await session.fetchrow("SELECT * FROM thing")

        assert row is not None
        assert (row.id, row["count"]) == ("a", 3)
        assert row.details == {"sizes": ["S", "M"], "name": "Überzug"}
        with pytest.raises(AttributeError):
            _ = row.missing


class TestSelect:
    async def test_a_composed_statement_runs_on_the_same_connection(
        self, database: Database
    ) -> None:
        async with database.transactions() as session:
            await session.executemany(
                "INSERT INTO thing (id, colour, details, count) VALUES ($1, $2, $3, $4)",
                [("a", "red", {"n": 1}, 1), ("b", "blue", {"n": 2}, 2), ("c", "blue", {}, 3)],
            )
            rows = await session.select(
                select(Thing.id, Thing.details)
                .where(col(Thing.colour) == Colour.BLUE, col(Thing.id).in_(["a", "b", "c"]))
                .order_by(desc(col(Thing.count)))
                .limit(10)
            )

        assert [(row.id, row.details) for row in rows] == [("c", {}), ("b", {"n": 2})]


class TestRun:
    async def test_colliding_transactions_are_run_again(self, database: Database) -> None:
        async with database.transactions() as session:
            await session.execute(RECORD, "a")
        seen = 0

        async def add_one(session: Session) -> int:
            nonlocal seen
            seen += 1
            await session.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            count: int = await session.fetchval("SELECT count FROM thing WHERE id = 'a'")
            await asyncio.sleep(0.01)
            await session.execute("UPDATE thing SET count = $1 WHERE id = 'a'", count + 1)
            return count + 1

        run = database.transactions.run
        results = await asyncio.gather(*(run(add_one) for _ in range(3)))

        assert sorted(results) == [2, 3, 4]
        assert await read(database, COUNTS) == [("a", 4)]
        assert seen > 3

    async def test_gives_up_after_five_collisions_with_no_effect(self, database: Database) -> None:
        attempts = 0

        async def collide(session: Session) -> None:
            nonlocal attempts
            attempts += 1
            await session.execute(RECORD, f"a{attempts}")
            raise asyncpg.SerializationError("could not serialize access")

        with pytest.raises(ConcurrentChange):
            await database.transactions.run(collide)

        assert attempts == 5
        assert await read(database, COUNTS) == []


class TestClock:
    async def test_is_the_databases(
        self, database: Database, postgres_server: DatabaseServer
    ) -> None:
        async with database.transactions.reading() as session:
            there: datetime = await session.fetchval("SELECT clock_timestamp()")

        assert abs(database.clock.now() - there) < timedelta(seconds=0.5)
