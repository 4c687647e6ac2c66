import asyncio
import socket

import pytest

from comptoir_testing.sockets import SocketOpened


class TestSocketGuard:
    """This file lies in a folder named unit: the guard is closed around its tests."""

    def test_connecting_is_refused(self) -> None:
        with socket.socket() as probe, pytest.raises(SocketOpened, match="tests/integration"):
            probe.connect(("127.0.0.1", 9))

    def test_listening_is_refused(self) -> None:
        with socket.socket() as probe, pytest.raises(SocketOpened):
            probe.bind(("127.0.0.1", 0))

    def test_resolving_is_refused(self) -> None:
        with pytest.raises(SocketOpened):
            socket.getaddrinfo("localhost", 80)

    async def test_the_event_loop_works(self) -> None:
        assert await asyncio.sleep(0, "woken") == "woken"
