"""`python -m comptoir_<service> events`, against a service that runs."""

import argparse
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import pytest

from comptoir_runtime import events_service, operating
from comptoir_runtime.auth import KeyRing, ServiceIdentity, SigningKey, Verifier, service_issuer
from comptoir_runtime.auth.keys import VerificationKey
from comptoir_runtime.channel import open_channel
from comptoir_runtime.clock import SystemClock
from comptoir_runtime.database import Database, DatabaseSettings, Session
from comptoir_runtime.dead_letters import DeadLetters
from comptoir_runtime.errors import Failure
from comptoir_runtime.event_options import event_type
from comptoir_runtime.inbox import Inbox
from comptoir_runtime.rpc import Pipeline
from comptoir_runtime.server import Server
from libs.runtime.tests import sample

THING = event_type(sample.ThingHappened)
PUT_ASIDE = """
INSERT INTO dead_letter (id, producer, subject, type, payload, headers, error, deliveries)
VALUES ($1, $2, 's.' || $3, $3, $4, '{}', 'ValueError: no', 8)"""


@dataclass
class Replayer:
    """What the service does when it is asked."""

    replays: list[tuple[int, int, int]] = field(default_factory=list)
    handled: list[str] = field(default_factory=list)

    async def replay(self, kind: int, first: int, last: int) -> int:
        self.replays.append((kind, first, last))
        return 7

    async def handle(self, session: Session, message: Any) -> None:
        if message.thing_id == "bad":
            raise ValueError("still broken")
        self.handled.append(message.thing_id)


@dataclass
class Site:
    """A service with a quarantine, and somebody who may operate it."""

    database: Database
    channel: grpc.aio.Channel
    service: Replayer
    printed: list[str] = field(default_factory=list)

    async def put_aside(self, thing: str, producer: str = sample.SERVICE) -> str:
        event, payload = uuid4(), sample.ThingHappened(thing_id=thing).SerializeToString()
        async with self.database.transactions() as session:
            await session.execute(PUT_ASIDE, event, producer, THING.name, payload)
        return str(event)

    async def asked(self, *words: str) -> list[str]:
        parser = argparse.ArgumentParser()
        operating.add_arguments(parser)
        self.printed = []
        async for line in operating.run(parser.parse_args(words), self.channel):
            self.printed.append(line)
        return self.printed


@pytest.fixture
async def site(demo_url: str) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        database = await Database.connect(DatabaseSettings(url=demo_url))
        stack.push_async_callback(database.close)
        key = SigningKey.generate(service_issuer("demo"))
        keyring = KeyRing(
            [VerificationKey(key.kid, service_issuer("demo"), key.private.public_key())]
        )
        replayer = Replayer()
        letters = DeadLetters([Inbox(sample.SERVICE, {THING: replayer.handle})])
        pipeline = Pipeline("demo", database.transactions, Verifier(keyring), SystemClock())
        bindings = [events_service.binding(replayer, letters)]
        server = Server("demo", bindings, pipeline, listen="127.0.0.1:0")
        channel = open_channel(await server.start(), ServiceIdentity("demo", key))
        await server.set_ready(True)
        stack.push_async_callback(server.stop, 0)
        stack.push_async_callback(channel.close)
        yield Site(database, channel, replayer)


class TestEvents:
    async def test_a_range_is_published_again(self, site: Site) -> None:
        assert await site.asked("replay", "states", "--first=5") == ["7 events published again"]
        assert site.service.replays == [(2, 5, 0)]

    async def test_all_letters_are_listed_page_by_page(self, site: Site) -> None:
        put = [await site.put_aside("x") for _ in range(101)]

        lines = await site.asked("dead-letters")

        assert [line.split("  ")[0] for line in lines] == put
        assert lines[0].split("  ")[1] == "quarantined"
        assert lines[0].endswith(f"s.{THING.name}  ValueError: no")

    async def test_one_that_fails_again_keeps_the_others_not_waiting(self, site: Site) -> None:
        bad, good = await site.put_aside("bad"), await site.put_aside("good")
        foreign = await site.put_aside("x", producer="nobody")

        with pytest.raises(Failure, match="ValueError"):
            await site.asked("redrive", "--all")

        lines = [line.split("  ")[:2] for line in site.printed]
        assert lines == [[bad, "EVENT_STILL_FAILS"], [good, "redriven"], [foreign, "obsolete"]]
        assert site.service.handled == ["good"]
        assert [line.split("  ")[0] for line in await site.asked("dead-letters")] == [bad]

    async def test_a_letter_is_given_up_with_a_reason(self, site: Site) -> None:
        event = await site.put_aside("bad")

        (line,) = await site.asked("discard", event, "--reason=it is gone")

        assert line.split("  ")[:2] == [event, "discarded"]
        assert line.endswith("ValueError: no; discarded by demo: it is gone")
        assert await site.asked("dead-letters") == []
        assert await site.asked("dead-letters", "--state=discarded") == [line]

    async def test_an_unknown_letter_is_refused_by_name(self, site: Site) -> None:
        with pytest.raises(Failure) as refused:
            await site.asked("redrive", str(uuid4()))
        assert refused.value.reason == "NO_SUCH_DEAD_LETTER"
