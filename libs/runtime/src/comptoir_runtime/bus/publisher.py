"""Publishing many messages at once, behind a known end of their stream.

A chain says after which message it has to be stored. It is stored in order and
without strangers in between, from its first message on; a publisher that has
been overtaken is refused.

A chain is sent in one of two ways. In a row: each message names the one before
it, so what follows a refused one is refused as well. As an atomic batch of
JetStream: all or nothing. A server that keeps a stream alone makes a store on
disk for each batch, removes it again, and takes longer for that than for twenty
messages in a row. A stream that is kept by several servers has its batches in
memory; and it takes nothing any more once it has refused a message for the one
before it (NATS 2.12), so there every chain is a batch.

Telling each message its place instead would be wrong: behind one stranger the
first is refused, and the second finds the end of the stream where it expects it.

The client's own asynchronous publish never settles what was lost with a
connection, and costs a future for each message. Here a chain has one future,
and ends when it is answered, the time is over or the connection is lost.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import nats.errors
import orjson
from nats.aio.subscription import Subscription

from comptoir_runtime.bus.connection import Bus, BusUnavailable, Message
from comptoir_runtime.guard import outside_transaction

# JetStream's limit of a batch.
LONGEST_CHAIN = 1000
# In a row each message costs the server an fsync; beyond this a batch, which costs one, is cheaper.
LONGEST_ROW = 20

_NO_RESPONDERS = "503"
_PATIENCE_SECONDS = 5.0
_AFTER = "Nats-Expected-Last-Sequence"
_BEHIND = "Nats-Expected-Last-Msg-Id"
_ID = "Nats-Msg-Id"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to store in a stream, under an id that no other message has."""

    id: str
    subject: str
    payload: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Messages of one stream, at most `LONGEST_CHAIN`, and the sequence they have to follow."""

    after: int
    messages: Sequence[Outgoing]
    copies: int
    """How many servers keep the stream."""

    @property
    def is_batch(self) -> bool:
        """Whether it is stored as a whole or not at all."""
        return len(self.messages) > (LONGEST_ROW if self.copies == 1 else 1)


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a chain."""

    count: int
    """All of it, or 0: a part that was stored is found at the end of the stream."""
    last: int
    """Stream sequence of its last message, or of the one before it when none was stored."""
    refusal: str = ""
    """Empty when it was stored, else the reason. All or a part of it may be stored even so."""


_Answer = asyncio.Future[Message | None]
"""The answer to a chain; None when nobody will give it any more."""


class Publisher:
    """Publishes chains; use it from one task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None
        self._client: object = None
        self._reply = ""
        self._pending: dict[str, _Answer] = {}
        self._number = 0
        self._stop_observing = bus.on_change(self._connection_changed)

    def close(self) -> None:
        """Stops listening to the connection."""
        self._stop_observing()

    async def publish(self, *chains: Chain, patience: float = _PATIENCE_SECONDS) -> list[Stored]:
        """What became of each chain; all are sent before any answer is waited for.

        Waits at most `patience` seconds. Raises `BusUnavailable` when there is no connection to
        begin with.
        """
        outside_transaction()
        await self._listen()
        loop = asyncio.get_running_loop()
        sent: list[tuple[Chain, str, _Answer]] = []
        try:
            for chain in chains:
                self._number += 1
                number, answer = str(self._number), loop.create_future()
                self._pending[number] = answer
                sent.append((chain, number, answer))
                await self._send(chain, number)
            timer = loop.call_later(patience, self._connection_changed)
            try:
                return [_result(chain, await answer) for chain, _, answer in sent]
            finally:
                timer.cancel()
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("publishing failed") from error
        finally:
            for _, number, _ in sent:
                del self._pending[number]

    async def _send(self, chain: Chain, number: str) -> None:
        client, reply = self._bus.client, f"{self._reply}.{number}"
        last = len(chain.messages) - 1
        links = self._batch(chain, number) if chain.is_batch else _row(chain)
        for index, (message, link) in enumerate(zip(chain.messages, links, strict=True)):
            headers = {_ID: message.id, **message.headers, **link}
            # What becomes of the last one tells of those before it.
            answered = reply if index == last else ""
            await client.publish(message.subject, message.payload, reply=answered, headers=headers)

    def _batch(self, chain: Chain, number: str) -> Iterator[dict[str, str]]:
        name, last = f"{self._reply.rpartition('.')[2]}-{number}", len(chain.messages)
        for place in range(1, last + 1):
            link = {"Nats-Batch-Id": name, "Nats-Batch-Sequence": str(place)}
            if place == 1:
                link[_AFTER] = str(chain.after)
            if place == last:
                link["Nats-Batch-Commit"] = "1"
            yield link

    async def _listen(self) -> None:
        client = self._bus.client
        if self._client is not client:
            self._reply = self._bus.new_inbox()
            self._subscription = await self._bus.subscribe(f"{self._reply}.*", self._on_reply)
            self._client = client

    async def _on_reply(self, message: Message) -> None:
        answer = self._pending.get(message.subject.rpartition(".")[2])
        if answer is not None and not answer.done():
            answer.set_result(message)

    def _connection_changed(self) -> None:
        for answer in self._pending.values():
            if not answer.done():
                answer.set_result(None)


def _row(chain: Chain) -> Iterator[dict[str, str]]:
    yield {_AFTER: str(chain.after)}
    for message in chain.messages[:-1]:
        yield {_BEHIND: message.id}


def _result(chain: Chain, answer: Message | None) -> Stored:
    last = chain.after + len(chain.messages)
    refusal = _refusal(answer, last)
    return Stored(0, chain.after, refusal) if refusal else Stored(len(chain.messages), last)


def _refusal(answer: Message | None, place: int) -> str:
    """Why the last message of a chain is not at its place in the stream; empty when it is."""
    if answer is None:
        return "not acknowledged"
    if answer.headers and answer.headers.get("Status") == _NO_RESPONDERS:
        return "no stream takes this subject"
    content = orjson.loads(answer.data)
    if (refused := content.get("error")) is not None:
        return str(refused.get("description", "refused"))
    # A duplicate is acknowledged with the place of the first, which may be gone since.
    return "" if content["seq"] == place else "known to the stream, at another place"
