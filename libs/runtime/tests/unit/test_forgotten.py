"""When a consumer asks for what its database may have forgotten, and how far."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import orjson
import pytest

from comptoir_runtime.arrivals import Entry
from comptoir_runtime.bus import Bus
from comptoir_runtime.bus.connection import Message
from comptoir_runtime.database import Transactions
from comptoir_runtime.event_options import Kind
from comptoir_runtime.forgotten import Forgotten
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered, Inbox
from comptoir_runtime.missing import Intervals

ALWAYS = Intervals(gap_check_interval=0, repair_interval=0, look_back_interval=0)


class FakeBus:
    """What NATS says of the consumer, and what it is told."""

    service = "taker"

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.delivered = self.acknowledged = self.stored = 0

    @property
    def client(self) -> "FakeBus":
        return self

    async def api(self, method: str) -> dict[str, Any]:
        if method.startswith("STREAM.INFO."):
            state = {"first_seq": 1, "last_seq": self.stored, "messages": 0, "bytes": 0}
            config = {"max_bytes": -1, "num_replicas": 1}
            return {"created": "", "state": state, "config": config}
        return {
            "num_pending": 0,
            "num_ack_pending": self.delivered - self.acknowledged,
            "delivered": {"stream_seq": self.delivered},
            "ack_floor": {"stream_seq": self.acknowledged},
        }

    async def publish(self, subject: str, data: bytes) -> None:
        assert subject == "replay.p"
        self.asked.append(data)

    def questions(self) -> list[Any]:
        """Those since the last time."""
        asked, self.asked = self.asked, []
        return [orjson.loads(each) for each in sorted(asked)]


class FakeInbox:
    producer = "p"
    names = ("busy", "quiet")

    def __init__(self) -> None:
        self.known: dict[str, int] = {}
        self.noted = 0

    async def newest(self, session: None, types: Sequence[str]) -> dict[str, int]:
        return self.known

    async def known_up_to(self, session: None, types: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(types, self.noted)

    async def note_known(self, session: None, types: Sequence[str], sequence: int) -> None:
        self.noted = max(self.noted, sequence)


class FakeTransactions:
    breaks = 0

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        yield

    async def run(self, body: Callable[[None], Awaitable[None]]) -> None:
        await body(None)


class Consumer:
    def __init__(self, intervals: Intervals = ALWAYS, kind: Kind = Kind.FACT) -> None:
        self.bus, self.inbox, self.database = FakeBus(), FakeInbox(), FakeTransactions()
        self.forgotten = Forgotten(
            cast(Bus, self.bus),
            cast(Transactions, self.database),
            cast(Inbox, self.inbox),
            kind,
            intervals,
        )

    def takes_in(self, place: int, number: int, *, again: bool = False) -> None:
        """All up to this event, which comes for the first time unless it is told again."""
        event_id = uuid7()
        headers = {"ce-id": str(event_id), "Nats-Msg-Id": str(uuid7() if again else event_id)}
        event = Delivered(event_id, "busy", "subject", b"", number, number - 1, headers)
        message = Message(
            cast(Any, None), reply=f"$JS.ACK.facts-p.taker.1.{place}.{place}.0.0", headers=headers
        )
        self.forgotten.arrived(Entry(message, event, 1))
        self.inbox.known["busy"] = max(number, self.inbox.known.get("busy", 0))
        self.bus.delivered, self.bus.acknowledged = place + 1, place

    async def asks(self, *, idle: bool = False) -> list[Any]:
        await self.forgotten.look(idle=idle)
        return self.bus.questions()


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


class TestAnswers:
    async def test_who_is_never_answered_says_so(self, caplog: pytest.LogCaptureFixture) -> None:
        """A producer of before, or a right on NATS that is missing."""
        consumer = Consumer()
        consumer.bus.delivered = consumer.bus.acknowledged = 10
        consumer.inbox.known = {"busy": 10}

        assert await consumer.asks(idle=True)
        assert caplog.messages == []
        assert await consumer.asks(idle=True)

        [warning] = caplog.messages
        assert "replayed.p" in warning


class TestForgotten:
    async def test_in_a_pause_all_that_follows_is_asked_for(self, consumer: Consumer) -> None:
        consumer.bus.delivered = consumer.bus.acknowledged = 10
        consumer.inbox.known = {"busy": 10, "quiet": 4}

        assert await consumer.asks() == []
        assert await consumer.asks(idle=True) == [[1, 11, 0, "busy"], [1, 5, 0, "quiet"]]

    async def test_without_a_pause_what_is_older_than_what_was_delivered_since(
        self, consumer: Consumer
    ) -> None:
        consumer.bus.delivered, consumer.bus.acknowledged = 10, 8
        consumer.inbox.known = {"busy": 8, "quiet": 4}
        assert await consumer.asks() == []
        consumer.inbox.known = {"quiet": 4}
        consumer.takes_in(11, 11)

        assert await consumer.asks() == [[1, 5, 11, "quiet"]]

    async def test_what_is_told_again_does_not_say_how_far_it_goes(
        self, consumer: Consumer
    ) -> None:
        """Nor does a stream that moves on with what others take in."""
        consumer.bus.delivered, consumer.bus.acknowledged = 10, 8
        consumer.inbox.known = {"busy": 6, "quiet": 4}
        assert await consumer.asks() == []
        consumer.bus.delivered = consumer.bus.acknowledged = 11
        assert await consumer.asks() == []
        consumer.takes_in(12, 7, again=True)
        assert await consumer.asks() == []

        consumer.takes_in(13, 11)

        assert await consumer.asks() == [[1, 5, 11, "quiet"]]

    async def test_what_is_on_its_way_to_another_process_is_not_asked_for(
        self, consumer: Consumer
    ) -> None:
        consumer.bus.delivered, consumer.bus.acknowledged = 10, 8
        consumer.inbox.known = {"quiet": 4}
        assert await consumer.asks() == []
        consumer.takes_in(12, 12)
        consumer.bus.acknowledged = 11
        assert await consumer.asks() == []

        consumer.bus.acknowledged = 12

        assert await consumer.asks() == [[1, 5, 12, "quiet"]]

    async def test_who_began_before_anything_was_told_asks_as_well(
        self, consumer: Consumer
    ) -> None:
        assert await consumer.asks() == []
        consumer.inbox.known = {"quiet": 4}
        consumer.takes_in(11, 11)

        assert await consumer.asks() == [[1, 5, 11, "quiet"]]

    async def test_a_stream_that_was_made_anew_is_no_reason_to_wait(
        self, consumer: Consumer
    ) -> None:
        consumer.bus.delivered, consumer.bus.acknowledged = 1000, 990
        consumer.inbox.known = {"busy": 990, "quiet": 4}
        assert await consumer.asks() == []
        consumer.bus.delivered, consumer.bus.acknowledged = 2, 1
        assert await consumer.asks() == []
        consumer.takes_in(4, 991)

        assert await consumer.asks() == [[1, 5, 991, "quiet"]]

    async def test_an_answer_to_what_was_asked_before_another_outage_is_none(self) -> None:
        consumer = Consumer(Intervals(gap_check_interval=0))
        consumer.bus.delivered = consumer.bus.acknowledged = 10
        consumer.inbox.known = {"busy": 10, "quiet": 10}
        await consumer.forgotten.look(idle=True)
        first, second = consumer.bus.asked
        consumer.bus.asked = []
        consumer.database.breaks += 1
        await consumer.forgotten.look(idle=False)

        consumer.forgotten.answered(first)
        consumer.forgotten.answered(second)

        assert len(await consumer.asks(idle=True)) == 2
        assert await consumer.asks(idle=True) == []


class TestKnownStates:
    """It is noted up to where all states are known: only what follows is asked for later."""

    @pytest.fixture
    async def sure(self) -> Consumer:
        """What it has asked for is in the stream up to 20, and all but that is taken in."""
        consumer = Consumer(kind=Kind.STATE)
        await consumer.forgotten.look(idle=False)
        consumer.takes_in(9, 9)
        await consumer.forgotten.look(idle=False)
        for asked in consumer.bus.asked:
            consumer.forgotten.answered(asked)
        consumer.bus.stored = 20
        await consumer.forgotten.look(idle=False)
        return consumer

    async def test_not_while_what_was_asked_for_is_on_its_way(self, sure: Consumer) -> None:
        sure.takes_in(11, 11)
        await sure.forgotten.look(idle=False)
        assert sure.inbox.noted == 0

        sure.takes_in(20, 6, again=True)
        await sure.forgotten.look(idle=False)

        assert sure.inbox.noted == 9

    async def test_in_a_pause_wherever_the_stream_ends(self, sure: Consumer) -> None:
        """The rest of it is not for us."""
        sure.takes_in(11, 11)
        sure.bus.acknowledged = sure.bus.delivered
        await sure.forgotten.look(idle=True)

        assert sure.inbox.noted == 9

    async def test_not_what_came_before_the_last_outage(self, sure: Consumer) -> None:
        sure.takes_in(21, 21)
        sure.bus.acknowledged = 20
        await sure.forgotten.look(idle=False)
        sure.database.breaks += 1
        await sure.forgotten.look(idle=False)
        sure.takes_in(23, 23)
        await sure.forgotten.look(idle=False)
        for asked in sure.bus.asked:
            sure.forgotten.answered(asked)
        sure.bus.stored = 30

        await sure.forgotten.look(idle=False)

        assert sure.inbox.noted == 9
