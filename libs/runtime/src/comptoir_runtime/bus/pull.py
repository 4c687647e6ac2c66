"""Pulling messages from a JetStream consumer.

The client's own fetch waits for a full batch once it waits at all, so that a
lone message arrives seconds late, and starts a task for each message. Here one
request is always open, whatever has arrived is taken at once, and the next
request is sent while a batch is being worked on.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import nats.errors
import orjson
from nats.aio.subscription import Subscription

from comptoir_runtime.bus.connection import ApiError, Bus, BusUnavailable, Message
from comptoir_runtime.pace import Pace

_SECOND = 1_000_000_000
_REQUEST_SECONDS = 30
_HEARTBEAT_SECONDS = 2
# In a cluster the server of a consumer can go away while the one we are connected to stays: then
# nothing comes any more, not even heartbeats.
SILENCE_SECONDS = 7.0
# Before we believe it: what has come while this process was busy is still on its way to us.
_ONCE_MORE_SECONDS = 0.1
# How long to wait, at the end, for what is on its way.
DRAIN_SECONDS = 1.0
# Without a message for this long, ask whether there should have been one.
IDLE_SECONDS = 15.0

_STATUS = "Status"
_HEARTBEAT = "100"
_NO_RESPONDERS = "503"
_CONFLICT = "409"  # deleted, or its server is going away


async def _nothing() -> None:
    return


_DO_NOTHING = (_nothing, IDLE_SECONDS)


class ConsumerLost(Exception):
    """The consumer or its stream is gone, or has gone silent: open it again."""


class Pull:
    """An open pull on one consumer; use it from one task and `close` it."""

    def __init__(
        self,
        bus: Bus,
        stream: str,
        consumer: str,
        batch: int,
        *,
        idle: tuple[Callable[[], Awaitable[None]], float] = _DO_NOTHING,
    ) -> None:
        """`idle` is what to do while nothing arrives, and after how many seconds each time."""
        self._bus = bus
        self._stream = stream
        self._consumer = consumer
        self._batch = batch
        self._idle, self._idle_seconds = idle
        self._buffer: list[Message] = []
        self._wanted = 0
        self._lost: str | None = None
        self._finished = False
        self._arrived = asyncio.Event()
        self._enough = asyncio.Event()
        self._heard_at = time.monotonic()
        self._check_at = self._heard_at + IDLE_SECONDS
        self._requests = 0
        self._inbox = ""
        self._connection = bus.connections
        self._subscription: Subscription | None = None
        self._stop_observing = bus.on_change(self._connection_changed)

    async def open(self) -> None:
        """Starts to listen."""
        self._inbox = self._bus.new_inbox()
        self._subscription = await self._bus.subscribe(f"{self._inbox}.*", self._on_message)

    def finish(self) -> None:
        """From now on `next` takes nothing; whoever waits in it is told."""
        self._finished = True
        self._arrived.set()
        self._enough.set()

    async def close(self) -> list[Message]:
        """Stops listening; the messages that have come and were not taken, to be handed back.

        After `finish` what is on its way is among them.
        """
        self._stop_observing()
        if self._subscription is not None:
            try:
                if self._finished and self._bus.is_connected:
                    async with asyncio.timeout(DRAIN_SECONDS):
                        # nats-py says nothing about its type.
                        await self._subscription.drain()  # type: ignore[no-untyped-call]
                else:
                    await self._subscription.unsubscribe()
            except (nats.errors.Error, OSError, TimeoutError):
                pass  # it ended with its connection
        return self._buffer

    async def next(self, pace: Pace | None = None) -> list[Message]:
        """What has arrived, at most one batch; waits when there is nothing. None after `finish`.

        With a `pace` more is gathered while messages keep coming, until there is a whole batch.
        Raises `ConsumerLost` when the consumer has to be opened again.
        """
        while not (self._buffer or self._finished):
            if self._lost is not None:
                raise ConsumerLost(self._lost)
            self._arrived.clear()
            await self._request()
            try:
                async with asyncio.timeout(min(self._idle_seconds, SILENCE_SECONDS)):
                    await self._arrived.wait()
            except TimeoutError:
                await self._nothing_came()
        if pace is not None:
            await self._gather(pace)
        if self._finished:
            return []
        self._check_at = time.monotonic() + IDLE_SECONDS
        taken = self._buffer[: self._batch]
        del self._buffer[: self._batch]
        if not self._buffer:
            await self._request()
        return taken

    async def _gather(self, pace: Pace) -> None:
        pause = pace.pause(time.monotonic())
        if pause > 0 and len(self._buffer) < self._batch:
            self._enough.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._enough.wait()
        pace.begin(time.monotonic())

    async def _request(self) -> None:
        """Opens a request unless one is open."""
        if self._wanted > 0:
            return
        self._wanted = self._batch
        self._heard_at = time.monotonic()  # heartbeats belong to a request
        self._requests += 1
        body = {
            "batch": self._batch,
            "expires": _REQUEST_SECONDS * _SECOND,
            "idle_heartbeat": _HEARTBEAT_SECONDS * _SECOND,
        }
        try:
            await self._bus.client.publish(
                f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}",
                orjson.dumps(body),
                reply=f"{self._inbox}.{self._requests}",
            )
        except (nats.errors.Error, OSError, BusUnavailable) as error:
            raise ConsumerLost("the connection is lost") from error

    async def _on_message(self, message: Message) -> None:
        self._heard_at = time.monotonic()
        headers = message.headers or {}
        status = None if message.data else headers.get(_STATUS)
        if status is None:
            self._wanted -= 1
            self._buffer.append(message)
            if len(self._buffer) >= self._batch:
                self._enough.set()
        elif status == _HEARTBEAT or not message.subject.endswith(f".{self._requests}"):
            return  # alive, or the end of a request that was given up
        else:
            self._wanted = 0
            if status in (_NO_RESPONDERS, _CONFLICT):
                self._lost = headers.get("Description", "no such consumer")
        self._arrived.set()

    async def _nothing_came(self) -> None:
        await self._idle()
        if self._is_silent():
            await asyncio.sleep(_ONCE_MORE_SECONDS)
            if self._is_silent():
                raise ConsumerLost("the server has gone silent")
        if time.monotonic() >= self._check_at:
            await self._check()

    def _is_silent(self) -> bool:
        return time.monotonic() - self._heard_at > SILENCE_SECONDS

    async def _check(self) -> None:
        """Nothing came for a while: is that because there is nothing?"""
        self._check_at = time.monotonic() + IDLE_SECONDS
        try:
            info = await self._bus.api(f"CONSUMER.INFO.{self._stream}.{self._consumer}")
        except ApiError as error:
            raise ConsumerLost("no such consumer") from error
        except BusUnavailable as error:
            raise ConsumerLost("the connection is lost") from error
        if info["num_pending"] > 0 and not self._buffer:
            raise ConsumerLost("messages are pending but none is delivered")

    def _connection_changed(self) -> None:
        # The request under way is lost with its connection.
        if not self._bus.is_connected or self._bus.connections != self._connection:
            self._lost = "the connection was lost"
            self._arrived.set()
            self._enough.set()


def delivery(message: Message) -> tuple[int, int, int, int]:
    """Of a stored message: times delivered, stream sequence, consumer sequence, number pending."""
    tokens = message.reply.split(".")
    # $JS.ACK.<stream>.<consumer>.… or, with a domain, $JS.ACK.<domain>.<account>.<stream>.…
    first = 4 if len(tokens) == 9 else 6
    return (
        int(tokens[first]),
        int(tokens[first + 1]),
        int(tokens[first + 2]),
        int(tokens[first + 4]),
    )
