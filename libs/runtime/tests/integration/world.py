"""A producer and a consumer of events in one process, on real PostgreSQL and NATS."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

from google.protobuf.message import Message
from nats.js.errors import NotFoundError

from comptoir_runtime.bus import ApiError, Bus, BusUnavailable, Subscription
from comptoir_runtime.consumer import Policy, consumers
from comptoir_runtime.database import Database, Session
from comptoir_runtime.event_options import event_type
from comptoir_runtime.outbox import Relay
from comptoir_runtime.supervision import cancel
from libs.runtime.tests import sample

TYPES = [event_type(each) for each in (sample.ThingHappened, sample.ThingEnded, sample.ThingState)]
FACTS = f"facts-{sample.SERVICE}"
STATES = f"state-{sample.SERVICE}"

RECORD = "INSERT INTO thing (id, colour, details, count) VALUES ($1, 'red', '{}', 1)"
RECORD_OR_COUNT = RECORD + " ON CONFLICT (id) DO UPDATE SET count = thing.count + 1"
COUNTS = "SELECT id, count FROM thing ORDER BY id"


async def record(session: Session, message: Any) -> None:
    """A handler that counts how often it had its effect."""
    await session.execute(RECORD_OR_COUNT, message.thing_id)


def names(count: int, prefix: str = "") -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]


def facts(things: list[str]) -> list[sample.ThingHappened]:
    return [sample.ThingHappened(thing_id=thing) for thing in things]


def states(things: list[str], number: int) -> list[sample.ThingState]:
    return [sample.ThingState(thing_id=thing, number=number) for thing in things]


async def newest_states(world: "World") -> dict[str, int]:
    found = [sample.ThingState.FromString(each["data"]) for each in await world.messages(STATES)]
    return {each.thing_id: each.number for each in found}


class World:
    def __init__(self, database: Database, bus: Bus, stack: AsyncExitStack) -> None:
        self.database = database
        self.bus = bus
        self._stack = stack

    def background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._stack.push_async_callback(stop, task)
        return task

    def relay(self, bus: Bus | None = None, **options: Any) -> tuple[Relay, asyncio.Task[None]]:
        relay = Relay(self.database, bus or self.bus, sample.SERVICE, TYPES, **options)
        return relay, self.background(relay.run())

    def consume(
        self, *subscriptions: Subscription, policy: Policy | None = None
    ) -> list[asyncio.Task[None]]:
        made = consumers(self.bus, self.database, subscriptions, policy or Policy())
        return [self.background(each.run()) for each in made]

    async def emit(self, *events: Message) -> None:
        async with self.database.transactions() as session:
            for event in events:
                session.emit(event)

    async def value(self, sql: str, *arguments: Any) -> Any:
        async with self.database.transactions.reading() as session:
            return await session.fetchval(sql, *arguments)

    async def rows(self, sql: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.transactions.reading() as session:
            return [tuple(row.values()) for row in await session.fetch(sql, *arguments)]

    async def counts(self) -> dict[str, int]:
        return dict(await self.rows(COUNTS))

    async def until_counts(self, expected: dict[str, int]) -> None:
        await until(lambda: self._has_counts(expected))
        assert await self.counts() == expected

    async def until_published(self) -> None:
        await until(self._all_published)

    async def frail_stream(self, name: str) -> None:
        """Makes a stream from which messages can be deleted, as a broken disk would."""
        await self.bus.connected()
        kind = "ThingState" if name == STATES else "ThingHappened"
        subjects = [f"comptoir.{sample.SERVICE}.v1.{kind}.*"]
        await self.bus.api(f"STREAM.CREATE.{name}", {"name": name, "subjects": subjects})

    async def messages(self, name: str) -> list[dict[str, Any]]:
        """Every message of a stream, in order: its headers, and its subject and data."""
        state, found = await self.stream(name), []
        client = self.bus.client.jetstream()
        for sequence in range(state["first_seq"], state["last_seq"] + 1):
            with contextlib.suppress(NotFoundError):
                message = await client.get_msg(name, sequence)
                content = {"subject": message.subject, "data": message.data}
                found.append({**content, **(message.headers or {})})
        return found

    async def store_again(self, name: str, sequence: int) -> None:
        """A second copy of a message at the end of its stream, under another id."""
        client = self.bus.client.jetstream()
        message = await client.get_msg(name, sequence)
        told = {key: value for key, value in (message.headers or {}).items() if key[:4] != "Nats"}
        await client.publish(str(message.subject), message.data or b"", headers=told)

    async def happened(self) -> list[str]:
        """The things in the stream of facts, in order."""
        return [each["subject"].rsplit(".", 1)[1] for each in await self.messages(FACTS)]

    async def until_stream_has(self, name: str, count: int) -> None:
        await until(lambda: self._stream_has(name, count))
        assert (await self.stream(name))["messages"] == count

    async def _stream_has(self, name: str, count: int) -> bool:
        try:
            return bool((await self.stream(name))["messages"] == count)
        except (BusUnavailable, ApiError):
            return False

    async def stream(self, name: str) -> dict[str, Any]:
        """The state of a stream, as JetStream tells it."""
        info = await self.bus.api(f"STREAM.INFO.{name}", {"subjects_filter": ">"})
        state: dict[str, Any] = info["state"]
        return state

    async def all_taken(self, stream: str = FACTS) -> bool:
        """Whether the consumer has taken in all there is."""
        info = await self.bus.api(f"CONSUMER.INFO.{stream}.taker")
        return bool(info["num_pending"] == 0 and info["num_ack_pending"] == 0)

    async def _has_counts(self, expected: dict[str, int]) -> bool:
        return await self.counts() == expected

    async def _all_published(self) -> bool:
        return not await self.value("SELECT count(*) FROM outbox WHERE published_at IS NULL")


async def read(database: Database, sql: str) -> list[tuple[object, ...]]:
    """Rows of a query."""
    async with database.transactions.reading() as session:
        return [tuple(row.values()) for row in await session.fetch(sql)]


async def stop(task: asyncio.Task[None]) -> None:
    await cancel([task])


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> bool:
    """Waits for a condition and tells whether it came.

    Gives up quietly, so that a test's own assertion tells the story. One about what may change
    again, such as who leads a cluster, asserts this answer.
    """
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if await condition():
            return True
        await asyncio.sleep(0.01)
    return False
