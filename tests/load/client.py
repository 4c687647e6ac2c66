"""A lean HTTP/1.1 client: on two cores, what the client burns the platform cannot have.

It understands what the gateway sends and nothing else: a status, `Content-Length` or chunks.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, cast

_END_OF_HEAD = b"\r\n\r\n"


class Disconnected(ConnectionError):
    """The gateway closed the connection, or sent what this client cannot read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    is_last: bool = False
    """Whether the gateway closes the connection now, as it does before it goes."""


def encode(method: str, path: str, host: str, headers: str = "", body: bytes = b"") -> bytes:
    """The bytes of a request; `headers` are whole lines, each with its CRLF."""
    length = f"Content-Length: {len(body)}\r\nContent-Type: application/json\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}{length}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def open(cls, host: str, port: int) -> Self:
        """Connect."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port)
        return connection

    async def send(self, request: bytes) -> Answer:
        """Send a request made by `encode` and wait for its answer."""
        assert self._answer is None, "one request at a time"
        if self._transport is None:
            raise Disconnected("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            return await self._answer
        finally:
            self._answer = None

    @property
    def is_open(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods, not the base class.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Disconnected(str(exc or "closed by the gateway")))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = take(self._buffer)
        if answer is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)


def take(buffer: bytearray) -> Answer | None:
    """Take the first whole answer out of the buffer; None when it is not whole yet."""
    end = buffer.find(_END_OF_HEAD)
    if end < 0:
        return None
    status, head, start = int(buffer[9:12]), bytes(buffer[:end]).lower(), end + 4
    _, found, rest = head.partition(b"\r\ncontent-length:")
    if not found and status not in (204, 304):
        raise Disconnected("an answer without Content-Length")
    length = int(rest.split(b"\r\n", 1)[0]) if found else 0
    if len(buffer) < start + length:
        return None
    body = bytes(buffer[start : start + length])
    del buffer[: start + length]
    return Answer(status, body, b"\r\nconnection: close" in head)


class Watch(asyncio.Protocol):
    """A stream of server-sent events; `on_event` gets the data of each at the moment it comes."""

    def __init__(self, on_event: Callable[[bytes], None]) -> None:
        self._on_event = on_event
        self._raw = bytearray()
        self._text = bytearray()
        self._is_open = False
        self.first = asyncio.get_running_loop().create_future()
        """Done once the first event has come, in error when there will be none."""

    @classmethod
    async def open(
        cls, host: str, port: int, request: bytes, on_event: Callable[[bytes], None]
    ) -> tuple[Self, asyncio.Transport]:
        """Connect, send the request, and wait for the first event."""
        loop = asyncio.get_running_loop()
        transport, watch = await loop.create_connection(lambda: cls(on_event), host, port)
        transport.write(request)
        await asyncio.wait_for(watch.first, 10)
        return watch, transport

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.first.done():
            self.first.set_exception(Disconnected(f"no event: {bytes(self._raw[:200])!r}"))

    def data_received(self, data: bytes) -> None:
        self._raw += data
        if not self._is_open:
            end = self._raw.find(_END_OF_HEAD)
            if end < 0 or self._raw[9:12] != b"200":
                return
            del self._raw[: end + 4]
            self._is_open = True
        self._text += take_chunks(self._raw)
        while (end := self._text.find(b"\n\n")) >= 0:
            event = bytes(self._text[:end])
            del self._text[: end + 2]
            self._hear(event)

    def _hear(self, event: bytes) -> None:
        lines = [line[5:] for line in event.split(b"\n") if line.startswith(b"data:")]
        if not lines:
            return
        self._on_event(b"\n".join(lines))
        if not self.first.done():
            self.first.set_result(None)


def take_chunks(raw: bytearray) -> bytes:
    """Take the whole chunks of a chunked body out of `raw`."""
    taken = []
    while (end := raw.find(b"\r\n")) >= 0:
        size = int(raw[:end].split(b";", 1)[0], 16)
        if len(raw) < end + 2 + size + 2:
            break
        taken.append(bytes(raw[end + 2 : end + 2 + size]))
        del raw[: end + 2 + size + 2]
    return b"".join(taken)
