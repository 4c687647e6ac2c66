"""Whether a process answers: gRPC health for services, /readyz for what speaks HTTP."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from comptoir_local.protection import Dial, dial_openly

_CHECK = "/grpc.health.v1.Health/Check"
_PAUSE = 0.03
_PATIENCE = 2.0


async def until_ready(address: str, path: str, dial: Dial = dial_openly) -> None:
    """Return once the process at `address` (host:port) says that it is ready.

    It is asked with GET `path`, or by gRPC when `path` is empty.
    """
    await _until_it_listens(address)
    if path:
        await _until(lambda: http_is_ready(address, path))
        return
    async with dial(address) as channel:
        await _until(lambda: _serves(channel))


async def _until(ask: Callable[[], Awaitable[bool]]) -> None:
    while not await ask():  # noqa: ASYNC110 - another process: there is no event to wait for
        await asyncio.sleep(_PAUSE)


async def grpc_is_ready(address: str, dial: Dial = dial_openly) -> bool:
    """Whether the service at `address` answers and is ready, now."""
    async with dial(address) as channel:
        return await _serves(channel)


async def http_is_ready(address: str, path: str) -> bool:
    """Whether GET `path` answers with a status below 300, now."""
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await _connect(address)
            with contextlib.closing(writer):
                request = f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode())
                status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    parts = status.split()
    return len(parts) > 1 and parts[1].startswith(b"2")


async def _until_it_listens(address: str) -> None:
    # Before anybody listens a gRPC channel would back off, for longer than the start takes.
    while True:
        try:
            _, writer = await _connect(address)
        except OSError:
            await asyncio.sleep(_PAUSE)
        else:
            writer.close()
            return


async def _connect(address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, _, port = address.rpartition(":")
    return await asyncio.open_connection(host, int(port))


async def _serves(channel: grpc.aio.Channel) -> bool:
    check = channel.unary_unary(
        _CHECK,
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    try:
        answer: HealthCheckResponse = await check(HealthCheckRequest(), timeout=_PATIENCE)
    except grpc.aio.AioRpcError:
        return False
    return answer.status == HealthCheckResponse.SERVING
