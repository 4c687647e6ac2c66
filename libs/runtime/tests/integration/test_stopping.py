"""A process that stops leaves nothing lying: what it has not done another one does at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from comptoir_runtime.bus import ApiError, Bus, BusUnavailable, Subscription
from comptoir_runtime.consumer import BATCH, Consumer, Policy, consumers
from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.service import Parts, Runtime, Service
from comptoir_runtime.settings import Settings, load
from libs.runtime.tests import sample
from libs.runtime.tests.integration.conftest import MIGRATIONS
from libs.runtime.tests.integration.world import FACTS, World, facts, names, record, stop, until

# NATS itself delivers again after an hour only, and nothing is asked for because it is missing:
# what comes has been handed back, however long it takes on a busy machine.
PATIENT = Policy(ack_wait=3600, gap_patience=3600, gap_check_interval=60)
AT_ONCE = 45.0
LETTERS = "SELECT subject, state FROM dead_letter"


class Slow:
    """A handler that takes until it is let go; it says when it has begun."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = asyncio.Event()
        self.handled: list[str] = []

    async def handle(self, session: Session, message: Any) -> None:
        self.begun.set()
        await self.go.wait()
        await record(session, message)
        self.handled.append(message.thing_id)

    @property
    def subscription(self) -> Subscription:
        return taking(self.handle)


def taking(handle: Any) -> Subscription:
    return Subscription(sample.SERVICE, {sample.ThingHappened: handle})


def a_consumer(
    world: World, subscription: Subscription, policy: Policy | None = None
) -> tuple[Consumer, asyncio.Task[None]]:
    (made,) = consumers(world.bus, world.database, [subscription], policy or PATIENT)
    return made, world.background(made.run())


@pytest.fixture
async def other(world: World, runtime_url: str) -> AsyncIterator[World]:
    """A second process of the same service, with connections of its own."""
    opened = await Database.connect(DatabaseSettings(url=runtime_url))
    yield World(opened, world.bus, world._stack)
    await opened.close()


@asynccontextmanager
async def replica_of(service: str, world: World, url: str) -> AsyncIterator[World]:
    """Another process of a service, with a connection of its own."""
    bus = Bus(url, service)
    bus.start()
    yield World(world.database, bus, world._stack)
    await bus.close()


async def delivered(world: World, count: int, service: str = "taker") -> bool:
    """Whether that many events are in the hands of consumers."""
    info = await world.bus.api(f"CONSUMER.INFO.{FACTS}.{service}")
    return bool(info["num_ack_pending"] == count)


async def is_waiting(world: World) -> bool:
    """Whether a consumer has asked for events and there are none."""
    with suppress(ApiError, BusUnavailable):
        return bool((await world.bus.api(f"CONSUMER.INFO.{FACTS}.taker"))["num_waiting"] == 1)
    return False


async def hand_back(world: World, times: int, *, events: int = 1) -> None:
    """As a process does that stops, over and over, before it begins with what there is."""
    client = world.bus.client.jetstream()
    pull = await client.pull_subscribe_bind(consumer=world.bus.service, stream=FACTS)
    for _ in range(times):
        for _ in range(events):
            (message,) = await pull.fetch(1, timeout=30)
            await message.nak()
    await pull.unsubscribe()


class TestStopping:
    async def test_what_was_not_begun_is_done_by_another_and_what_was_begun_is_finished(
        self, world: World, other: World
    ) -> None:
        slow, taken = Slow(), Slow()
        taken.go.set()
        world.relay()
        await world.emit(*facts(["first"]))
        leaving, running = a_consumer(world, slow.subscription)
        await slow.begun.wait()
        later = names(BATCH + 50, "later")
        await world.emit(*facts(later))
        # A batch was asked for: one is under way, the others lie there.
        assert await until(lambda: delivered(world, BATCH))

        stopping = world.background(leaving.stop())
        other.consume(taken.subscription, policy=PATIENT)
        await asyncio.sleep(0)
        slow.go.set()
        await stopping
        await stop(running)

        assert slow.handled == ["first"]
        assert await until(lambda: all_in(world, ["first", *later]), AT_ONCE)
        assert sorted(taken.handled) == later

    async def test_what_does_not_end_in_time_is_done_by_another(
        self, world: World, other: World
    ) -> None:
        things, slow = names(5), Slow()
        world.relay()
        await world.emit(*facts(things))
        leaving, running = a_consumer(world, slow.subscription, replace(PATIENT, grace=0.05))
        await slow.begun.wait()
        assert await until(lambda: delivered(world, len(things)))

        await leaving.stop()
        await stop(running)
        other.consume(taking(record), policy=PATIENT)

        assert await until(lambda: all_in(world, things), AT_ONCE)
        assert slow.handled == []
        assert await world.counts() == dict.fromkeys(things, 1)

    async def test_who_waits_for_events_stops_at_once(self, world: World) -> None:
        world.relay()
        # Unless it is told, it waits for longer than it is given to stop.
        leaving, running = a_consumer(world, taking(record), replace(PATIENT, outage_pause=0))
        assert await until(lambda: is_waiting(world))

        await leaving.stop()

        async with asyncio.timeout(AT_ONCE):
            await running

    async def test_a_service_that_stops_hands_back(
        self, world: World, neighbour: World, runtime_url: str, clean_nats: str
    ) -> None:
        slow, things = Slow(), names(20, "later")

        async def build(_: Runtime, __: Settings) -> Parts:
            return Parts(bindings=[], subscriptions=[slow.subscription], makes_keys=True)

        told = {"DATABASE_URL": runtime_url, "NATS_URL": clean_nats, "LISTEN": "127.0.0.1:0"}
        settings = load(Settings, told | {"DRAIN_SECONDS": "0"})
        # The name of a contract package without events.
        service = await Service.start("events", settings, build, migrations_package=MIGRATIONS)
        neighbour.relay()
        await neighbour.emit(*facts(["first"]))
        await slow.begun.wait()
        await neighbour.emit(*facts(things))
        assert await until(lambda: delivered(world, 1 + len(things), "events"))

        stopping = world.background(service.stop())
        # Callers are gone; now it is the consumers' turn, and they wait for what is under way.
        assert await until(lambda: refused(service.address))
        await asyncio.sleep(0.2)
        slow.go.set()
        await stopping
        async with replica_of("events", world, clean_nats) as another:
            another.consume(taking(record), policy=PATIENT)

            assert await until(lambda: all_in(world, ["first", *things]), AT_ONCE)
        assert slow.handled == ["first"]


class TestManyRestarts:
    """Being handed back is being delivered; it is no fault of the event's."""

    @pytest.fixture
    async def weary(self, world: World) -> World:
        """There is one event to be taken in, and it has been handed back ten times."""
        world.relay()
        leaving, running = a_consumer(world, taking(record))
        await world.emit(*facts(["before"]))
        await world.until_counts({"before": 1})
        await leaving.stop()
        await stop(running)
        await world.emit(*facts(["a"]))
        await hand_back(world, 10)
        return world

    async def test_an_event_that_was_handed_back_ten_times_has_its_effect(
        self, weary: World
    ) -> None:
        weary.consume(taking(record))

        await weary.until_counts({"before": 1, "a": 1})
        assert await until(weary.all_taken)
        assert await weary.rows(LETTERS) == []

    async def test_its_first_failures_do_not_put_it_aside(self, weary: World) -> None:
        failures = 2

        async def handle(session: Session, message: Any) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise RuntimeError("not yet")
            await record(session, message)

        weary.consume(taking(handle), policy=Policy(delays=(0.02,)))

        await weary.until_counts({"before": 1, "a": 1})
        assert await until(weary.all_taken)
        assert await weary.rows(LETTERS) == []

    async def test_it_is_put_aside_when_it_always_fails(self, weary: World) -> None:
        tried = 0

        async def handle(session: Session, message: Any) -> None:
            nonlocal tried
            tried += 1
            raise ValueError("cannot be digested")

        weary.consume(taking(handle), policy=Policy(delays=(0.02,)))
        assert await until(weary.all_taken)

        subject = "comptoir.runtimetest.v1.ThingHappened.a"
        assert await weary.rows(LETTERS) == [(subject, "quarantined")]
        assert tried == Policy().failures

    async def test_a_trial_that_ends_while_the_process_stops_is_forgotten(
        self, weary: World
    ) -> None:
        slow = Slow()
        leaving, running = a_consumer(weary, slow.subscription)
        await slow.begun.wait()
        trying = await weary.rows(LETTERS)

        stopping = weary.background(leaving.stop())
        await asyncio.sleep(0)
        slow.go.set()
        await stopping
        await stop(running)

        assert trying == [("comptoir.runtimetest.v1.ThingHappened.a", "trying")]
        assert await weary.counts() == {"before": 1, "a": 1}
        assert await weary.rows(LETTERS) == []

    async def test_a_trial_that_begins_when_the_process_is_told_to_stop_is_ended(
        self, weary: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stopping: list[asyncio.Task[None]] = []
        leaving, running = a_consumer(weary, taking(record))
        begin = leaving.inbox.begin_trial

        async def begin_and_be_stopped(session: Session, event: Any) -> None:
            await begin(session, event)
            stopping.append(weary.background(leaving.stop()))
            await asyncio.sleep(0)

        monkeypatch.setattr(leaving.inbox, "begin_trial", begin_and_be_stopped)
        await running
        await asyncio.gather(*stopping)

        assert len(stopping) == 1
        assert await weary.counts() == {"before": 1, "a": 1}
        assert await weary.rows(LETTERS) == []

    async def test_of_several_suspects_those_not_begun_are_no_trial(
        self, weary: World, other: World
    ) -> None:
        await weary.emit(*facts(["b"]))
        await weary.until_published()
        await hand_back(weary, 5, events=2)
        slow = Slow()
        leaving, running = a_consumer(weary, slow.subscription)
        await slow.begun.wait()
        assert await until(lambda: delivered(weary, 2))

        stopping = weary.background(leaving.stop())
        await asyncio.sleep(0)
        slow.go.set()
        await stopping
        await stop(running)

        assert len(slow.handled) == 1
        assert await weary.rows(LETTERS) == []
        other.consume(taking(record), policy=PATIENT)
        assert await until(lambda: all_in(weary, ["before", "a", "b"]), AT_ONCE)


async def refused(address: str) -> bool:
    """Whether nobody listens there any more."""
    host, _, port = address.rpartition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return True
    writer.close()
    await writer.wait_closed()
    return False


async def all_in(world: World, things: list[str]) -> bool:
    return await world.counts() == dict.fromkeys(things, 1)
