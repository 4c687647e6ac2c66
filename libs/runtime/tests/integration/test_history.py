"""F16: the database of a producer is an older copy of itself, and its events were consumed.

What happens when a standby takes over that had not received everything, or a backup is restored.
"""

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from comptoir_local.databases import DatabaseServer, owner_of
from comptoir_runtime.bus import Subscription
from comptoir_runtime.consumer import Policy
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.outbox import recovery
from libs.runtime.tests import sample
from libs.runtime.tests.integration.conftest import TEMPLATE
from libs.runtime.tests.integration.world import (
    FACTS,
    STATES,
    World,
    record,
    stop,
    until,
)

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
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
