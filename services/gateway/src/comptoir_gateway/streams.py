"""Server-sent events: a server stream of a service, passed on to one HTTP client.

The first event is always the present state, so a client that comes back needs nothing from
before: Last-Event-ID is accepted and has no effect. When the service behind a stream goes
away, another replica is asked, and what the client has seen already is not sent again.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import Any

import grpc

from comptoir_gateway.headers import PRIVATE
from comptoir_gateway.problems import Problem, from_failure
from comptoir_gateway.web import Request, Response
from comptoir_runtime.errors import Failure
from comptoir_runtime.telemetry import counter, names

log = logging.getLogger(__name__)

HEARTBEAT_SECONDS = 15.0
FIRST_SECONDS = 3.0
RETRY_MILLISECONDS = 2000
_AGAIN_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 10.0
_LOST = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    PRIVATE,
    # Proxies that collect answers before they pass them on would hold events back.
    (b"x-accel-buffering", b"no"),
]

Source = Callable[[], AsyncIterator[bytes]]

_open = counter(names.STREAMS_OPEN)


class OpenStreams:
    """The streams of this process: how many there may be, and their common end."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0
        self._closing = asyncio.Event()

    def close(self) -> None:
        """Ends every stream; clients come back to another replica."""
        self._closing.set()

    async def respond(
        self, request: Request, source: Source, to_json: Callable[[bytes], bytes]
    ) -> Response:
        """The answer with the stream; a refusal of the service is raised as a problem."""
        if self._count >= self._limit or self._closing.is_set():
            raise Problem(
                503,
                "OVERLOADED",
                "there are too many open streams",
                headers=((b"retry-after", b"5"),),
            )
        self._count += 1
        _open.add()
        stream = Stream(source, self._closing, self._released)
        try:
            await stream.open()
        except Failure as failure:
            await stream.close()
            raise from_failure(failure) from None
        except BaseException:
            await stream.close()
            raise
        return Response(200, headers=list(_HEADERS), chunks=stream.events(request, to_json))

    def _released(self) -> None:
        self._count -= 1
        _open.add(-1)


class Stream:
    """One open stream. `close` must be called, or `events` be run to its end."""

    def __init__(
        self, source: Source, closing: asyncio.Event, released: Callable[[], None]
    ) -> None:
        self._source = source
        self._closing = closing
        self._released: Callable[[], None] | None = released
        # Room for one: a slow client slows its own stream down, and only that.
        self._answers: asyncio.Queue[bytes | Failure] = asyncio.Queue(1)
        self._reader = asyncio.get_running_loop().create_task(self._read())
        self._first: bytes | None = None

    async def open(self) -> None:
        """Waits for the first answer, a few seconds at most; raises the service's refusal."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_SECONDS):
                self._first = await self._next()

    async def close(self) -> None:
        """Tells the service that nobody listens any more."""
        if self._released is not None:
            self._released()
            self._released = None
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    async def events(
        self, request: Request, to_json: Callable[[bytes], bytes]
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of the event stream, until either side leaves."""
        number = 0
        ends: list[asyncio.Future[Any]] = [
            asyncio.ensure_future(_gone(request)),
            asyncio.ensure_future(self._closing.wait()),
        ]
        try:
            yield b"retry: %d\n\n" % RETRY_MILLISECONDS
            async for answer in self._until(ends):
                if answer is None:
                    yield b": still here\n\n"
                    continue
                number += 1
                yield b"id: %d\ndata: %b\n\n" % (number, to_json(answer))
        except Failure as failure:
            problem = from_failure(failure)
            yield b"event: error\ndata: %b\n\n" % problem.render(request.path, request.id)
        finally:
            for end in ends:
                end.cancel()
            await self.close()

    async def _until(self, ends: Sequence[asyncio.Future[Any]]) -> AsyncIterator[bytes | None]:
        """Answers as they come, None when there was none for a while."""
        if self._first is not None:
            yield self._first
        while True:
            waiting = asyncio.ensure_future(self._next())
            try:
                done, _ = await asyncio.wait(
                    [waiting, *ends],
                    timeout=HEARTBEAT_SECONDS,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                if not waiting.done():
                    waiting.cancel()
            if any(end in done for end in ends):
                return
            yield waiting.result() if waiting in done else None

    async def _next(self) -> bytes:
        answer = await self._answers.get()
        if isinstance(answer, Failure):
            raise answer
        return answer

    async def _read(self) -> None:
        """Reads the service's stream, and opens it again when its server went away."""
        last: bytes | None = None
        pause = _AGAIN_SECONDS
        while True:
            try:
                async for answer in self._source():
                    pause = _AGAIN_SECONDS
                    if answer != last:
                        last = answer
                        await self._answers.put(answer)
            except Failure as failure:
                if last is None or failure.status not in _LOST:
                    await self._answers.put(failure)
                    return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
