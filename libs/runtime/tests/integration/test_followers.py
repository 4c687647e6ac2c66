"""Followers and signals: news without a database."""

import asyncio
from typing import Any

import pytest

from comptoir_runtime.bus import Follower, signals
from comptoir_runtime.event_options import NotAnEvent
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import STATES, World, stop, until


class Seen:
    """What a callback was told, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def __call__(self, message: Any) -> None:
        self.events.append((message.thing_id, message.number))
        if message.number == 666:
            raise ValueError("no callback is perfect")

    async def until(self, count: int) -> None:
        await until(lambda: self._has(count))

    async def _has(self, count: int) -> bool:
        return len(self.events) >= count


def follow(world: World, *types: Any) -> tuple[Follower, Seen]:
    seen = Seen()
    follower = Follower(world.bus, types, seen)
    world._stack.push_async_callback(follower.close)
    return follower, seen


class TestFollower:
    async def test_begins_with_the_newest_state_of_each_thing_and_goes_on(
        self, world: World
    ) -> None:
        world.relay()
        for number in (1, 2):
            await world.emit(sample.ThingState(thing_id="a", number=number))
            await world.until_published()
        await world.emit(sample.ThingState(thing_id="b", number=5))
        await world.until_published()

        follower, seen = follow(world, sample.ThingState)
        async with asyncio.timeout(30):
            await follower.caught_up()
        assert seen.events == [("a", 2), ("b", 5)]
        await world.emit(sample.ThingState(thing_id="a", number=3))
        await seen.until(3)

        assert seen.events[2:] == [("a", 3)]

    async def test_of_facts_only_the_new_ones_are_told(self, world: World) -> None:
        world.relay()
        await world.emit(sample.ThingHappened(thing_id="old"))
        await world.until_published()

        follower, seen = follow(world, sample.ThingHappened, sample.ThingEnded)
        async with asyncio.timeout(30):
            await follower.caught_up()
        await world.emit(sample.ThingHappened(thing_id="new"), sample.ThingEnded(thing_id="end"))
        await seen.until(2)

        assert seen.events == [("new", 0), ("end", 0)]

    async def test_is_not_stopped_by_a_callback_that_fails(self, world: World) -> None:
        world.relay()
        await world.emit(sample.ThingState(thing_id="a", number=666))
        await world.emit(sample.ThingState(thing_id="b", number=1))
        await world.until_published()

        _, seen = follow(world, sample.ThingState)
        await seen.until(2)

        assert seen.events == [("a", 666), ("b", 1)]

    async def test_has_caught_up_when_there_is_nothing(self, world: World) -> None:
        world.relay()
        await until(lambda: _exists(world, STATES))

        follower, seen = follow(world, sample.ThingState)
        async with asyncio.timeout(30):
            await follower.caught_up()

        assert seen.events == []

    async def test_goes_on_where_it_was_after_the_connection_was_lost(self, world: World) -> None:
        world.relay()
        await world.emit(sample.ThingState(thing_id="a", number=1))
        follower, seen = follow(world, sample.ThingState)
        await seen.until(1)
        await follower.caught_up()

        await world.bus.client.force_reconnect()
        await world.emit(sample.ThingState(thing_id="b", number=2))
        await seen.until(2)

        assert seen.events == [("a", 1), ("b", 2)]

    async def test_starts_again_when_the_stream_is_another_one(self, world: World) -> None:
        _, task = world.relay()
        await world.emit(sample.ThingState(thing_id="a", number=1))
        _, seen = follow(world, sample.ThingState)
        await seen.until(1)
        await stop(task)

        await world.bus.api(f"STREAM.DELETE.{STATES}")
        world.relay()
        await world.emit(sample.ThingState(thing_id="b", number=2))
        await seen.until(3)

        assert seen.events == [("a", 1), ("a", 1), ("b", 2)]

    async def test_follows_one_stream(self, world: World) -> None:
        with pytest.raises(ValueError, match="one producer"):
            Follower(world.bus, [sample.ThingState, sample.ThingHappened], print)


class TestSignals:
    async def test_reach_those_who_listen_for_the_thing_or_for_all(self, world: World) -> None:
        world.database.announce_to(world.bus)
        every, one = Seen(), Seen()
        for listener in (
            signals(world.bus, sample.ThingTouched, callback=every),
            signals(world.bus, sample.ThingTouched, "b c", callback=one),
        ):
            world._stack.push_async_callback(listener.close)
        await world.bus.connected()
        await asyncio.sleep(0.05)

        async with world.database.transactions() as session:
            session.signal(sample.ThingTouched(thing_id="a", number=1))
            session.signal(sample.ThingTouched(thing_id="b c", number=2))
        await every.until(2)
        await one.until(1)

        assert every.events == [("a", 1), ("b c", 2)]
        assert one.events == [("b c", 2)]

    async def test_are_heard_again_after_the_connection_was_lost(self, world: World) -> None:
        world.database.announce_to(world.bus)
        seen = Seen()
        listener = signals(world.bus, sample.ThingTouched, callback=seen)
        world._stack.push_async_callback(listener.close)
        await world.bus.connected()
        await asyncio.sleep(0.05)

        await world.bus.client.force_reconnect()
        await world.bus.connected()
        await until(lambda: _connected_again(world))
        async with world.database.transactions() as session:
            session.signal(sample.ThingTouched(thing_id="a", number=666))
            session.signal(sample.ThingTouched(thing_id="b", number=1))
        await seen.until(2)

        assert seen.events == [("a", 666), ("b", 1)]

    async def test_are_not_for_stored_events(self, world: World) -> None:
        with pytest.raises(NotAnEvent, match="is stored"):
            signals(world.bus, sample.ThingState, callback=print)


async def _exists(world: World, stream: str) -> bool:
    if not world.bus.is_connected:
        return False
    names = await world.bus.api("STREAM.NAMES")
    return stream in (names["streams"] or [])


async def _connected_again(world: World) -> bool:
    return world.bus.is_connected and world.bus.connections >= 2
