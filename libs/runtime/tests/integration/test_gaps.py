"""Facts that never came: noticed, told, and asked for again."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from comptoir_runtime.bus import Subscription
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.consumer import Policy
from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.event_options import EventType, event_type
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered, Gap, Inbox
from comptoir_runtime.outbox import Relay, replay_subject
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import FACTS, World, record, stop, until

HAPPENED = event_type(sample.ThingHappened)


class TestGaps:
    async def test_a_fact_lost_in_the_middle_of_the_stream_is_asked_for_again(
        self, runtime_url: str, world: World
    ) -> None:
        clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
        database = await Database.connect(DatabaseSettings(url=runtime_url), clock)
        world._stack.push_async_callback(database.close)
        await world.frail_stream(FACTS)
        world.relay()
        await world.emit(*(sample.ThingHappened(thing_id=name) for name in "abc"))
        await world.until_published()
        await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": 2})

        taking = Subscription(sample.SERVICE, {sample.ThingHappened: record})
        looking_often = Policy(gap_check_interval=0.05)
        World(database, world.bus, world._stack).consume(taking, policy=looking_often)
        await world.until_counts({"a": 1, "c": 1})
        cursor = "SELECT contiguous_seq, gap_until, gap_since FROM inbox_cursor"
        await until(lambda: _rows_are(world, cursor, [(1, 2, clock.now())]))
        assert await world.rows(cursor) == [(1, 2, clock.now())]
        clock.advance(6)

        await world.until_counts({"a": 1, "b": 1, "c": 1})
        await until(lambda: _rows_are(world, cursor, [(3, None, None)]))
        assert await world.rows(cursor) == [(3, None, None)]

    async def test_a_gap_that_nobody_can_fill_does_not_hide_later_ones(
        self, runtime_url: str, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
        database = await Database.connect(DatabaseSettings(url=runtime_url), clock)
        world._stack.push_async_callback(database.close)
        await world.frail_stream(FACTS)
        world.relay(audit_seconds=3600)
        await world.emit(*(sample.ThingHappened(thing_id=name) for name in "abcde"))
        await world.until_published()
        for lost in (2, 4):
            await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": lost})
        async with world.database.transactions() as session:
            await session.execute("DELETE FROM outbox WHERE producer_seq = 2")

        taking = Subscription(sample.SERVICE, {sample.ThingHappened: record})
        looking_often = Policy(gap_check_interval=0.05)
        World(database, world.bus, world._stack).consume(taking, policy=looking_often)
        cursor = "SELECT contiguous_seq, gap_until FROM inbox_cursor"
        await until(lambda: _rows_are(world, cursor, [(1, 2)]))
        clock.advance(8 * 86_400 + 1)
        await until(lambda: _rows_are(world, cursor, [(3, 4)]))
        clock.advance(6)

        await world.until_counts(dict.fromkeys("acde", 1))
        assert f"{HAPPENED.name}: 2 to 2 are lost for good" in caplog.text

    async def test_the_first_fact_of_its_type_is_asked_for_again_when_it_is_lost(
        self, world: World
    ) -> None:
        both = Subscription(
            sample.SERVICE, {sample.ThingHappened: record, sample.ThingEnded: record}
        )
        looking_often = Policy(gap_check_interval=0.05, gap_patience=0)
        await world.frail_stream(FACTS)
        world.relay(audit_seconds=3600)
        (task,) = world.consume(both, policy=looking_often)
        await world.emit(sample.ThingHappened(thing_id="a"))
        cursors = "SELECT type, contiguous_seq FROM inbox_cursor ORDER BY type"
        noted = [(event_type(sample.ThingEnded).name, 1), (HAPPENED.name, 1)]
        await until(lambda: _rows_are(world, cursors, noted))
        assert await world.rows(cursors) == noted
        await stop(task)
        await world.emit(*(sample.ThingEnded(thing_id=name) for name in "bc"))
        await world.until_published()
        await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": 2})

        world.consume(both, policy=looking_often)

        await world.until_counts({"a": 1, "b": 1, "c": 1})

    async def test_what_was_told_before_a_type_was_taken_in_is_history(
        self, database: Database
    ) -> None:
        ended = event_type(sample.ThingEnded)
        inbox = Inbox("p", {HAPPENED: _ignore, ended: _ignore})
        await _take_in(database, inbox, [(1, 0)])

        async def gaps() -> list[tuple[str, int, int]]:
            async with database.transactions() as session:
                found = await inbox.find_gaps(session, [HAPPENED.name, ended.name], 50)
            return [(each.type, each.first, each.last) for each in found]

        assert await gaps() == []
        await _take_in(database, inbox, [(60, 45)], ended)
        assert await gaps() == []
        await _take_in(database, inbox, [(70, 65)], ended)
        assert await gaps() == [(ended.name, 61, 65)]

    async def test_only_what_is_missing_is_published_again(self, world: World) -> None:
        """Not what others have in between: there may be much of it."""
        await world.frail_stream(FACTS)
        world.relay(audit_seconds=3600)
        await world.emit(sample.ThingHappened(thing_id="a"), sample.ThingHappened(thing_id="b"))
        await world.emit(*(sample.ThingEnded(thing_id=name) for name in "xyz"))
        await world.emit(sample.ThingHappened(thing_id="c"), sample.ThingHappened(thing_id="d"))
        await world.until_published()
        for lost in (2, 6):
            await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": lost})

        taking = Subscription(sample.SERVICE, {sample.ThingHappened: record})
        world.consume(taking, policy=Policy(gap_check_interval=0.05, gap_patience=0))

        await world.until_counts(dict.fromkeys("abcd", 1))
        assert await world.happened() == ["a", "x", "y", "z", "d", "b", "c"]

    async def test_types_that_are_not_taken_leave_no_gap(self, database: Database) -> None:
        inbox = Inbox("p", {HAPPENED: _ignore})
        await _take_in(database, inbox, [(1, 0), (4, 1), (9, 4)])

        async with database.transactions() as session:
            assert await inbox.find_gaps(session, [HAPPENED.name]) == []
        async with database.transactions.reading() as session:
            assert await session.fetchval("SELECT contiguous_seq FROM inbox_cursor") == 9

    async def test_what_was_before_the_first_event_is_history(self, database: Database) -> None:
        inbox = Inbox("p", {HAPPENED: _ignore})
        await _take_in(database, inbox, [(500, 498), (501, 500)])

        async with database.transactions() as session:
            assert await inbox.find_gaps(session, [HAPPENED.name]) == []

    async def test_a_gap_is_told_with_its_bounds_and_age_until_it_is_filled(
        self, runtime_url: str
    ) -> None:
        clock = ManualClock(datetime(2026, 5, 1, tzinfo=UTC))
        database = await Database.connect(DatabaseSettings(url=runtime_url), clock)
        inbox = Inbox("p", {HAPPENED: _ignore})
        await _take_in(database, inbox, [(1, 0), (7, 5), (8, 7)])

        async def gaps() -> list[Gap]:
            async with database.transactions() as session:
                return await inbox.find_gaps(session, [HAPPENED.name])

        since = clock.now()
        assert await gaps() == [Gap(HAPPENED.name, 2, 5, since)]
        clock.advance(4)
        assert await gaps() == [Gap(HAPPENED.name, 2, 5, since)]
        await _take_in(database, inbox, [(5, 1)])
        assert await gaps() == []
        await database.close()

    async def test_a_request_that_cannot_be_read_harms_nobody(self, world: World) -> None:
        relay, task = world.relay()
        await until(lambda: _leads(relay))
        await world.bus.connected()
        for request in (b"", b"[]", b"[9, 1, 2]", orjson.dumps({"kind": 1})):
            await world.bus.client.publish(replay_subject(sample.SERVICE), request)
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()

        assert not task.done()


async def _ignore(session: Session, message: Any) -> None:
    return


async def _take_in(
    database: Database, inbox: Inbox, numbers: list[tuple[int, int]], kind: EventType = HAPPENED
) -> None:
    events = [
        Delivered(uuid7(), kind.name, "subject", b"", sequence, previous, {})
        for sequence, previous in numbers
    ]
    async with database.transactions() as session:
        assert await inbox.take_in(session, events) == len(events)


async def _leads(relay: Relay) -> bool:
    return relay.leading


async def _rows_are(world: World, sql: str, expected: list[tuple[Any, ...]]) -> bool:
    return await world.rows(sql) == expected
