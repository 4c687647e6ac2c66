"""Between asyncpg and its transport: the place where messages can be put in front of its own.

Written one after the other they would be two packets and wake the server twice.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

# A server whose machine vanished, as in a fail-over, says nothing any more: the kernel would wait
# for it for a quarter of an hour, and for two hours when nothing was asked. Where the system has
# no such option, it does.
_PATIENCE_SECONDS = 10
_TCP_OPTIONS = {
    "TCP_KEEPIDLE": 5,
    "TCP_KEEPINTVL": 1,
    "TCP_KEEPCNT": _PATIENCE_SECONDS - 5,
    "TCP_USER_TIMEOUT": 1000 * _PATIENCE_SECONDS,
}


class Wire:
    """The transport of one connection, as asyncpg sees it."""

    __slots__ = ("_ahead", "transport")

    def __init__(self, transport: Any) -> None:
        self.transport = transport
        self._ahead = b""

    def put_ahead(self, messages: bytes) -> None:
        """Written together with whatever is written next."""
        self._ahead += messages

    def write(self, data: Any) -> None:
        if self._ahead:
            data, self._ahead = b"".join((self._ahead, data)), b""
        self.transport.write(data)

    def writelines(self, parts: list[Any]) -> None:
        if self._ahead:
            parts = [self._ahead, *parts]
            self._ahead = b""
        self.transport.writelines(parts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)


class ConnectingLoop:
    """The running loop, except that connections are made on a `Wire`: an argument of asyncpg's."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def create_connection(
        self, factory: Callable[[], Any], *arguments: Any, **options: Any
    ) -> tuple[Wire, Any]:
        made: list[Wire] = []
        _, protocol = await self._loop.create_connection(
            lambda: _on_wire(factory(), made), *arguments, **options
        )
        return made[0], protocol

    async def create_unix_connection(
        self, factory: Callable[[], Any], *arguments: Any, **options: Any
    ) -> tuple[Wire, Any]:
        made: list[Wire] = []
        _, protocol = await self._loop.create_unix_connection(
            lambda: _on_wire(factory(), made), *arguments, **options
        )
        return made[0], protocol

    async def start_tls(self, wire: Wire, *arguments: Any, **options: Any) -> Wire | None:
        encrypted = await self._loop.start_tls(wire.transport, *arguments, **options)
        return None if encrypted is None else Wire(encrypted)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)


def _on_wire(protocol: Any, made: list[Wire]) -> Any:
    tell = protocol.connection_made

    def connection_made(transport: Any) -> None:
        _notice_silence(transport)
        made.append(Wire(transport))
        tell(made[0])

    protocol.connection_made = connection_made
    return protocol


def _notice_silence(transport: Any) -> None:
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _TCP_OPTIONS.items():
        with contextlib.suppress(AttributeError):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
