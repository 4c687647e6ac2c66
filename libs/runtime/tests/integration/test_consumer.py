"""From the streams into the handlers: once each, whatever is delivered."""

import asyncio
import logging
import time
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from comptoir_local.embedded import EmbeddedNats
from comptoir_runtime.bus import Subscription
from comptoir_runtime.consumer import Policy, consumers
from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.dead_letters import DeadLetters, EventStillFails, NoSuchDeadLetter
from comptoir_runtime.event_options import Kind, NotAnEvent, event_type
from comptoir_runtime.ids import uuid7
from comptoir_runtime.telemetry import current_trace_id, within
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import FACTS, STATES, World, record, stop, until

IMPATIENT = Policy(delays=(0.02,), quarantine_after=3, gap_check_interval=0.05, outage_pause=0.02)
HAPPENED = event_type(sample.ThingHappened)


def subscription(handler: Any = record) -> Subscription:
    return Subscription(sample.SERVICE, {sample.ThingHappened: handler})


class OfTheConsumer(logging.Filter):
    """Notes the traces of what the consumer says."""

    def __init__(self) -> None:
        super().__init__("comptoir_runtime.consumer")
        self.traces: list[str | None] = []

    def filter(self, record: logging.LogRecord) -> bool:
        if super().filter(record):
            self.traces.append(current_trace_id())
        return True


class TestConsumer:
    async def test_an_event_has_its_effect_soon_after_its_commit(self, world: World) -> None:
        arrived = asyncio.Event()

        async def handle(session: Session, message: Any) -> None:
            session.after_commit(arrived.set)

        world.relay()
        world.consume(subscription(handle))
        await world.emit(sample.ThingHappened(thing_id="warm-up"))
        async with asyncio.timeout(30):
            await arrived.wait()
        delays = []
        for number in range(5):
            await asyncio.sleep(0.05)  # idle: nothing to be grouped with
            arrived.clear()
            await world.emit(sample.ThingHappened(thing_id=str(number)))
            committed = time.monotonic()
            async with asyncio.timeout(30):
                await arrived.wait()
            delays.append(time.monotonic() - committed)

        assert min(delays) < 0.03

    async def test_many_events_arrive_each_once_and_in_order(self, world: World) -> None:
        order: list[int] = []

        async def handle(session: Session, message: Any) -> None:
            await record(session, message)
            order.append(message.number)

        world.relay()
        world.consume(subscription(handle))
        for start in range(0, 1000, 250):
            await world.emit(
                *(
                    sample.ThingHappened(thing_id=f"{number:04}", number=number)
                    for number in range(start, start + 250)
                )
            )
        await world.until_counts({f"{number:04}": 1 for number in range(1000)})

        assert order == list(range(1000))

    async def test_facts_and_states_reach_their_handlers(self, world: World) -> None:
        seen: list[tuple[str, int]] = []

        async def happened(session: Session, message: Any) -> None:
            seen.append(("happened", message.number))

        async def state(session: Session, message: Any) -> None:
            seen.append(("state", message.number))

        handlers = {sample.ThingHappened: happened, sample.ThingState: state}
        world.consume(Subscription(sample.SERVICE, handlers))
        await asyncio.sleep(0.05)  # the streams do not exist yet: the consumers wait for them
        world.relay()
        await world.emit(
            sample.ThingHappened(thing_id="a", number=1),
            sample.ThingEnded(thing_id="a", number=2),
            sample.ThingState(thing_id="a", number=3),
        )
        await until(lambda: _has(seen, 2))

        assert sorted(seen) == [("happened", 1), ("state", 3)]

    async def test_the_same_event_delivered_again_has_no_second_effect(self, world: World) -> None:
        relay, _ = world.relay()
        world.consume(subscription())
        await world.emit(sample.ThingHappened(thing_id="a"), sample.ThingHappened(thing_id="b"))
        await world.until_counts({"a": 1, "b": 1})

        assert await relay.replay(Kind.FACT, 1, 0) == 2
        await until(lambda: _all_acknowledged(world, FACTS))
        await world.emit(sample.ThingHappened(thing_id="c"))

        await world.until_counts({"a": 1, "b": 1, "c": 1})

    async def test_effect_event_and_inbox_row_are_one_transaction(self, world: World) -> None:
        failures = 2

        async def handle(session: Session, message: Any) -> None:
            nonlocal failures
            await record(session, message)
            session.emit(sample.ThingEnded(thing_id=message.thing_id))
            if failures:
                failures -= 1
                raise RuntimeError("not yet")

        world.relay()
        world.consume(subscription(handle), policy=IMPATIENT)
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_counts({"a": 1})

        assert failures == 0
        assert await world.value("SELECT count(*) FROM inbox") == 1
        ended = "SELECT count(*) FROM outbox WHERE type LIKE '%Ended'"
        assert await world.value(ended) == 1

    async def test_an_event_that_always_fails_is_put_aside_and_the_others_flow(
        self, world: World
    ) -> None:
        tried = 0

        async def handle(session: Session, message: Any) -> None:
            nonlocal tried
            await record(session, message)
            if message.thing_id == "poison":
                tried += 1
                raise ValueError("cannot be digested")

        world.relay()
        world.consume(subscription(handle), policy=IMPATIENT)
        good = [str(number) for number in range(10)]
        await world.emit(
            *(sample.ThingHappened(thing_id=name) for name in [*good[:5], "poison", *good[5:]])
        )
        await world.until_counts(dict.fromkeys(good, 1))
        await until(lambda: _all_acknowledged(world, FACTS))

        dead = "SELECT producer, subject, type, payload, error, deliveries, state FROM dead_letter"
        assert await world.rows(dead) == [
            (
                sample.SERVICE,
                "comptoir.runtimetest.v1.ThingHappened.poison",
                "comptoir.runtimetest.v1.ThingHappened",
                sample.ThingHappened(thing_id="poison").SerializeToString(),
                "ValueError: cannot be digested",
                3,
                "quarantined",
            )
        ]
        # In the first group, alone, and at its second and third delivery.
        assert tried == 4
        assert await world.counts() == dict.fromkeys(good, 1)

    async def test_what_is_said_of_an_event_that_fails_is_found_by_its_trace(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"

        async def handle(session: Session, message: Any) -> None:
            raise ValueError("no")

        async def put_aside() -> bool:
            return len(said.traces) == 4

        with caplog.filtering(said := OfTheConsumer()):
            world.relay()
            world.consume(subscription(handle), policy=IMPATIENT)
            with within(parent):
                await world.emit(sample.ThingHappened(thing_id="x"))
            # It failed three times, and is put aside.
            await until(put_aside)

        assert said.traces == [parent[3:35]] * 4

    async def test_an_event_that_cannot_be_read_is_put_aside(self, world: World) -> None:
        world.relay()
        world.consume(subscription(), policy=IMPATIENT)
        await world.emit(sample.ThingHappened(thing_id="good"))
        await world.until_counts({"good": 1})
        event_id = str(uuid7())
        headers = {
            "ce-id": event_id,
            "ce-type": HAPPENED.name,
            "Comptoir-Sequence": "2",
            "Comptoir-Previous-Sequence": "1",
        }
        stream = world.bus.client.jetstream()
        await stream.publish(HAPPENED.subject_of("x"), b"\xff\xff\xff", headers=headers)
        await stream.publish(HAPPENED.subject_of("y"), b"no event at all")
        await until(lambda: _dead_letters(world, 1))
        await until(lambda: _all_acknowledged(world, FACTS))

        rows = await world.rows("SELECT id, error FROM dead_letter")
        assert [row[0] for row in rows] == [UUID(event_id)]
        assert rows[0][1].startswith("DecodeError")
        assert await world.counts() == {"good": 1}

    async def test_what_is_put_aside_can_be_driven_again(self, world: World) -> None:
        broken = True

        async def handle(session: Session, message: Any) -> None:
            if broken:
                raise ValueError("broken")
            await record(session, message)

        made = consumers(world.bus, world.database, [subscription(handle)], IMPATIENT)
        world.relay()
        _ = world.background(made[0].run())
        await world.emit(sample.ThingHappened(thing_id="a"))
        await until(lambda: _dead_letters(world, 1))
        event_id = await world.value("SELECT id FROM dead_letter")
        letters = DeadLetters(each.inbox for each in made)

        async def redrive() -> str:
            async with world.database.transactions() as session:
                return (await letters.redrive(session, event_id))[1]

        with pytest.raises(EventStillFails, match="ValueError"):
            await redrive()
        assert await world.value("SELECT state FROM dead_letter") == "quarantined"
        broken = False
        assert await redrive() == "redriven"
        assert await redrive() == "redriven"

        assert await world.value("SELECT state FROM dead_letter") == "redriven"
        assert await world.counts() == {"a": 1}

    async def test_what_is_given_up_has_no_effect_and_says_why(self, world: World) -> None:
        made = consumers(world.bus, world.database, [subscription(refuse)], IMPATIENT)
        world.relay()
        _ = world.background(made[0].run())
        await world.emit(sample.ThingHappened(thing_id="a"))
        await until(lambda: _dead_letters(world, 1))
        event_id = await world.value("SELECT id FROM dead_letter")
        letters = DeadLetters(each.inbox for each in made)

        for _ in range(2):
            async with world.database.transactions() as session:
                letter = await letters.discard(session, event_id, "discarded by me: a test")

        assert letter["state"] == "discarded"
        assert letter["error"].endswith("; discarded by me: a test")
        assert letter["error"].count("discarded") == 1
        async with world.database.transactions() as session:
            assert (await letters.redrive(session, event_id))[1] == "discarded"
        assert await world.counts() == {}

    async def test_what_was_never_put_aside_cannot_be_driven_again(self, world: World) -> None:
        async with world.database.transactions() as session:
            with pytest.raises(NoSuchDeadLetter):
                await DeadLetters([]).redrive(session, uuid7())

    async def test_trouble_with_the_database_is_not_the_events_fault(self, world: World) -> None:
        failures = 5

        async def handle(session: Session, message: Any) -> None:
            nonlocal failures
            if failures:
                failures -= 1
                raise asyncpg.CannotConnectNowError("the database system is starting up")
            await record(session, message)

        world.relay()
        world.consume(subscription(handle), policy=IMPATIENT)
        await world.emit(sample.ThingHappened(thing_id="a"), sample.ThingHappened(thing_id="b"))
        await world.until_counts({"a": 1, "b": 1})

        assert await world.value("SELECT count(*) FROM dead_letter") == 0

    async def test_two_processes_share_the_events(self, world: World, runtime_url: str) -> None:
        other = await Database.connect(DatabaseSettings(url=runtime_url))
        world._stack.push_async_callback(other.close)
        world.relay()
        world.consume(subscription())
        World(other, world.bus, world._stack).consume(subscription())
        names = [f"{number:03}" for number in range(300)]
        for name in names:
            await world.emit(sample.ThingHappened(thing_id=name))

        await world.until_counts(dict.fromkeys(names, 1))

    async def test_a_new_consumer_finds_the_newest_state_of_everything(self, world: World) -> None:
        world.relay()
        for number in range(3):
            await world.emit(sample.ThingState(thing_id="a", number=number))
            await world.until_published()
        seen: list[int] = []

        async def handle(session: Session, message: Any) -> None:
            seen.append(message.number)

        world.consume(Subscription(sample.SERVICE, {sample.ThingState: handle}))
        await until(lambda: _has(seen, 1))
        await until(lambda: _all_acknowledged(world, STATES))

        assert seen == [2]

    async def test_a_stream_that_is_deleted_and_made_again_is_consumed_again(
        self, world: World
    ) -> None:
        _, task = world.relay()
        world.consume(subscription())
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_counts({"a": 1})
        await stop(task)

        await world.bus.api(f"STREAM.DELETE.{FACTS}")
        world.relay()
        await world.emit(sample.ThingHappened(thing_id="b"))

        await world.until_counts({"a": 1, "b": 1})


class TestOutage:
    async def test_after_each_restart_of_nats_news_arrive_within_seconds(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        outage.relay()
        outage.consume(subscription())
        await outage.emit(sample.ThingHappened(thing_id="start"))
        expected = {"start": 1}
        await outage.until_counts(expected)

        for number in range(3):
            own_nats.stop()
            await outage.emit(sample.ThingHappened(thing_id=f"down{number}"))
            own_nats.start()
            await outage.emit(sample.ThingHappened(thing_id=f"up{number}"))
            expected |= {f"down{number}": 1, f"up{number}": 1}
            started = time.monotonic()
            await outage.until_counts(expected)
            assert time.monotonic() - started < 5


class TestSubscription:
    def test_takes_events_of_its_producer_only(self) -> None:
        with pytest.raises(NotAnEvent, match="not an event of pim"):
            Subscription("pim", {sample.ThingHappened: record})

    def test_takes_no_signals(self) -> None:
        with pytest.raises(NotAnEvent, match="signal"):
            Subscription(sample.SERVICE, {sample.ThingTouched: record})

    async def test_an_event_has_one_handler(self, world: World) -> None:
        with pytest.raises(ValueError, match="two handlers"):
            consumers(world.bus, world.database, [subscription(), subscription()])


async def refuse(session: Session, message: Any) -> None:
    raise ValueError("broken")


async def _has(seen: list[Any], count: int) -> bool:
    return len(seen) >= count


async def _dead_letters(world: World, count: int) -> bool:
    letters = "SELECT count(*) FROM dead_letter WHERE state = 'quarantined'"
    return bool(await world.value(letters) == count)


async def _all_acknowledged(world: World, stream: str) -> bool:
    info = await world.bus.api(f"CONSUMER.INFO.{stream}.{world.bus.service}")
    return bool(info["num_pending"] == 0 and info["num_ack_pending"] == 0)
