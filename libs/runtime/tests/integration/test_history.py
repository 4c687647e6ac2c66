"""F16: a database is an older copy of itself: that of a producer whose events were consumed, or of
who consumed them.

What happens when a standby takes over that had not received everything, or a backup is restored.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from comptoir_local.databases import DatabaseServer, owner_of
from comptoir_runtime.bus import Subscription
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.consumer import Policy
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.event_options import event_type
from comptoir_runtime.outbox import recovery, replay_subject
from libs.runtime.tests import sample
from libs.runtime.tests.integration.conftest import TEMPLATE
from libs.runtime.tests.integration.world import (
    FACTS,
    STATES,
    World,
    newest_states,
    record,
    states,
    stop,
    until,
)

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
STATE = Subscription(sample.SERVICE, {sample.ThingState: record})
NUMBERS = "SELECT subject, producer_seq, previous_seq FROM outbox WHERE kind = 1 ORDER BY 2"


class Producer:
    """A service whose database can be set back."""

    def __init__(self, url: str, server: DatabaseServer, world: World) -> None:
        self._url = url
        self._server = server
        self._world = world
        self._name = urlsplit(url).path.strip("/")

    async def start(self) -> World:
        self._database = await Database.connect(DatabaseSettings(url=self._url))
        running = World(self._database, self._world.bus, self._world._stack)
        _, self._relay = running.relay()
        return running

    async def stop(self) -> None:
        await stop(self._relay)
        await self._database.close()

    def keep_copy(self) -> None:
        self._copy(self._name, f"{self._name}_copy")

    def restore(self) -> None:
        self._copy(f"{self._name}_copy", self._name)

    def _copy(self, source: str, target: str) -> None:
        names = {"target": sql.Identifier(target), "source": sql.Identifier(source)}
        statements = (
            "DROP DATABASE IF EXISTS {target} WITH (FORCE)",
            "CREATE DATABASE {target} TEMPLATE {source} OWNER {owner} STRATEGY file_copy",
        )
        with psycopg.connect(self._server.admin_url, autocommit=True) as connection:
            # A session that has just been closed takes a moment to be gone.
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                [source],
            )
            for statement in statements:
                connection.execute(
                    sql.SQL(statement).format(**names, owner=sql.Identifier(owner_of(TEMPLATE)))
                )


@pytest.fixture
async def producer(
    another_url: str, postgres_server: DatabaseServer, world: World
) -> AsyncIterator[Producer]:
    made = Producer(another_url, postgres_server, world)
    yield made
    await made.stop()
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as connection:
        name = sql.Identifier(f"{made._name}_copy")
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))


def facts(*things: str) -> list[sample.ThingHappened]:
    return [sample.ThingHappened(thing_id=thing) for thing in things]


async def lost_after(world: World, producer: Producer) -> World:
    """`a` and `b` are kept, `lost` and `gone` were told to everybody and are then forgotten."""
    running = await producer.start()
    await running.emit(*facts("a", "b"), sample.ThingState(thing_id="a", number=1))
    await running.until_published()
    await producer.stop()
    producer.keep_copy()
    running = await producer.start()
    await running.emit(
        *facts("lost", "gone"),
        sample.ThingEnded(thing_id="lost"),
        sample.ThingState(thing_id="a", number=2),
        sample.ThingState(thing_id="new", number=1),
    )
    await running.until_published()
    await world.until_counts(dict.fromkeys(["a", "b", "lost", "gone"], 1))
    await producer.stop()
    producer.restore()
    return await producer.start()


class TestAnOlderCopy:
    async def test_every_consumer_sees_one_history_and_each_event_once(
        self, world: World, producer: Producer
    ) -> None:
        world.consume(HAPPENED)
        running = await lost_after(world, producer)
        await running.emit(*facts("c"))
        await running.emit(*facts("d"))
        expected = dict.fromkeys(["a", "b", "lost", "gone", "c", "d"], 1)
        await world.until_counts(expected)

        await running.until_published()
        assert await running.happened() == ["a", "b", "lost", "gone", "lost", "c", "d"]
        prefix = "comptoir.runtimetest.v1.Thing"
        assert await running.rows(NUMBERS) == [
            (f"{prefix}Happened.a", 1, 0),
            (f"{prefix}Happened.b", 2, 1),
            (f"{prefix}Happened.lost", 3, 2),
            (f"{prefix}Happened.gone", 4, 3),
            (f"{prefix}Ended.lost", 5, 0),
            (f"{prefix}Happened.c", 6, 4),
            (f"{prefix}Happened.d", 7, 6),
        ]

    async def test_what_was_lost_is_told_and_marked(
        self, world: World, producer: Producer, caplog: pytest.LogCaptureFixture
    ) -> None:
        world.consume(HAPPENED)
        running = await lost_after(world, producer)
        await running.emit(*facts("c"))
        await running.until_published()

        adopted = "SELECT subject FROM outbox WHERE headers ? $1 ORDER BY producer_seq"
        found = [row[0][-4:] for row in await running.rows(adopted, recovery.ADOPTED)]
        assert found == ["lost", "gone", "lost"]
        told = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
        assert any(text.startswith("3 published events of runtimetest") for text in told)

    async def test_a_state_says_again_what_the_database_knows(
        self, world: World, producer: Producer
    ) -> None:
        world.consume(HAPPENED)
        running = await lost_after(world, producer)
        subject = "comptoir.runtimetest.v1.ThingState.a"

        async def newest() -> int:
            message = await world.bus.client.jetstream().get_last_msg(STATES, subject)
            number: int = sample.ThingState.FromString(message.data or b"").number
            return number

        async def is_known() -> bool:
            return await newest() == 1

        await until(is_known)
        assert await newest() == 1
        await running.emit(sample.ThingState(thing_id="a", number=3))
        await running.until_published()
        assert await newest() == 3

    async def test_a_loss_after_it_is_still_noticed_by_consumers(
        self, world: World, producer: Producer
    ) -> None:
        """No number is given twice, so a gap is a gap."""
        await world.frail_stream(FACTS)
        tasks = world.consume(HAPPENED)
        running = await lost_after(world, producer)
        await running.until_published()
        await stop(tasks[0])
        await running.emit(*facts("c", "d", "e"))
        await running.until_published()
        position = (await world.stream(FACTS))["last_seq"] - 1
        await world.bus.api(f"STREAM.MSG.DELETE.{FACTS}", {"seq": position})

        world.consume(HAPPENED, policy=Policy(gap_check_interval=0.05, gap_patience=0))

        await world.until_counts(dict.fromkeys(["a", "b", "lost", "gone", "c", "d", "e"], 1))


FORGET = """
WITH lost AS (DELETE FROM inbox WHERE producer_seq > $1),
undone AS (DELETE FROM thing WHERE id = ANY ($2::text[]))
UPDATE inbox_cursor SET contiguous_seq = $1, gap_until = NULL, gap_since = NULL"""
ATTENTIVE = Policy(gap_check_interval=0.05, repair_interval=0.05, look_back_interval=0.05)


class TestAnOlderCopyOfAConsumer:
    """It has acknowledged facts that its database knows nothing of, and no later ones come."""

    async def test_what_it_has_forgotten_comes_again(self, world: World, neighbour: World) -> None:
        world.relay()
        (task,) = neighbour.consume(HAPPENED)
        await world.emit(*facts("a", "b"))
        await world.emit(*facts("lost", "gone"), sample.ThingEnded(thing_id="a"))
        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost", "gone"], 1))
        await until(neighbour.all_taken)
        await stop(task)
        async with neighbour.database.transactions() as session:
            await session.execute(FORGET, 2, ["lost", "gone"])
        assert await neighbour.counts() == {"a": 1, "b": 1}

        neighbour.consume(HAPPENED, policy=ATTENTIVE)

        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost", "gone"], 1))
        assert await world.happened() == ["a", "b", "lost", "gone", "a", "lost", "gone"]

    async def test_later_facts_of_another_type_do_not_hide_what_is_forgotten(
        self, world: World, neighbour: World
    ) -> None:
        both = Subscription(
            sample.SERVICE, {sample.ThingHappened: record, sample.ThingEnded: record}
        )
        world.relay()
        (task,) = neighbour.consume(both)
        await world.emit(*facts("a"), sample.ThingEnded(thing_id="b"))
        await world.emit(sample.ThingEnded(thing_id="lost"))
        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost"], 1))
        await until(neighbour.all_taken)
        await stop(task)
        await forget(neighbour, 2, {"a": 1, "b": 1})
        await world.emit(*facts("later"))
        await world.until_published()

        neighbour.consume(both, policy=ATTENTIVE)

        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost", "later"], 1))

    async def test_who_knows_everything_asks_in_vain(
        self, world: World, neighbour: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="comptoir_runtime.outbox")
        world.relay()
        neighbour.consume(HAPPENED, policy=ATTENTIVE)
        await world.emit(*facts("a", "b"), sample.ThingEnded(thing_id="a"))
        await neighbour.until_counts({"a": 1, "b": 1})
        asked: list[bytes] = []
        listener = Listener(
            world.bus, replay_subject(sample.SERVICE), lambda data, _: asked.append(data)
        )

        async def has_asked() -> bool:
            return len(asked) > 2

        await until(has_asked)
        await listener.close()
        assert len(asked) > 2
        await world.until_published()
        assert (await world.stream(FACTS))["messages"] == 3
        assert "this process publishes" in caplog.text
        assert "on request" not in caplog.text  # each process asks every ten minutes


class TestAnOlderCopyOfAConsumerOfStates:
    """States have gaps by nature, and the next one of a thing may never come."""

    async def test_what_it_has_forgotten_comes_again_although_later_ones_have_come(
        self, world: World, neighbour: World
    ) -> None:
        task = await told_two_states(world, neighbour)
        await world.emit(*states(["lost", "b"], 2))
        await neighbour.until_counts({"a": 1, "b": 2, "lost": 1})
        await until(lambda: neighbour.all_taken(STATES))
        await stop(task)
        await forget(neighbour, 2, {"a": 1, "b": 1})
        await world.emit(*states(["later"], 3))
        await world.until_published()

        neighbour.consume(STATE, policy=ATTENTIVE)

        await neighbour.until_counts({"a": 1, "b": 2, "lost": 1, "later": 1})

        async def are_told() -> bool:
            return await newest_states(world) == {"a": 1, "b": 2, "lost": 2, "later": 3}

        assert await until(are_told)  # they may be on their way to another place

    async def test_a_fail_over_in_a_quiet_hour_is_noticed_with_the_next_state(
        self, world: World, neighbour: World
    ) -> None:
        world.relay()
        neighbour.consume(STATE, policy=ATTENTIVE)
        await world.emit(*states(["a"], 1))
        await until_known(neighbour, 1)
        await world.emit(*states(["lost"], 2))
        await neighbour.until_counts({"a": 1, "lost": 1})
        await until_known(neighbour, 2)
        async with neighbour.database.transactions() as session:
            await session.execute(CUT_OFF)
        await forget(neighbour, 1, {"a": 1})
        await world.emit(*states(["later"], 3))

        await neighbour.until_counts({"a": 1, "lost": 1, "later": 1})

    async def test_who_knows_everything_is_told_nothing_again(
        self, world: World, neighbour: World
    ) -> None:
        task = await told_two_states(world, neighbour)
        await stop(task)
        asked: list[bytes] = []
        listener = Listener(
            world.bus, replay_subject(sample.SERVICE), lambda data, _: asked.append(data)
        )

        async def has_asked() -> bool:
            return len(asked) == 2

        neighbour.consume(STATE, policy=ATTENTIVE)
        await until(has_asked)
        await world.emit(*states(["a"], 3))
        await until_known(neighbour, 3)

        await listener.close()
        assert len(asked) == 2  # it has begun, and asks no more
        # What it knew; the newest may have been there already when the relay heard the question.
        subject = event_type(sample.ThingState).subject_of("b")
        assert (await world.bus.client.jetstream().get_last_msg(STATES, subject)).seq == 2


# As when the server has gone: no session is left, of whoever it was.
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def forget(world: World, above: int, counts: dict[str, int]) -> None:
    """The database is as it was when nothing above this sequence was known."""
    gone = [thing for thing in await world.counts() if thing not in counts]
    async with world.database.transactions() as session:
        await session.execute(FORGET, above, gone)
        for thing, count in counts.items():
            await session.execute("UPDATE thing SET count = $2 WHERE id = $1", thing, count)
    assert await world.counts() == counts


async def told_two_states(world: World, neighbour: World) -> asyncio.Task[None]:
    """Whoever consumes them has noted that both are known."""
    world.relay()
    (task,) = neighbour.consume(STATE, policy=ATTENTIVE)
    await world.emit(*states(["a", "b"], 1))
    await until_known(neighbour, 2)
    return task


async def until_known(world: World, sequence: int) -> None:
    """Waits until it is noted that all states up to this one are known."""
    query = "SELECT contiguous_seq FROM inbox_cursor"

    async def is_noted() -> bool:
        return await world.rows(query) == [(sequence,)]

    await until(is_noted)
    assert await world.rows(query) == [(sequence,)]
