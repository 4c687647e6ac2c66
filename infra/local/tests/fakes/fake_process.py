"""Stands in for every process of the platform: healthy, quick, and told to misbehave by FAKE_*.

FAKE_CRASH=<name> ends that process while it starts, FAKE_SILENT=<name> never lets it be ready,
FAKE_PORT_LOST=<file> ends the first process that finds no such file as if its port were taken.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2 import HealthCheckResponse


def log(level: str, message: str, **fields: object) -> None:
    print(json.dumps({"level": level, "message": message, **fields}), flush=True)


def main(name: str) -> None:
    if sys.argv[1:] == ["migrate"]:
        Path(os.environ["FAKE_FOLDER"], f"{name}.migrated").touch()
        return
    if os.environ.get("FAKE_CRASH") == name:
        print("Traceback: the reason why", file=sys.stderr, flush=True)
        sys.exit(7)
    lost = os.environ.get("FAKE_PORT_LOST")
    if lost and not Path(lost).exists():
        Path(lost).touch()
        sys.exit("OSError: [Errno 98] Address already in use")
    Path(os.environ["FAKE_FOLDER"], f"{name}.json").write_text(json.dumps(dict(os.environ)))
    asyncio.run(serve(name))
    Path(os.environ["FAKE_FOLDER"], f"{name}.stopped").touch()


async def serve(name: str) -> None:
    stopping, server = asyncio.Event(), None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    host, _, port = os.environ["LISTEN"].rpartition(":")
    log("info", "listening", listening=f"{host}:{port}")
    if os.environ.get("FAKE_SILENT") != name:
        server = await (serve_http if name == "gateway" else serve_grpc)(host, int(port))
        log("warning", f"{name} has something to say", detail=1)
    await stopping.wait()
    del server  # Referred to until here: what nobody holds is closed.


async def serve_grpc(host: str, port: int) -> object:
    server, health = grpc.aio.server(), health_aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_insecure_port(f"{host}:{port}")
    await server.start()
    await health.set("", HealthCheckResponse.SERVING)
    return server


async def serve_http(host: str, port: int) -> object:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    return await asyncio.start_server(answer, host, port)
