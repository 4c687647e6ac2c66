"""Bare ASGI: a framework would cost more CPU per call than the provider's own work."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qs

from comptoir_psp_sandbox import connection
from comptoir_psp_sandbox.errors import InvalidRequest

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final = (b"content-type", b"application/json")
HTML: Final = (b"content-type", b"text/html; charset=utf-8")
NO_CONTENT: Final = 204
_LARGEST_BODY: Final = 65_536


@dataclass(frozen=True, slots=True)
class Request:
    scope: Scope
    body: bytes

    def header(self, name: bytes) -> str:
        """The header's value, or an empty text. `name` in lower case."""
        headers: list[tuple[bytes, bytes]] = self.scope["headers"]
        for key, value in headers:
            if key == name:
                text: str = value.decode("latin-1")
                return text
        return ""

    def query(self, name: str) -> str:
        query: bytes = self.scope["query_string"]
        return parse_qs(query.decode("latin-1")).get(name, [""])[-1]


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(JSON,))


async def read_body(receive: Receive) -> bytes | None:
    """The whole body, or None when the caller has gone."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        if len(body) > _LARGEST_BODY:
            raise InvalidRequest(f"the body is larger than {_LARGEST_BODY} bytes")
        message = await receive()
        body += message.get("body", b"")
    if len(body) > _LARGEST_BODY:
        raise InvalidRequest(f"the body is larger than {_LARGEST_BODY} bytes")
    return None if message["type"] == "http.disconnect" else body


async def respond(send: Send, response: Response) -> None:
    await send(_start(response))
    await send({"type": "http.response.body", "body": response.body})


async def break_off(scope: Scope, send: Send, response: Response) -> None:
    """Half an answer, then a reset: the caller cannot know what was decided."""
    await send(_start(response))
    half = response.body[: len(response.body) // 2]
    await send({"type": "http.response.body", "body": half, "more_body": True})
    # The half answer has to leave the socket before the reset throws away what is unsent.
    await asyncio.sleep(0.02)
    connection.reset(scope)


async def leave_unanswered(scope: Scope, receive: Receive, hold: float) -> None:
    """Silence until the caller gives up, or for `hold` seconds; then the connection is reset."""
    try:
        async with asyncio.timeout(hold):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        connection.reset(scope)


def _start(response: Response) -> dict[str, Any]:
    headers = list(response.headers)
    if response.status != NO_CONTENT:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return {
        "type": "http.response.start",
        "status": response.status,
        "headers": headers,
    }
