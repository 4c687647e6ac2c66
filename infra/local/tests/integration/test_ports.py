import asyncio
import socket

from comptoir_local.embedded.ports import free_port, free_ports
from comptoir_local.health import http_is_ready, until_ready


class TestFreePort:
    def test_the_preferred_one_is_taken_when_free(self) -> None:
        port = free_port()

        assert free_port(port) == port

    def test_another_one_is_found_when_it_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            taken = server.getsockname()[1]

            assert free_port(taken) != taken

    def test_several_are_different(self) -> None:
        assert len(set(free_ports(20))) == 20


class TestHttpHealth:
    async def test_only_success_is_ready(self) -> None:
        statuses = [503, 503, 200]

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            request = await reader.readline()
            if request:  # Who only looks whether somebody listens asks nothing.
                assert request == b"GET /readyz HTTP/1.1\r\n"
                writer.write(f"HTTP/1.1 {statuses.pop(0)} x\r\n\r\n".encode())
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            await asyncio.wait_for(until_ready(f"127.0.0.1:{port}", "/readyz"), 30)

        assert statuses == []
        assert not await http_is_ready(f"127.0.0.1:{port}", "/readyz")
