"""What a container's health check says."""

import asyncio
import sys

import grpc
import pytest
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

UNKNOWN = HealthCheckResponse.UNKNOWN
SERVING = HealthCheckResponse.SERVING
NOT_SERVING = HealthCheckResponse.NOT_SERVING


async def probe(port: int, *arguments: str) -> int | None:
    """The exit code of the program."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "comptoir_runtime.probe",
        *arguments,
        env={"LISTEN": f"0.0.0.0:{port}"},
    )
    return await process.wait()


class TestGrpc:
    @pytest.mark.parametrize(("status", "code"), [(SERVING, 0), (NOT_SERVING, 1), (UNKNOWN, 1)])
    async def test_it_says_what_the_service_says(self, status: int, code: int) -> None:
        health = health_aio.HealthServicer()
        await health.set("", status)
        server = grpc.aio.server()
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()

        assert await probe(port) == code
        await server.stop(None)

    async def test_who_knows_no_health_is_not_ready(self) -> None:
        server = grpc.aio.server()
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()

        assert await probe(port) == 1
        await server.stop(None)

    async def test_nobody_there_is_not_ready(self, unused_tcp_port: int) -> None:
        assert await probe(unused_tcp_port) == 1


class TestHttp:
    @pytest.mark.parametrize(("status", "code"), [(b"200 OK", 0), (b"503 Busy", 1)])
    async def test_it_says_what_the_path_says(self, status: bytes, code: int) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert (await reader.readline()).startswith(b"GET /readyz ")
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        assert await probe(port, "/readyz") == code
        server.close()
