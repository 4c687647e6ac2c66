"""What is broken on purpose, and whether every event has its effect exactly once all the same.

The ids are those of the catalogue of faults.
"""

import asyncio
import logging
import random
import shutil

import pytest

from comptoir_local.embedded import EmbeddedNats
from comptoir_runtime.bus import Bus, Limits, Subscription
from comptoir_runtime.consumer import Policy
from comptoir_runtime.ids import uuid7
from comptoir_runtime.outbox import Relay
from libs.runtime.tests import sample
from libs.runtime.tests.integration.wire import Wire
from libs.runtime.tests.integration.world import FACTS, STATES, World, record, stop, until

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
PATIENT = Policy(gap_patience=3600)
WAITING = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
NUMBERS = "SELECT producer_seq, stream_seq FROM outbox WHERE kind = 1 ORDER BY position"


def names(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]


def facts(things: list[str]) -> list[sample.ThingHappened]:
    return [sample.ThingHappened(thing_id=thing) for thing in things]


def states(things: list[str], number: int) -> list[sample.ThingState]:
    return [sample.ThingState(thing_id=thing, number=number) for thing in things]


async def newest_states(world: World) -> dict[str, int]:
    found = [sample.ThingState.FromString(each["data"]) for each in await world.messages(STATES)]
    return {each.thing_id: each.number for each in found}


class TestTheStoreOfNats:
    async def test_a_suffix_that_was_lost_is_published_again(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        """F7: stopped, and started on an older copy of its files; facts, states and consumers."""
        outage.relay()
        outage.consume(HAPPENED)
        early, late = names(40), names(60, "late")
        await outage.emit(*facts(early), *states(early, 1))
        await outage.until_counts(dict.fromkeys(early, 1))
        own_nats.stop()
        copy = own_nats.home / "copy"
        shutil.copytree(own_nats.home / "jetstream", copy)
        own_nats.start()
        await outage.emit(*facts(late), *states(early[:10], 2))
        await outage.until_counts(dict.fromkeys([*early, *late], 1))
        await outage.until_published()

        own_nats.stop()
        shutil.rmtree(own_nats.home / "jetstream")
        copy.rename(own_nats.home / "jetstream")
        own_nats.start()
        await outage.emit(*facts(["new"]))
        await outage.until_counts(dict.fromkeys([*early, *late, "new"], 1))

        await outage.until_stream_has(FACTS, 101)
        assert await outage.happened() == [*early, *late, "new"]
        await until(lambda: _states_are(outage, {**dict.fromkeys(early, 1)} | _two(early)))
        assert await newest_states(outage) == dict.fromkeys(early, 1) | _two(early)

    async def test_a_store_that_was_wiped_is_filled_again(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        """F8."""
        outage.relay()
        outage.consume(HAPPENED)
        things = names(100)
        await outage.emit(*facts(things), *states(things, 1))
        await outage.until_counts(dict.fromkeys(things, 1))

        own_nats.stop()
        shutil.rmtree(own_nats.home / "jetstream")
        await outage.emit(*facts(["new"]))
        own_nats.start()
        await outage.until_counts(dict.fromkeys([*things, "new"], 1))

        await outage.until_stream_has(FACTS, 101)
        await outage.until_stream_has(STATES, 100)
        assert await outage.happened() == [*things, "new"]
        assert await outage.value("SELECT count(*) FROM inbox") == 101

    async def test_after_twenty_restarts_nothing_is_missing(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        """F6, with events under way each time."""
        outage.relay()
        outage.consume(HAPPENED)
        expected: list[str] = []
        for number in range(20):
            things = names(5, f"{number:02}-")
            await outage.emit(*facts(things))
            expected += things
            own_nats.stop()
            own_nats.start()

        await outage.until_counts(dict.fromkeys(expected, 1))
        await outage.until_published()
        assert await outage.happened() == expected


class TestHoles:
    async def test_facts_lost_in_the_middle_come_back_before_anybody_asks(
        self, world: World
    ) -> None:
        """F9."""
        await world.frail_stream(FACTS)
        world.relay(audit_seconds=0.1)
        things = names(50)
        await world.emit(*facts(things))
        await world.until_published()
        for sequence in (2, 3, 17, 30, 50):
            await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": sequence})

        await world.until_stream_has(FACTS, 50)
        world.consume(HAPPENED, policy=PATIENT)
        await world.until_counts(dict.fromkeys(things, 1))

        assert sorted(await world.happened()) == things

    async def test_facts_lost_from_the_front_come_back(self, world: World) -> None:
        await world.frail_stream(FACTS)
        world.relay(audit_seconds=0.1)
        things = names(50)
        await world.emit(*facts(things))
        await world.until_published()
        await world.bus.api(f"STREAM.PURGE.{FACTS}", {"keep": 20})

        await world.until_stream_has(FACTS, 50)
        world.consume(HAPPENED, policy=PATIENT)

        await world.until_counts(dict.fromkeys(things, 1))

    @pytest.mark.parametrize("lost", [(1, 2, 7), tuple(range(1, 51))], ids=["three", "all"])
    async def test_states_lost_anywhere_come_back(
        self, world: World, lost: tuple[int, ...]
    ) -> None:
        await world.frail_stream(STATES)
        world.relay(audit_seconds=0.1)
        things = names(50)
        await world.emit(*states(things, 1))
        await world.until_published()
        await world.emit(*states(things[20:], 2))
        await world.until_published()
        for sequence in lost if len(lost) < 50 else ():
            await world.bus.api(f"STREAM.MSG.DELETE.{STATES}", {"seq": sequence})
        if len(lost) == 50:
            await world.bus.api(f"STREAM.PURGE.{STATES}")

        await world.until_stream_has(STATES, 50)

        expected = dict.fromkeys(things[:20], 1) | dict.fromkeys(things[20:], 2)
        assert await newest_states(world) == expected

    async def test_what_we_make_ourselves_cannot_be_deleted_or_purged(self, world: World) -> None:
        world.relay()
        await world.emit(*facts(["a"]), *states(["a"], 1))
        await world.until_published()

        for name in (FACTS, STATES):
            config = (await world.bus.api(f"STREAM.INFO.{name}"))["config"]
            assert (config["deny_delete"], config["deny_purge"]) == (True, True)

    async def test_a_stream_deleted_while_everything_runs_is_filled_again(
        self, world: World
    ) -> None:
        world.relay(audit_seconds=0.1)
        world.consume(HAPPENED, policy=Policy(outage_pause=0.05))
        things = names(30)
        await world.emit(*facts(things))
        await world.until_counts(dict.fromkeys(things, 1))

        await world.bus.api(f"STREAM.DELETE.{FACTS}")
        await world.emit(*facts(["new"]))
        await world.until_counts(dict.fromkeys([*things, "new"], 1))

        assert await world.happened() == [*things, "new"]

    async def test_a_consumer_that_was_deleted_starts_again(self, world: World) -> None:
        world.relay()
        world.consume(HAPPENED, policy=Policy(outage_pause=0.05))
        things = names(30)
        await world.emit(*facts(things))
        await world.until_counts(dict.fromkeys(things, 1))

        await world.bus.api(f"CONSUMER.DELETE.{FACTS}.taker")
        await world.emit(*facts(["new"]))

        await world.until_counts(dict.fromkeys([*things, "new"], 1))


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
        await until(lambda: _all_taken(world))
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
            await world.emit(*states(["a"], 2), *facts(["a"]))
            await until(lambda: _sent(bus))
            await world.value(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE '% relay' AND datname = current_database()"
            )
            second, _ = world.relay()
            await until(lambda: _leads(second))
            await world.emit(*states(["a"], 3))
            await world.until_published()
            wire.open.set()
            await asyncio.sleep(0.2)  # what was held up arrives, and is refused
            await stop(first_task)

            assert await newest_states(world) == {"a": 3, "b": 1}
            assert await world.happened() == ["a"]
            await bus.close()


class TestSlowHandlers:
    async def test_an_event_delivered_to_another_process_meanwhile_has_one_effect(
        self, world: World
    ) -> None:
        """F12: the handler takes longer than the bus waits."""

        async def slow(session: object, message: object) -> None:
            await asyncio.sleep(0.8)
            await record(session, message)  # type: ignore[arg-type]  # as a handler is called

        policy = Policy(ack_wait=0.3, delays=(0.1,))
        world.relay()
        for _ in range(2):
            world.consume(Subscription(sample.SERVICE, {sample.ThingHappened: slow}), policy=policy)
        things = names(4)
        for thing in things:
            await world.emit(*facts([thing]))
        await world.until_counts(dict.fromkeys(things, 1))
        await until(lambda: _all_taken(world))

        assert await world.counts() == dict.fromkeys(things, 1)
        letters = "SELECT count(*) FROM dead_letter WHERE state = 'quarantined'"
        assert await world.value(letters) == 0


async def _bus(url: str) -> Bus:
    bus = Bus(url, "publisher")
    bus.start()
    await bus.connected()
    return bus


def _two(things: list[str]) -> dict[str, int]:
    return dict.fromkeys(things[:10], 2)


async def _states_are(world: World, expected: dict[str, int]) -> bool:
    return await newest_states(world) == expected


async def _logged(caplog: pytest.LogCaptureFixture, text: str) -> bool:
    return any(
        text in each.getMessage() and each.levelno >= logging.WARNING for each in caplog.records
    )


async def _sent(bus: Bus) -> bool:
    return bus.client.stats["out_msgs"] > 3


async def _leads(relay: Relay) -> bool:
    return relay.leading


async def _all_taken(world: World) -> bool:
    info = await world.bus.api(f"CONSUMER.INFO.{FACTS}.taker")
    return bool(info["num_pending"] == 0 and info["num_ack_pending"] == 0)
