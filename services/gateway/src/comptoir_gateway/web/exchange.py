"""Requests and responses as handlers see them; no framework between them and ASGI."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from comptoir_gateway.headers import request_id
from comptoir_gateway.problems import Problem

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
HeaderList: TypeAlias = list[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
CLOSE = (b"connection", b"close")
# A body that trickles in holds a place that others could use.
BODY_SECONDS = 10.0
DISCARD_SECONDS = 2.0
DISCARDED_BYTES = 16 * 1024 * 1024


class ClientGone(Exception):
    """The client left before its request was complete; nobody waits for an answer."""


@dataclass(slots=True)
class Request:
    """One request. Header names are lower case; repeated headers are joined by commas."""

    method: str
    path: str
    """As sent, still percent-encoded."""
    query: bytes
    headers: Mapping[str, str]
    id: str
    receive: Receive

    @classmethod
    def of(cls, scope: Scope, receive: Receive) -> "Request":
        """The request behind an ASGI scope."""
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return cls(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"],
            headers=headers,
            id=request_id(headers.get("x-request-id")),
            receive=receive,
        )

    async def body(self, limit: int) -> bytes:
        """The whole body; refuses one above `limit` bytes, and one that comes too slowly."""
        declared = self.headers.get("content-length", "")
        try:
            async with asyncio.timeout(BODY_SECONDS):
                if declared.isdecimal() and int(declared) > limit:
                    if "expect" not in self.headers:
                        await self._discard()
                    raise too_large(limit)
                return await self._collect(limit)
        except TimeoutError:
            detail = "the body came too slowly"
            raise Problem(408, "REQUEST_TIMEOUT", detail, headers=(CLOSE,)) from None

    async def _collect(self, limit: int) -> bytes:
        message = await self.receive()
        if message["type"] == "http.request" and not message.get("more_body", False):
            whole: bytes = message.get("body", b"")
            if len(whole) > limit:
                raise too_large(limit)
            return whole
        parts = bytearray()
        while True:
            if message["type"] == "http.disconnect":
                raise ClientGone
            parts += message.get("body", b"")
            if len(parts) > limit:
                if message.get("more_body", False):
                    await self._discard()
                raise too_large(limit)
            if not message.get("more_body", False):
                return bytes(parts)
            message = await self.receive()

    async def _discard(self) -> None:
        """Read on, for a while: a client that is cut off while it sends sees no answer."""
        left, more = DISCARDED_BYTES, True
        with suppress(TimeoutError):
            async with asyncio.timeout(DISCARD_SECONDS):
                while left > 0 and more:
                    message = await self.receive()
                    more = message["type"] == "http.request" and message.get("more_body", False)
                    left -= len(message.get("body", b""))


def too_large(limit: int) -> Problem:
    """The refusal of a body above `limit` bytes."""
    detail = f"the body may have at most {limit:,} bytes"
    return Problem(413, "BODY_TOO_LARGE", detail, headers=(CLOSE,))


@dataclass(slots=True)
class Response:
    """A whole answer, or the head of one whose `chunks` come as they are made."""

    status: int = 200
    body: bytes = b""
    headers: HeaderList = field(default_factory=list)
    chunks: AsyncGenerator[bytes, None] | None = None
    packed: bool = False
    """Whether the body is compressed already, or not worth it."""

    @classmethod
    def json(cls, body: bytes, *headers: tuple[bytes, bytes], status: int = 200) -> "Response":
        return cls(status, body, [JSON, *headers])


Handler: TypeAlias = Callable[[Request, Mapping[str, str]], Awaitable[Response]]
"""Answers a request; the mapping holds the path's variables, decoded."""
