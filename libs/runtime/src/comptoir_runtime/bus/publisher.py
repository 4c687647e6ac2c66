"""Publishing many messages at once: all are sent, then all acknowledgements are awaited.

The client's own asynchronous publish never settles what was lost with a
connection, and costs a future for each message. Here a batch has one future,
and ends when all are acknowledged, the time is over or the connection is lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import nats.errors
import orjson
from nats.aio.subscription import Subscription

from comptoir_runtime.bus.connection import Bus, BusUnavailable, Message
from comptoir_runtime.guard import outside_transaction

_NO_RESPONDERS = "503"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to store in a stream."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Where JetStream stored a message."""

    stream: str
    sequence: int


@dataclass(slots=True)
class _Batch:
    done: asyncio.Future[None]
    missing: int
    results: list[Acknowledged | str] = field(default_factory=list)

    def settle(self, index: int, result: Acknowledged | str) -> None:
        self.results[index] = result
        self.missing -= 1
        if self.missing == 0 and not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Publishes batches; use it from one task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None
        self._client: object = None
        self._reply = ""
        self._batches: dict[str, _Batch] = {}
        self._number = 0
        self._stop_observing = bus.on_change(self._connection_changed)

    def close(self) -> None:
        """Stops listening to the connection."""
        self._stop_observing()

    async def publish(
        self, messages: Sequence[Outgoing], patience: float = 5.0
    ) -> list[Acknowledged | str]:
        """What became of each message, in order: acknowledged, or a text that says why not.

        Waits at most `patience` seconds. A message that was not acknowledged may have been stored
        all the same. Raises `BusUnavailable` when there is no connection to begin with.
        """
        outside_transaction()
        if not messages:
            return []
        await self._listen()
        loop = asyncio.get_running_loop()
        batch = _Batch(loop.create_future(), len(messages), ["not acknowledged"] * len(messages))
        self._number += 1
        number = str(self._number)
        self._batches[number] = batch
        timer = loop.call_later(patience, self._end, batch)
        try:
            client = self._bus.client
            reply = f"{self._reply}.{number}."
            for index, message in enumerate(messages):
                await client.publish(
                    message.subject,
                    message.payload,
                    reply=reply + str(index),
                    headers=dict(message.headers),
                )
            await batch.done
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("publishing failed") from error
        finally:
            timer.cancel()
            del self._batches[number]
        return batch.results

    async def _listen(self) -> None:
        client = self._bus.client
        if self._client is not client:
            self._reply = self._bus.new_inbox()
            self._subscription = await self._bus.subscribe(f"{self._reply}.*.*", self._on_reply)
            self._client = client

    async def _on_reply(self, message: Message) -> None:
        _, number, index = message.subject.rsplit(".", 2)
        batch = self._batches.get(number)
        if batch is not None:
            batch.settle(int(index), _read(message))

    def _connection_changed(self) -> None:
        for batch in self._batches.values():
            self._end(batch)

    @staticmethod
    def _end(batch: _Batch) -> None:
        if not batch.done.done():
            batch.done.set_result(None)


def _read(message: Message) -> Acknowledged | str:
    if message.headers and message.headers.get("Status") == _NO_RESPONDERS:
        return "no stream takes this subject"
    answer = orjson.loads(message.data)
    if (refused := answer.get("error")) is not None:
        return str(refused.get("description", "refused"))
    return Acknowledged(answer["stream"], answer["seq"])
