"""What is broken on purpose, and whether every event has its effect exactly once all the same.

The ids are those of the catalogue of faults.
"""

import asyncio
import shutil

import pytest

from comptoir_local.embedded import EmbeddedNats
from comptoir_runtime.bus import Subscription
from comptoir_runtime.consumer import Policy
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import (
    FACTS,
    STATES,
    World,
    facts,
    names,
    newest_states,
    record,
    states,
    until,
)

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
PATIENT = Policy(gap_patience=3600)
NUMBERS = "SELECT producer_seq, stream_seq FROM outbox WHERE kind = 1 ORDER BY position"


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
        await until(world.all_taken)

        assert await world.counts() == dict.fromkeys(things, 1)
        letters = "SELECT count(*) FROM dead_letter WHERE state = 'quarantined'"
        assert await world.value(letters) == 0


def _two(things: list[str]) -> dict[str, int]:
    return dict.fromkeys(things[:10], 2)


async def _states_are(world: World, expected: dict[str, int]) -> bool:
    return await newest_states(world) == expected
