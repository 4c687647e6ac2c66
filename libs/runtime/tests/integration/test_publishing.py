"""What an outbox publishes is in its stream in order, whatever is lost or repeated on the way.

The ids are those of the catalogue of faults.
"""

import asyncio
import logging
import random

import orjson
import pytest

from comptoir_runtime.bus import Bus, Limits, Subscription
from comptoir_runtime.bus.publisher import LONGEST_ROW
from comptoir_runtime.ids import uuid7
from comptoir_runtime.outbox import Relay
from libs.runtime.tests import sample
from libs.runtime.tests.integration.wire import Wire
from libs.runtime.tests.integration.world import (
    FACTS,
    World,
    facts,
    names,
    newest_states,
    record,
    states,
    stop,
    until,
)

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
BATCH = "Nats-Batch-Id"
WAITING = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
NUMBERS = "SELECT producer_seq, stream_seq FROM outbox WHERE kind = 1 ORDER BY position"


class TestPublishing:
    async def test_when_acknowledgements_are_lost_nothing_is_stored_twice(
        self, world: World, clean_nats: str
    ) -> None:
        """F10: the stream has the events, and nobody was told."""
        async with Wire(clean_nats) as wire:
            bus = await _bus(wire.url)
            world.relay(bus)
            await world.emit(*facts(["first"]))
            await world.until_published()
            wire.deaf = True
            things = names(60)
            await world.emit(*facts(things))
            await world.until_stream_has(FACTS, 61)
            wire.cut()
            await world.until_published()
            await world.emit(*facts(["last"]))
            await world.until_published()

            assert await world.happened() == ["first", *things, "last"]
            assert await world.rows(NUMBERS) == [(each, each) for each in range(1, 63)]
            await bus.close()

    async def test_a_message_stored_twice_pushes_no_event_before_another(
        self, world: World
    ) -> None:
        """F11: the relay does not know of the copy, so all it sends comes one place too late."""
        world.relay()
        await world.emit(*facts(["first"]))
        await world.until_published()
        await world.store_again(FACTS, 1)
        things = names(3)
        await world.emit(*facts(things))
        await world.until_published()

        assert await world.happened() == ["first", "first", *things]
        assert await world.rows(NUMBERS) == [(1, 1), (2, 3), (3, 4), (4, 5)]

    @pytest.mark.parametrize("stranger", [{}, {"Nats-Msg-Id": "of somebody else"}])
    async def test_what_follows_a_refused_message_is_refused(
        self, world: World, stranger: dict[str, str]
    ) -> None:
        """F11, between two messages in a row: what the server promises, and rows rely on."""
        world.relay()
        await world.emit(*facts(["first"]))
        await world.until_published()
        subject = (await world.messages(FACTS))[0]["subject"]
        client = world.bus.client
        await client.publish(subject, headers={"Nats-Msg-Id": "m0"})
        await client.publish(subject, headers=stranger)
        refused = []
        for number in range(1, 4):
            headers = {"Nats-Msg-Id": f"m{number}", "Nats-Expected-Last-Msg-Id": f"m{number - 1}"}
            answer = await client.request(subject, headers=headers, timeout=30)
            refused.append("error" in orjson.loads(answer.data))

        assert refused == [True] * 3
        assert (await world.stream(FACTS))["messages"] == 3

    @pytest.mark.parametrize(("count", "is_batch"), [(LONGEST_ROW, False), (LONGEST_ROW + 1, True)])
    async def test_few_are_sent_in_a_row_and_many_as_a_batch(
        self, world: World, count: int, is_batch: bool
    ) -> None:
        world.relay()
        await world.until_stream_has(FACTS, 0)
        things = names(count)
        await world.emit(*facts(things))
        await world.until_published()

        assert await world.happened() == things
        assert [BATCH in each for each in await world.messages(FACTS)] == [is_batch] * count

    async def test_after_a_crash_between_publishing_and_marking_numbers_stay(
        self, world: World
    ) -> None:
        """F1, F15: what the relay wrote last is lost, and a row with a lower position appears."""
        _, task = world.relay()
        await world.emit(*facts(names(3)))
        await world.until_published()
        await stop(task)
        async with world.database.transactions() as session:
            await session.execute(
                "UPDATE outbox SET published_at = NULL, producer_seq = NULL, previous_seq = NULL,"
                " stream_seq = NULL WHERE position > 1"
            )
            await session.execute("UPDATE outbox_sequence SET last_seq = 1")
            await session.execute(
                "INSERT INTO outbox (id, position, kind, subject, type, payload, headers)"
                " OVERRIDING SYSTEM VALUE SELECT $1, 0, kind, subject || 'x', type, payload,"
                " headers FROM outbox WHERE position = 1",
                uuid7(),
            )

        world.relay()
        await world.until_published()

        assert await world.rows(NUMBERS) == [(4, 4), (1, 1), (2, 2), (3, 3)]
        assert await world.happened() == ["000", "001", "002", "000x"]

    async def test_each_event_five_times_in_any_order_has_one_effect(self, world: World) -> None:
        """F11, outside of the window in which the stream knows duplicates."""
        world.relay()
        things = names(60)
        await world.emit(*facts(things))
        await world.until_published()
        again = [each for each in await world.messages(FACTS) for _ in range(4)]
        random.Random(11).shuffle(again)
        world.consume(HAPPENED)
        for each in again:
            headers = {key: value for key, value in each.items() if key.startswith(("ce-", "Com"))}
            await world.bus.client.publish(each["subject"], each["data"], headers=headers)
        await world.emit(*facts(["last"]))
        await world.until_counts(dict.fromkeys([*things, "last"], 1))

        await world.until_stream_has(FACTS, 301)
        await until(world.all_taken)
        assert await world.counts() == dict.fromkeys([*things, "last"], 1)
        assert await world.value("SELECT count(*) FROM inbox") == 61

    async def test_a_full_stream_refuses_and_the_outbox_holds(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        """F14."""
        _, task = world.relay(limits=Limits(facts_bytes=20_000))
        world.consume(HAPPENED)
        things = names(200)
        for thing in things:
            await world.emit(*facts([thing]))
        await until(lambda: _logged(caplog, "maximum bytes exceeded"))
        await stop(task)
        # What the stream took just before it refused may still be written down as waiting.
        stored = (await world.stream(FACTS))["messages"]
        assert stored < 200
        assert await world.value(WAITING) >= 200 - stored

        world.relay(limits=Limits(facts_bytes=1_000_000))
        await world.until_published()
        await world.until_counts(dict.fromkeys(things, 1))

        assert await world.happened() == things
        assert (await world.stream(FACTS))["messages"] == 200

    async def test_a_stream_that_is_nearly_full_is_told(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.relay(limits=Limits(facts_bytes=4_000), audit_seconds=0.05)
        for thing in names(7):
            await world.emit(*facts([thing]))
            await world.until_published()

        await until(lambda: _logged(caplog, "% full"))
        assert await _logged(caplog, "% full")

    async def test_a_leader_that_was_asleep_cannot_bring_back_an_old_state(
        self, world: World, clean_nats: str
    ) -> None:
        """F34, F37: it has sent its events when another one takes over, and they arrive late."""
        async with Wire(clean_nats) as wire:
            bus = await _bus(wire.url)
            _, first_task = world.relay(bus)
            await world.emit(*states(["a", "b"], 1))
            await world.until_published()
            wire.open.clear()
            before = bus.client.stats["out_msgs"]
            await world.emit(*states(["a"], 2), *facts(["a"]))
            assert await until(lambda: _has_sent(bus, before + 2))
            # It waits for its answers: what has come since is told by whoever leads next.
            await world.emit(*states(["a"], 3))
            await world.value(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE '% relay' AND datname = current_database()"
            )
            second, _ = world.relay()
            assert await until(lambda: _leads(second))
            await world.until_published()
            wire.open.set()
            await asyncio.sleep(0.2)  # what was held up arrives, and is refused
            await stop(first_task)

            assert await newest_states(world) == {"a": 3, "b": 1}
            assert await world.happened() == ["a"]
            await bus.close()


async def _bus(url: str) -> Bus:
    bus = Bus(url, "publisher")
    bus.start()
    await bus.connected()
    return bus


async def _logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return any(
        text in each.getMessage() and each.levelno >= logging.WARNING for each in caplog.records
    )


async def _has_sent(bus: Bus, count: int) -> bool:
    return bus.client.stats["out_msgs"] >= count


async def _leads(relay: Relay) -> bool:
    return relay.leading
