"""F13: events that end the process, or that nothing can be done with, among innocent ones."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from comptoir_runtime.bus import Subscription
from comptoir_runtime.consumer import Policy, consumers
from comptoir_runtime.database import Session
from comptoir_runtime.event_options import event_type
from comptoir_runtime.ids import uuid7
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import World, record, until

HAPPENED = event_type(sample.ThingHappened)
ROOT = Path(__file__).parents[4]
LETTERS = "SELECT subject, error, state FROM dead_letter"
# A consumer that dies of one event, as of running out of memory: no exception, no last word.
PROGRAM = """
import asyncio, os
from comptoir_runtime.bus import Bus, Subscription
from comptoir_runtime.consumer import consumers
from comptoir_runtime.database import Database, DatabaseSettings
from libs.runtime.tests import sample
from libs.runtime.tests.integration.test_poison import POLICY
from libs.runtime.tests.integration.world import record

async def handle(session, message):
    if message.thing_id == "poison":
        os._exit(9)
    await record(session, message)

async def main():
    database = await Database.connect(DatabaseSettings(url=os.environ["DATABASE_URL"]))
    bus = Bus(os.environ["NATS_URL"], "taker")
    bus.start()
    taking = Subscription(sample.SERVICE, {sample.ThingHappened: handle})
    (consumer,) = consumers(bus, database, [taking], POLICY)
    await consumer.run()

asyncio.run(main())
"""
POLICY = Policy(ack_wait=0.5, outage_pause=0.05)
GOOD = [f"{number:02}" for number in range(20)]


class TestPoison:
    async def test_it_is_found_out_and_put_aside_and_its_neighbours_have_their_effect(
        self, world: World, runtime_url: str, clean_nats: str
    ) -> None:
        world.relay()
        events = [*GOOD[:5], "poison", *GOOD[5:]]
        await world.emit(*(sample.ThingHappened(thing_id=name) for name in events))
        await world.until_published()
        deaths = 0
        while not await _put_aside(world):
            assert deaths < 12, "it goes on for ever"
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-c",
                PROGRAM,
                cwd=ROOT,
                env={**os.environ, "DATABASE_URL": runtime_url, "NATS_URL": clean_nats},
            )
            deaths += await _dies(process, world)
        # The last one may have been ended with neighbours in its hands: they come again.
        world.consume(Subscription(sample.SERVICE, {sample.ThingHappened: record}), policy=POLICY)
        await world.emit(sample.ThingHappened(thing_id="next"))

        await world.until_counts(dict.fromkeys([*GOOD, "next"], 1))
        # Three times alone, and before that at most twice with all the others: where the machine is
        # slow, a delivery runs out of time and counts without a death.
        assert 3 <= deaths <= 5
        assert await world.rows(LETTERS) == [
            (
                "comptoir.runtimetest.v1.ThingHappened.poison",
                "the process ended each time it was handled",
                "quarantined",
            )
        ]

    async def test_an_error_that_cannot_be_kept_as_it_is_is_told_all_the_same(
        self, world: World
    ) -> None:
        async def handle(session: Session, message: Any) -> None:
            raise ValueError("it says \0 and \udcff")

        world.relay()
        taking = Subscription(sample.SERVICE, {sample.ThingHappened: handle})
        world.consume(taking, policy=Policy(delays=(0.02,), quarantine_after=1, failures=1))
        await world.emit(sample.ThingHappened(thing_id="a"))

        assert await until(lambda: _put_aside(world))
        assert [row[1] for row in await world.rows(LETTERS)] == ["ValueError: it says ? and ?"]

    async def test_putting_aside_is_tried_again_when_it_collides(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def handle(session: Session, message: Any) -> None:
            raise ValueError("no")

        policy = Policy(delays=(0.02,), quarantine_after=1, failures=1, ack_wait=3600)
        taking = Subscription(sample.SERVICE, {sample.ThingHappened: handle})
        (consumer,) = consumers(world.bus, world.database, [taking], policy)
        collisions = [asyncpg.DeadlockDetectedError("two wait for each other")]
        quarantine = consumer.inbox.quarantine

        async def collide(*arguments: Any, **named: Any) -> bool:
            if collisions:
                raise collisions.pop()
            return await quarantine(*arguments, **named)

        monkeypatch.setattr(consumer.inbox, "quarantine", collide)
        world.relay()
        _ = world.background(consumer.run())
        await world.emit(sample.ThingHappened(thing_id="a"))

        assert await until(lambda: _put_aside(world))
        assert await until(world.all_taken)
        assert [row[1] for row in await world.rows(LETTERS)] == ["ValueError: no"]

    async def test_a_message_with_a_number_that_no_event_has_is_ignored(self, world: World) -> None:
        world.relay()
        await world.emit(sample.ThingHappened(thing_id="good"))
        await world.until_published()
        headers = {"ce-id": str(uuid7()), "ce-type": HAPPENED.name}
        headers |= {"Comptoir-Sequence": str(2**63), "Comptoir-Previous-Sequence": "1"}
        stream = world.bus.client.jetstream()
        await stream.publish(HAPPENED.subject_of("x"), b"", headers=headers)

        world.consume(Subscription(sample.SERVICE, {sample.ThingHappened: record}), policy=POLICY)

        await world.until_counts({"good": 1})
        assert await until(world.all_taken)
        assert await world.rows(LETTERS) == []


async def _dies(process: asyncio.subprocess.Process, world: World) -> bool:
    """Whether the process ends by itself before the event is put aside."""
    while process.returncode is None:
        if await _put_aside(world):
            process.kill()
            await process.wait()
            return False
        await asyncio.sleep(0.05)
    assert process.returncode == 9
    return True


async def _put_aside(world: World) -> bool:
    return bool(await world.value(f"SELECT count(*) FROM ({LETTERS}) AS l WHERE state <> 'trying'"))
