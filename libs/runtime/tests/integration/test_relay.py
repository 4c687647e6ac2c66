"""From the outbox into the streams, whatever happens to NATS."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from uuid import UUID

from comptoir_local.embedded import EmbeddedNats
from comptoir_runtime.bus import Bus
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.event_options import Kind, event_type
from comptoir_runtime.outbox import (
    Relay,
    replay_subject,
    replayed_subject,
    statements,
    upkeep,
)
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import FACTS, STATES, World, stop, until

TAKEN_IN = "INSERT INTO inbox VALUES ($1, 'p', 't', 1, 0, now() - make_interval(days => $2))"
SEQUENCES = "SELECT kind, producer_seq, previous_seq FROM outbox ORDER BY position"


class TestPublishing:
    async def test_an_event_arrives_with_the_attributes_of_cloud_events(self, world: World) -> None:
        world.relay()
        event = sample.ThingHappened(thing_id="a", number=7)
        await world.emit(event)
        await world.until_published()

        (stored,) = await world.messages(FACTS)
        ((event_id, created),) = await world.rows("SELECT id, created_at FROM outbox")
        assert stored == {
            "subject": "comptoir.runtimetest.v1.ThingHappened.a",
            "data": event.SerializeToString(),
            "Nats-Msg-Id": str(event_id),
            "Nats-Expected-Last-Sequence": "0",
            "ce-specversion": "1.0",
            "ce-id": str(event_id),
            "ce-type": "comptoir.runtimetest.v1.ThingHappened",
            "ce-source": "/comptoir/runtimetest",
            "ce-time": created.isoformat(),
            "Comptoir-Sequence": "1",
            "Comptoir-Previous-Sequence": "0",
        }

    async def test_sequences_have_no_gap_and_name_the_one_before_of_their_type(
        self, world: World
    ) -> None:
        world.relay()
        await world.emit(
            sample.ThingHappened(thing_id="a"),
            sample.ThingEnded(thing_id="a"),
            sample.ThingState(thing_id="a"),
            sample.ThingHappened(thing_id="b"),
        )
        await world.until_published()
        await world.emit(sample.ThingEnded(thing_id="b"))
        await world.until_published()

        assert await world.rows(SEQUENCES) == [
            (1, 1, 0),
            (1, 2, 0),
            (2, 1, 0),
            (1, 3, 1),
            (1, 4, 2),
        ]

    async def test_numbering_goes_on_after_the_rows_were_swept(self, world: World) -> None:
        _, task = world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"), sample.ThingEnded(thing_id="a"))
        await world.until_published()
        await stop(task)
        async with world.database.transactions() as session:
            await session.execute("DELETE FROM outbox WHERE producer_seq = 1")

        world.relay()
        await world.emit(sample.ThingHappened(thing_id="b"))
        await world.until_published()

        assert await world.rows(SEQUENCES) == [(1, 2, 0), (1, 3, 1)]

    async def test_of_several_states_only_the_newest_is_published(self, world: World) -> None:
        for number in range(1, 4):
            await world.emit(sample.ThingState(thing_id="a", number=number))
        await world.emit(sample.ThingState(thing_id="b", number=9))

        world.relay()
        await world.until_published()

        stored = [
            sample.ThingState.FromString(each["data"]) for each in await world.messages(STATES)
        ]
        assert [(each.thing_id, each.number) for each in stored] == [("a", 3), ("b", 9)]
        replaced = await world.rows("SELECT stream_seq FROM outbox ORDER BY position")
        assert replaced == [(None,), (None,), (1,), (2,)]

    async def test_the_stream_keeps_one_state_of_each_thing(self, world: World) -> None:
        world.relay()
        for number in range(1, 4):
            await world.emit(sample.ThingState(thing_id="a", number=number))
            await world.until_published()

        state = await world.stream(STATES)
        assert state["subjects"] == {"comptoir.runtimetest.v1.ThingState.a": 1}
        assert state["last_seq"] == 3

    async def test_of_two_relays_one_leads_and_the_other_takes_over(
        self, world: World, runtime_url: str
    ) -> None:
        other = await Database.connect(DatabaseSettings(url=runtime_url))
        world._stack.push_async_callback(other.close)
        first, first_task = world.relay()
        await until(lambda: _leads(first))
        second, _ = World(other, world.bus, world._stack).relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()
        await asyncio.sleep(0.1)
        assert (first.leading, second.leading) == (True, False)

        await stop(first_task)
        await world.emit(sample.ThingHappened(thing_id="b"))
        await world.until_published()

        assert (first.leading, second.leading) == (False, True)
        assert (await world.stream(FACTS))["messages"] == 2

    async def test_a_leader_that_is_not_heard_of_any_more_is_none(self, world: World) -> None:
        """As a process that hangs, or whose machine has vanished: its session would stay."""
        frozen = await world.database.dedicated()
        patience = "idle_session_timeout = '15s'"
        assert patience in statements.PREPARE_CONNECTION
        soon = statements.PREPARE_CONNECTION.replace(patience, "idle_session_timeout = '1s'")
        await frozen.execute(soon)
        assert await frozen.fetchval(statements.LEAD, statements.LEADER_LOCK)

        relay, _ = world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()

        assert relay.leading
        assert frozen.is_closed()

    async def test_the_leader_learns_at_once_what_other_processes_commit(
        self, world: World, runtime_url: str
    ) -> None:
        other = await Database.connect(DatabaseSettings(url=runtime_url))
        world._stack.push_async_callback(other.close)
        elsewhere = World(other, world.bus, world._stack)
        leader, _ = world.relay(poll_seconds=60)
        await until(lambda: _leads(leader))
        elsewhere.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()

        await elsewhere.emit(sample.ThingHappened(thing_id="b"))
        await world.until_published()

        assert await world.rows("SELECT producer_seq FROM outbox") == [(1,), (2,)]


class TestLostStreams:
    async def test_after_a_stream_was_deleted_everything_is_published_again(
        self, world: World
    ) -> None:
        _, task = world.relay()
        await world.emit(
            sample.ThingHappened(thing_id="a"),
            sample.ThingHappened(thing_id="b"),
            sample.ThingState(thing_id="a", number=1),
        )
        await world.until_published()
        await world.emit(sample.ThingState(thing_id="a", number=2))
        await world.until_published()
        before = await world.rows(SEQUENCES)
        await stop(task)

        await world.bus.api(f"STREAM.DELETE.{FACTS}")
        await world.bus.api(f"STREAM.DELETE.{STATES}")
        world.relay()
        await world.until_stream_has(FACTS, 2)
        await world.until_stream_has(STATES, 1)

        assert await world.rows(SEQUENCES) == before
        facts = [each["Comptoir-Sequence"] for each in await world.messages(FACTS)]
        assert facts == ["1", "2"]
        (state,) = await world.messages(STATES)
        assert sample.ThingState.FromString(state["data"]).number == 2

    async def test_a_stream_deleted_under_a_running_relay_is_noticed_by_the_next_event(
        self, world: World
    ) -> None:
        world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()

        await world.bus.api(f"STREAM.DELETE.{FACTS}")
        await world.emit(sample.ThingHappened(thing_id="b"))
        await world.until_stream_has(FACTS, 2)

        assert sorted(each["subject"][-1] for each in await world.messages(FACTS)) == ["a", "b"]

    async def test_what_a_stream_lost_at_its_end_is_published_again(self, world: World) -> None:
        """As after a restore of NATS: the stream ends before what the outbox has recorded."""
        _, task = world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()
        await stop(task)
        await world.emit(sample.ThingHappened(thing_id="b"))
        async with world.database.transactions() as session:
            await session.execute(
                "UPDATE outbox SET published_at = now(), producer_seq = 2, previous_seq = 1,"
                " stream_seq = 2 WHERE published_at IS NULL"
            )

        world.relay()
        await world.until_stream_has(FACTS, 2)

        assert [each["subject"][-1] for each in await world.messages(FACTS)] == ["a", "b"]

    async def test_subjects_of_another_version_stay_in_the_stream(self, world: World) -> None:
        config = {"name": FACTS, "subjects": ["comptoir.runtimetest.v1.ThingYetToCome.*"]}
        await world.bus.connected()
        await world.bus.api(f"STREAM.CREATE.{FACTS}", config)

        world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()

        info = await world.bus.api(f"STREAM.INFO.{FACTS}")
        package = "comptoir.runtimetest.v1"
        assert info["config"]["subjects"] == [
            f"{package}.ThingEnded.*",
            f"{package}.ThingHappened.*",
            f"{package}.ThingYetToCome.*",
        ]


class TestReplay:
    async def test_a_range_is_published_again_past_the_duplicate_window(self, world: World) -> None:
        relay, _ = world.relay()
        await world.emit(*(sample.ThingHappened(thing_id=str(number)) for number in range(1, 6)))
        await world.until_published()

        assert await relay.replay(Kind.FACT, 2, 4) == 3

        stored = await world.messages(FACTS)
        assert [each["Comptoir-Sequence"] for each in stored] == list("12345234")
        assert [each["ce-id"] for each in stored[5:]] == [each["ce-id"] for each in stored[1:4]]
        assert len({each["Nats-Msg-Id"] for each in stored}) == 8

    async def test_without_an_end_it_goes_to_the_newest(self, world: World) -> None:
        relay, _ = world.relay()
        await world.emit(*(sample.ThingHappened(thing_id=str(number)) for number in range(1, 4)))
        await world.until_published()

        assert await relay.replay(Kind.FACT, 2, 0) == 2
        assert (await world.stream(FACTS))["messages"] == 5

    async def test_nobody_else_can_have_an_answer_published_where_he_may_not(
        self, world: World
    ) -> None:
        world.relay()
        await world.emit(sample.ThingHappened(thing_id="a"))
        await world.until_published()
        answers: list[bytes] = []
        listener = Listener(
            world.bus, replayed_subject(sample.SERVICE), lambda asked, _: answers.append(asked)
        )
        subject = replay_subject(sample.SERVICE)
        forged = event_type(sample.ThingHappened).subject_of("forged")

        async def is_answered() -> bool:
            await world.bus.client.publish(subject, b"[1, 1, 1]", reply=forged)
            return bool(answers)

        assert await until(is_answered)
        assert forged not in [each["subject"] for each in await world.messages(FACTS)]
        await listener.close()

    async def test_an_old_state_never_overwrites_the_newest(self, world: World) -> None:
        relay, _ = world.relay()
        for number in (1, 2):
            await world.emit(sample.ThingState(thing_id="a", number=number))
            await world.until_published()

        assert await relay.replay(Kind.STATE, 1, 1) == 0
        assert await relay.replay(Kind.STATE, 1, 2) == 1

        stored = await world.bus.client.jetstream().get_last_msg(
            STATES, "comptoir.runtimetest.v1.ThingState.a"
        )
        assert sample.ThingState.FromString(stored.data).number == 2


class TestSweep:
    async def test_old_facts_and_replaced_states_are_forgotten(self, world: World) -> None:
        _, task = world.relay()
        for number in (1, 2):
            await world.emit(
                sample.ThingHappened(thing_id="a", number=number),
                sample.ThingState(thing_id="a", number=number),
            )
            await world.until_published()
        await stop(task)
        await world.emit(sample.ThingHappened(thing_id="unpublished"))
        async with world.database.transactions() as session:
            for position in range(2, 6):
                aged = "UPDATE outbox SET id = $1 WHERE position = $2"
                await session.execute(aged, _id(9, position), position)
            taken = [(_id(9, 1), 9), (_id(11, 2), 11), (_id(12, 3), 0)]
            for event_id, days in taken:
                await session.execute(TAKEN_IN, event_id, days)

        connection = await world.database.dedicated()
        sweep = upkeep.Sweep()
        while await sweep.step(connection):
            pass
        await connection.close()

        left = await world.rows("SELECT position, kind FROM outbox ORDER BY position")
        # Young; the newest state, however old; and what is not published yet.
        assert left == [(1, 1), (4, 2), (5, 1)]
        # By the time of the effect, not of the event.
        left = await world.rows("SELECT id FROM inbox ORDER BY id")
        assert left == [(taken[2][0],), (taken[0][0],)]


class TestOutage:
    async def test_while_nats_is_down_transactions_go_on_and_their_events_follow(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        outage.relay()
        await outage.emit(sample.ThingHappened(thing_id="before"))
        await outage.until_published()

        own_nats.stop()
        for number in range(20):
            await outage.emit(sample.ThingHappened(thing_id=f"during{number}"))
        assert await outage.value("SELECT count(*) FROM outbox WHERE published_at IS NULL") == 20
        own_nats.start()
        await outage.until_published()

        stored = await outage.messages(FACTS)
        names = ["before", *(f"during{number}" for number in range(20))]
        assert [each["subject"].rsplit(".", 1)[1] for each in stored] == names
        assert [each["Comptoir-Sequence"] for each in stored] == [str(n) for n in range(1, 22)]

    async def test_a_service_starts_while_nats_is_down(
        self, database: Database, own_nats: EmbeddedNats
    ) -> None:
        url = own_nats.url
        own_nats.stop()
        async with AsyncExitStack() as stack:
            bus = Bus(url, "taker")
            bus.start()
            stack.push_async_callback(bus.close)
            world = World(database, bus, stack)
            world.relay()
            await world.emit(sample.ThingHappened(thing_id="a"))
            own_nats.start()
            await world.until_published()
            assert (await world.stream(FACTS))["messages"] == 1

    async def test_a_store_that_was_wiped_is_filled_again(
        self, outage: World, own_nats: EmbeddedNats
    ) -> None:
        outage.relay()
        await outage.emit(sample.ThingHappened(thing_id="a"), sample.ThingState(thing_id="a"))
        await outage.until_published()

        own_nats.stop()
        for file in (own_nats.home / "jetstream").rglob("*"):
            if file.is_file():
                file.unlink()
        own_nats.start()
        await outage.until_stream_has(FACTS, 1)
        await outage.until_stream_has(STATES, 1)

        assert (await outage.stream(FACTS))["messages"] == 1
        assert (await outage.stream(STATES))["messages"] == 1


def _id(days: int, number: int) -> UUID:
    """An id made so many days ago."""
    return UUID(int=upkeep.first_id_after(timedelta(days=days, minutes=-1)).int + number)


async def _leads(relay: Relay) -> bool:
    return relay.leading
