"""The least a payment could cost: a bare gRPC server that commits what it is sent, durably.

    DATABASE_URL=… python -m tests.load.echo

Prints its address, and answers each call with the bytes it was sent.
"""

import asyncio
import os
import signal
import sys
from typing import Any

import asyncpg
import grpc
import uvloop

PATH = "/bench.Echo/Keep"
_CONNECTIONS = 10
_PREPARE = """
CREATE SCHEMA IF NOT EXISTS bench_echo;
DROP TABLE IF EXISTS bench_echo.kept;
CREATE TABLE bench_echo.kept (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, body bytea NOT NULL
)"""
_KEEP = "INSERT INTO bench_echo.kept (body) VALUES ($1)"
_CLEAN_UP = "DROP SCHEMA bench_echo CASCADE"


async def serve(database_url: str) -> None:
    # Connections by hand: a pool of asyncpg's spends a second round trip on each use.
    idle = [await asyncpg.connect(database_url) for _ in range(_CONNECTIONS)]
    await idle[0].execute(_PREPARE)
    free = asyncio.Semaphore(_CONNECTIONS)

    async def keep(payload: bytes, _: Any) -> bytes:
        async with free:
            connection = idle.pop()
            try:
                await connection.execute(_KEEP, payload)
            finally:
                idle.append(connection)
        return payload

    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(keep)
    service, method = PATH[1:].split("/")
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler(service, {method: handler})]
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"127.0.0.1:{port}\n")
    sys.stdout.flush()
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(None)
    await idle[0].execute(_CLEAN_UP)


if __name__ == "__main__":
    uvloop.run(serve(os.environ["DATABASE_URL"]))
