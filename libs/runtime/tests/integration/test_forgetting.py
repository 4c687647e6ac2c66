"""F16: the database of a consumer is an older copy of itself, as after a fail-over or a restore.

It has acknowledged events that it knows nothing of.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from google.protobuf.message import Message

from comptoir_runtime.bus import Subscription
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.consumer import Policy
from comptoir_runtime.database import Session
from comptoir_runtime.event_options import event_type
from comptoir_runtime.outbox import replay_subject
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import (
    FACTS,
    STATES,
    World,
    facts,
    newest_states,
    record,
    states,
    stop,
    until,
)

HAPPENED = Subscription(sample.SERVICE, {sample.ThingHappened: record})
STATE = Subscription(sample.SERVICE, {sample.ThingState: record})
FORGET = """
WITH lost AS (DELETE FROM inbox WHERE producer_seq > $1),
undone AS (DELETE FROM thing WHERE id = ANY ($2::text[]))
UPDATE inbox_cursor SET contiguous_seq = $1, gap_until = NULL, gap_since = NULL"""
ATTENTIVE = Policy(gap_check_interval=0.05, repair_interval=0.05, look_back_interval=0.05)
ASKING_ONCE = Policy(gap_check_interval=0.05, repair_interval=3600)


class TestForgottenFacts:
    """It has acknowledged facts that its database knows nothing of, and no later ones come."""

    async def test_what_it_has_forgotten_comes_again(self, world: World, neighbour: World) -> None:
        world.relay()
        (task,) = neighbour.consume(HAPPENED)
        await world.emit(*facts(["a", "b"]))
        await world.emit(*facts(["lost", "gone"]), sample.ThingEnded(thing_id="a"))
        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost", "gone"], 1))
        await until(neighbour.all_taken)
        await stop(task)
        async with neighbour.database.transactions() as session:
            await session.execute(FORGET, 2, ["lost", "gone"])
        assert await neighbour.counts() == {"a": 1, "b": 1}

        neighbour.consume(HAPPENED, policy=ASKING_ONCE)

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
        await world.emit(*facts(["a"]), sample.ThingEnded(thing_id="b"))
        await world.emit(sample.ThingEnded(thing_id="lost"))
        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost"], 1))
        await until(neighbour.all_taken)
        await stop(task)
        await forget(neighbour, 2, {"a": 1, "b": 1})
        await world.emit(*facts(["later"]))
        await world.until_published()

        neighbour.consume(both, policy=ATTENTIVE)

        await neighbour.until_counts(dict.fromkeys(["a", "b", "lost", "later"], 1))

    async def test_what_it_has_forgotten_comes_again_although_other_facts_never_pause(
        self, world: World, neighbour: World
    ) -> None:
        both = Subscription(
            sample.SERVICE, {sample.ThingHappened: record, sample.ThingEnded: ignore}
        )
        world.relay()
        (task,) = neighbour.consume(both)
        await world.emit(*facts(["a"]), sample.ThingEnded(thing_id="b"))
        await world.emit(*facts(["lost"]))
        await neighbour.until_counts({"a": 1, "lost": 1})
        await until(neighbour.all_taken)
        await stop(task)
        await forget(neighbour, 2, {"a": 1})
        _ = world.background(keep_telling(world, lambda _: sample.ThingEnded(thing_id="busy")))
        await world.until_published()

        neighbour.consume(both, policy=NEVER_IDLE)

        await neighbour.until_counts({"a": 1, "lost": 1})

    async def test_who_knows_everything_asks_in_vain(
        self, world: World, neighbour: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="comptoir_runtime.outbox")
        world.relay()
        neighbour.consume(HAPPENED, policy=ATTENTIVE)
        await world.emit(*facts(["a", "b"]), sample.ThingEnded(thing_id="a"))
        await neighbour.until_counts({"a": 1, "b": 1})
        async with questions(world) as asked:
            assert await until(lambda: has_at_least(asked, 3))
        await world.until_published()
        assert (await world.stream(FACTS))["messages"] == 3
        assert "this process publishes" in caplog.text
        assert "on request" not in caplog.text  # each process asks every ten minutes


class TestForgottenStates:
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

    async def test_what_it_has_forgotten_comes_again_although_other_states_never_pause(
        self, world: World, neighbour: World
    ) -> None:
        task = await told_two_states(world, neighbour)
        await world.emit(*states(["lost"], 2))
        await neighbour.until_counts({"a": 1, "b": 1, "lost": 1})
        await until(lambda: neighbour.all_taken(STATES))
        await stop(task)
        await forget(neighbour, 2, {"a": 1, "b": 1})
        _ = world.background(keep_telling(world, lambda number: states(["busy"], number)[0]))

        neighbour.consume(STATE, policy=NEVER_IDLE)

        assert await until(lambda: knows(neighbour, "lost"))
        assert (await neighbour.counts())["lost"] == 1

    async def test_what_is_known_is_noted_although_states_never_pause(
        self, world: World, neighbour: World
    ) -> None:
        world.relay()
        _ = world.background(keep_telling(world, lambda number: states([f"{number}"], number)[0]))

        neighbour.consume(STATE, policy=NEVER_IDLE)

        assert await until(lambda: is_noted_beyond(neighbour, 20))

    async def test_a_fail_over_in_a_quiet_hour_is_noticed_at_once(
        self, world: World, neighbour: World
    ) -> None:
        world.relay()
        neighbour.consume(STATE, policy=ATTENTIVE)
        await world.emit(*states(["a"], 1))
        await until_known(neighbour, 1)
        await world.emit(*states(["lost"], 2))
        await neighbour.until_counts({"a": 1, "lost": 1})
        await until_known(neighbour, 2)
        await forget(neighbour, 1, {"a": 1})
        async with neighbour.database.transactions() as session:
            await session.execute(CUT_OFF)

        await neighbour.until_counts({"a": 1, "lost": 1})

    async def test_it_is_asked_for_until_somebody_answers(
        self, world: World, neighbour: World
    ) -> None:
        """The producer was in the same outage, and comes back later than its consumer."""
        _, relay = world.relay()
        (task,) = neighbour.consume(STATE, policy=ATTENTIVE)
        await world.emit(*states(["a"], 1))
        await until_known(neighbour, 1)
        await world.emit(*states(["lost"], 2))
        await neighbour.until_counts({"a": 1, "lost": 1})
        await until(lambda: neighbour.all_taken(STATES))
        await stop(relay)
        await stop(task)
        await forget(neighbour, 1, {"a": 1})

        neighbour.consume(STATE, policy=ATTENTIVE)
        async with questions(world) as asked:
            assert await until(lambda: has_at_least(asked, 5))
        world.relay()

        await neighbour.until_counts({"a": 1, "lost": 1})

    async def test_who_knows_everything_is_told_nothing_again(
        self, world: World, neighbour: World
    ) -> None:
        task = await told_two_states(world, neighbour)
        await stop(task)

        async with questions(world) as asked:
            neighbour.consume(STATE, policy=ASKING_ONCE)
            assert await until(lambda: has_at_least(asked, 1))
            await world.emit(*states(["a"], 3))
            await until_known(neighbour, 3)

        assert len(asked) == 1  # it has begun, was answered, and asks no more
        # What it knew; the newest may have been there already when the relay heard the question.
        subject = event_type(sample.ThingState).subject_of("b")
        assert (await world.bus.client.jetstream().get_last_msg(STATES, subject)).seq == 2


# What arrives more often than that never pauses.
NEVER_IDLE = Policy(gap_check_interval=1)

# As when the server has gone: no session is left, of whoever it was.
CUT_OFF = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()"""


async def ignore(session: Session, message: Any) -> None:
    return


async def keep_telling(world: World, event: Callable[[int], Message]) -> None:
    """Another event all the time."""
    for number in itertools.count(10):
        await world.emit(event(number))
        await asyncio.sleep(0.02)


@asynccontextmanager
async def questions(world: World) -> AsyncIterator[list[bytes]]:
    """What is asked for again meanwhile."""
    asked: list[bytes] = []
    subject = replay_subject(sample.SERVICE)
    listener = Listener(world.bus, subject, lambda data, _: asked.append(data))
    yield asked
    await listener.close()


async def has_at_least(found: list[bytes], count: int) -> bool:
    return len(found) >= count


async def knows(world: World, thing: str) -> bool:
    return thing in await world.counts()


async def is_noted_beyond(world: World, sequence: int) -> bool:
    """Whether it is noted that all states up to a later one are known."""
    return bool(await world.value("SELECT max(contiguous_seq) > $1 FROM inbox_cursor", sequence))


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
