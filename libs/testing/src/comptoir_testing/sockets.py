"""Unit tests open no socket: a check, not a promise."""

import sys
from typing import Any

_FORBIDDEN = frozenset({"socket.connect", "socket.bind", "socket.getaddrinfo"})


class SocketOpened(AssertionError):
    """A unit test used the network."""


class SocketGuard:
    """While closed, connecting, binding and resolving raise SocketOpened.

    Audit hooks cannot be removed, hence one hook with a switch. Socket pairs (the event loop's
    own wake-up) are not affected.
    """

    def __init__(self) -> None:
        self.closed = False
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.closed and event in _FORBIDDEN:
            raise SocketOpened(
                f"a unit test may not use the network ({event}): "
                "move the test to tests/integration or hand in a fake"
            )
