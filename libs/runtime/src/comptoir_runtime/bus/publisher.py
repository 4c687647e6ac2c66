"""Publishing many messages at once, each right behind the one before it.

A chain says of each message after which one it has to be stored. So what is
stored of a chain is its beginning, in order and without strangers in between;
a publisher that has been overtaken by another one is refused. A long chain is
one atomic batch of JetStream: one acknowledgement, and the disk is waited for
once.

The client's own asynchronous publish never settles what was lost with a
connection, and costs a future for each message. Here a chain has one future,
and ends when all is answered, the time is over or the connection is lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import nats.errors
import orjson
from nats.aio.subscription import Subscription

from comptoir_runtime.bus.connection import Bus, BusUnavailable, Message
from comptoir_runtime.guard import outside_transaction

# An atomic batch costs the server about 2 ms, and then a quarter for each message.
ATOMIC_FROM = 32
# JetStream's limit.
LONGEST_CHAIN = 1000

_NO_RESPONDERS = "503"
_PATIENCE_SECONDS = 5.0
_AFTER = "Nats-Expected-Last-Sequence"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to store in a stream."""

    subject: str
    payload: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Chain:
    """Messages of one stream, at most `LONGEST_CHAIN`, and the sequence they have to follow."""

    after: int
    messages: Sequence[Outgoing]
    atomic: bool = False
    """Store all or none; worth it from `ATOMIC_FROM` messages on."""


@dataclass(frozen=True, slots=True)
class Stored:
    """How much of a chain was stored for certain, and what became of the rest."""

    count: int
    last: int
    """Stream sequence of the last of them; that of the one before the chain when none was."""
    refusal: str = ""
    """Empty when all were stored; else the first reason. More may have been stored all the same."""


@dataclass(slots=True)
class _Pending:
    done: asyncio.Future[None]
    answers: dict[int, Message] = field(default_factory=dict)
    expected: int = 0

    def settle(self, index: int, answer: Message) -> None:
        self.answers[index] = answer
        if len(self.answers) == self.expected:
            self.end()

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Publisher:
    """Publishes chains; use it from one task."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._subscription: Subscription | None = None
        self._client: object = None
        self._reply = ""
        self._pending: dict[str, _Pending] = {}
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
        sent: list[tuple[Chain, str, _Pending]] = []
        try:
            for chain in chains:
                self._number += 1
                number, pending = str(self._number), _Pending(loop.create_future())
                self._pending[number] = pending
                sent.append((chain, number, pending))
                await self._send(chain, number, pending)
            timer = loop.call_later(patience, self._connection_changed)
            try:
                for _, _, pending in sent:
                    await pending.done
            finally:
                timer.cancel()
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("publishing failed") from error
        finally:
            for _, number, _ in sent:
                del self._pending[number]
        return [_result(chain, pending) for chain, _, pending in sent]

    async def _send(self, chain: Chain, number: str, pending: _Pending) -> None:
        client = self._bus.client
        reply, last = f"{self._reply}.{number}.", len(chain.messages) - 1
        pending.expected = 1 if chain.atomic else len(chain.messages)
        batch = f"{self._reply.rpartition('.')[2]}-{number}"
        for index, message in enumerate(chain.messages):
            headers = dict(message.headers)
            answered = True
            if not chain.atomic:
                headers[_AFTER] = str(chain.after + index)
            else:
                headers["Nats-Batch-Id"] = batch
                headers["Nats-Batch-Sequence"] = str(index + 1)
                if index == 0:
                    headers[_AFTER] = str(chain.after)
                if index == last:
                    headers["Nats-Batch-Commit"] = "1"
                answered = index == last
            await client.publish(
                message.subject,
                message.payload,
                reply=reply + str(index) if answered else "",
                headers=headers,
            )

    async def _listen(self) -> None:
        client = self._bus.client
        if self._client is not client:
            self._reply = self._bus.new_inbox()
            self._subscription = await self._bus.subscribe(f"{self._reply}.*.*", self._on_reply)
            self._client = client

    async def _on_reply(self, message: Message) -> None:
        _, number, index = message.subject.rsplit(".", 2)
        pending = self._pending.get(number)
        if pending is not None:
            pending.settle(int(index), message)

    def _connection_changed(self) -> None:
        for pending in self._pending.values():
            pending.end()


def _result(chain: Chain, pending: _Pending) -> Stored:
    if chain.atomic:
        count = len(chain.messages)
        refusal = _refusal(pending.answers.get(count - 1), chain.after + count)
        return Stored(0, chain.after, refusal) if refusal else Stored(count, chain.after + count)
    for index in range(len(chain.messages)):
        refusal = _refusal(pending.answers.get(index), chain.after + index + 1)
        if refusal:
            return Stored(index, chain.after + index, refusal)
    return Stored(len(chain.messages), chain.after + len(chain.messages))


def _refusal(answer: Message | None, place: int) -> str:
    """Why a message is not at its place in the stream; empty when it is."""
    if answer is None:
        return "not acknowledged"
    if answer.headers and answer.headers.get("Status") == _NO_RESPONDERS:
        return "no stream takes this subject"
    content = orjson.loads(answer.data)
    if (refused := content.get("error")) is not None:
        return str(refused.get("description", "refused"))
    # A duplicate is acknowledged with the place of the first, which may be gone since.
    return "" if content["seq"] == place else "known to the stream, at another place"
