"""Connections that can be broken on purpose, which ASGI alone has no word for."""

import socket
import struct
from asyncio import Transport
from collections.abc import MutableMapping
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_TRANSPORT: Final = "transport"
_LINGER_ZERO: Final = struct.pack("ii", 1, 0)


class BreakableProtocol(HttpToolsProtocol):
    """uvicorn's own HTTP protocol; each request also carries the transport it came by."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["state"][_TRANSPORT] = self.transport


def reset(scope: MutableMapping[str, Any]) -> None:
    """Ends the connection with a TCP reset, as a crashed peer or an angry middlebox would."""
    transport: Transport = scope["state"][_TRANSPORT]
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_ZERO)
    transport.abort()
