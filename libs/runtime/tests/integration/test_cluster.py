"""Streams kept by three servers of a real cluster: one of them goes, and nothing else does."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from comptoir_runtime.bus import ApiError, Bus, BusUnavailable, Follower, Limits, Subscription
from comptoir_runtime.database import Database
from libs.runtime.tests import sample
from libs.runtime.tests.integration.cluster import Cluster
from libs.runtime.tests.integration.world import FACTS, STATES, World, record, stop, until

# Elections take seconds, and the machine may be busy with other tests.
PATIENCE = 90.0
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with (
        tempfile.TemporaryDirectory(prefix="comptoir-cluster-") as folder,
        Cluster(Path(folder)) as cluster,
    ):
        yield cluster


@pytest.fixture
async def replicated(database: Database, cluster: Cluster) -> AsyncIterator[World]:
    """A producer and its consumer, who know all three servers."""
    async with AsyncExitStack() as stack:
        bus = Bus(cluster.url, "taker")
        bus.start()
        stack.push_async_callback(bus.close)
        world = World(database, bus, stack)
        world.relay(limits=Limits(replicas=3))
        world.consume(Subscription(sample.SERVICE, {sample.ThingHappened: record}))
        yield world


async def cluster_of(world: World, stream: str) -> dict[str, Any]:
    """Who leads a stream, and who follows; empty while nobody tells."""
    try:
        info = await world.bus.api(f"STREAM.INFO.{stream}")
    except (ApiError, BusUnavailable):
        return {}
    found: dict[str, Any] = info["cluster"]
    return found


async def leader_of(world: World, stream: str, but: str = "") -> str:
    """Who leads a stream, as soon as anybody does who is not `but`; empty when nobody does."""
    found = ""

    async def is_told() -> bool:
        nonlocal found
        found = str((await cluster_of(world, stream)).get("leader") or "")
        return found not in ("", but)

    return found if await until(is_told, PATIENCE) else ""


class TestLossOfAServer:
    async def test_the_leader_of_the_stream_is_killed_and_no_event_is_lost_or_doubled(
        self, replicated: World, cluster: Cluster
    ) -> None:
        async def happen(*things: str) -> None:
            for thing in things:
                await replicated.emit(sample.ThingHappened(thing_id=thing))

        await happen("a0", "a1", "a2")
        before = {"a0": 1, "a1": 1, "a2": 1}
        await until(lambda: counted(replicated, before), PATIENCE)
        assert await replicated.counts() == before
        first = await leader_of(replicated, FACTS)
        assert first

        emitting = asyncio.create_task(happen(*(f"b{number}" for number in range(50))))
        cluster.kill(first)
        await emitting
        await happen("c0", "c1", "c2")

        after = before | {f"b{n}": 1 for n in range(50)} | {f"c{n}": 1 for n in range(3)}
        await until(lambda: counted(replicated, after), PATIENCE)
        assert await replicated.counts() == after
        assert await leader_of(replicated, FACTS, but=first)
        await until(replicated._all_published, PATIENCE)
        assert await replicated.value("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 0

        cluster.start(first)
        assert await until(lambda: is_kept_three_times(replicated, FACTS), PATIENCE)

    async def test_a_message_stored_twice_pushes_no_event_before_another(
        self, replicated: World
    ) -> None:
        await replicated.emit(sample.ThingHappened(thing_id="a0"))
        await until(lambda: counted(replicated, {"a0": 1}), PATIENCE)
        await replicated.store_again(FACTS, 1)
        things = ["b0", "b1", "b2"]
        await replicated.emit(*(sample.ThingHappened(thing_id=thing) for thing in things))

        await until(lambda: counted(replicated, dict.fromkeys(["a0", *things], 1)), PATIENCE)
        assert await replicated.happened() == ["a0", "a0", *things]
        # In a row, the refusal of b0 would be the last that is heard of the stream.
        b1, b2 = (await replicated.messages(FACTS))[-2:]
        assert b1["Nats-Batch-Id"] == b2["Nats-Batch-Id"]

    async def test_a_follower_goes_on_when_the_server_of_its_consumer_is_killed(
        self, replicated: World, cluster: Cluster
    ) -> None:
        seen: dict[str, int] = {}

        def see(event: sample.ThingState) -> None:
            seen[event.thing_id] = event.number

        await replicated.emit(sample.ThingState(thing_id="a", number=1))
        follower = Follower(replicated.bus, [sample.ThingState], see)
        replicated._stack.push_async_callback(follower.close)
        await until(lambda: heard(seen, {"a": 1}), PATIENCE)
        assert seen == {"a": 1}
        # Its consumer is kept by one server only, in memory; an attempt before may have left one.
        listed = await replicated.bus.api(f"CONSUMER.LIST.{STATES}")
        newest = max(listed["consumers"], key=lambda each: str(each["created"]))

        cluster.kill(newest["cluster"]["leader"])
        await replicated.emit(sample.ThingState(thing_id="a", number=2))
        await replicated.emit(sample.ThingState(thing_id="b", number=3))

        await until(lambda: heard(seen, {"a": 2, "b": 3}), PATIENCE)
        assert seen == {"a": 2, "b": 3}


class TestLimits:
    async def test_streams_that_were_kept_once_are_kept_three_times_from_the_next_start_on(
        self, database: Database, cluster: Cluster
    ) -> None:
        async with a_producer(database, cluster) as world:
            await world.emit(sample.ThingHappened(thing_id="a"))
            world.relay(limits=Limits(replicas=3))
            await until(world._all_published, PATIENCE)

            await self._see_all_kept_three_times(world)
            assert (await world.stream(FACTS))["messages"] == 1

    async def test_a_cluster_that_cannot_decide_yet_is_asked_again(
        self, database: Database, cluster: Cluster, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with a_producer(database, cluster) as world:
            for name in ("n2", "n3"):
                cluster.kill(name)
            world.relay(limits=Limits(replicas=3))
            await until(partial(was_told, caplog, "keeps its limits"), PATIENCE)
            assert "keeps its limits" in caplog.text

            for name in ("n2", "n3"):
                cluster.start(name)
            await self._see_all_kept_three_times(world)

    async def _see_all_kept_three_times(self, world: World) -> None:
        for stream in (FACTS, STATES):
            assert await until(partial(is_kept_three_times, world, stream), PATIENCE)


@asynccontextmanager
async def a_producer(database: Database, cluster: Cluster) -> AsyncIterator[World]:
    """Whose streams exist, kept by one server each, and whose relay has gone."""
    async with AsyncExitStack() as stack:
        bus = Bus(cluster.url_of("n1"), "taker")
        bus.start()
        stack.push_async_callback(bus.close)
        world = World(database, bus, stack)
        _, task = world.relay()
        assert all([await leader_of(world, stream) for stream in (FACTS, STATES)])
        await stop(task)
        yield world


async def counted(world: World, expected: dict[str, int]) -> bool:
    return await world.counts() == expected


async def heard(seen: dict[str, int], expected: dict[str, int]) -> bool:
    return seen == expected


async def was_told(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


async def is_kept_three_times(world: World, stream: str) -> bool:
    """Whether two others have all that the leader has."""
    others = (await cluster_of(world, stream)).get("replicas") or ()
    return [bool(each["current"]) for each in others] == [True, True]
