import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import psycopg
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded.ports import free_port
from comptoir_local.keys import ServiceKeys
from comptoir_runtime.errors import from_rpc_error
from comptoir_runtime.server import LIVENESS

# A package with everything a service has, and nothing to do. Its name is that of a contract
# package without events.
FILES = {
    "printer/__init__.py": "",
    "printer/tables.py": "import comptoir_runtime.tables",
    "printer/__main__.py": """
from comptoir_runtime.service import Parts, main
from comptoir_runtime.settings import Settings

async def build(runtime, settings):
    return Parts(bindings=[], makes_keys=True)

main("events", Settings, build, metadata_module="printer.tables", migrations_package="printer")
""",
    "printer/migrations/env.py": """
from sqlmodel import SQLModel
from comptoir_runtime import migrations
migrations.environment(SQLModel.metadata)
""",
    "printer/migrations/versions/0001_create.py": """
from alembic import op
from comptoir_runtime import migrations
revision = "0001"
down_revision = None
def upgrade():
    migrations.create_runtime_tables(op)
""",
}
REPLAY = "/comptoir.events.v1.EventsService/ReplayEvents"


class Program:
    """`python -m printer`, with a database of its own and nobody where NATS should be."""

    def __init__(self, folder: Path, database_url: str, owner_url: str) -> None:
        self.owner_url = owner_url
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(folder),
            "DATABASE_URL": database_url,
            "NATS_URL": "nats://127.0.0.1:1",
            "LISTEN": "127.0.0.1:0",
            "DRAIN_SECONDS": "1",
        }

    async def start(self, *arguments: str, **environment: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "printer",
            *arguments,
            env=self.environment | environment,
            stdout=PIPE,
            stderr=PIPE,
        )

    async def migrate(self, *arguments: str) -> int:
        """The exit code of the command, run as the owner of the tables."""
        told = {"MIGRATION_DATABASE_URL": self.owner_url}
        return (await self.finish("migrate", *arguments, **told))[0]

    async def finish(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        process = await self.start(*arguments, **environment)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    @asynccontextmanager
    async def serving(
        self, *, until: str = "listening", **environment: str
    ) -> AsyncIterator[tuple[Process, grpc.aio.Channel]]:
        process = await self.start(**environment)
        try:
            line = await line_with(process, until)
            async with grpc.aio.insecure_channel(line.get("listening", "")) as channel:
                yield process, channel
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def line_with(process: Process, field: str) -> dict[str, Any]:
    assert process.stdout is not None
    async with asyncio.timeout(20):
        while raw := await process.stdout.readline():
            line: dict[str, Any] = json.loads(raw)
            if field in line or line["message"] == field:
                return line
    assert process.stderr is not None
    raise AssertionError((await process.stderr.read()).decode())


@pytest.fixture
def program(tmp_path: Path, postgres_server: DatabaseServer) -> Program:
    for name, text in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (tmp_path / "printer/migrations/versions").mkdir(exist_ok=True)
    with psycopg.connect(postgres_server.admin_url, autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS printer WITH (FORCE)")
    url = postgres_server.ensure_database("printer")
    return Program(tmp_path, url, postgres_server.owner_url("printer"))


@contextmanager
def full(server: DatabaseServer) -> Iterator[Callable[[], None]]:
    """There is no connection for the program, until room is made or whatever is tried has ended."""
    with psycopg.connect(server.admin_url, autocommit=True) as connection:

        def limit(connections: int) -> None:
            connection.execute(f"ALTER ROLE printer CONNECTION LIMIT {connections}")

        limit(0)
        try:
            yield partial(limit, -1)
        finally:
            limit(-1)


async def healthy(channel: grpc.aio.Channel, expected: int, name: str = "") -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    async with asyncio.timeout(30):
        while True:
            asked = health_pb2.HealthCheckRequest(service=name)
            answer = await stub.Check(asked, timeout=2, wait_for_ready=True)
            if answer.status == expected:
                return
            await asyncio.sleep(0.05)


class TestMain:
    async def test_migrates_serves_without_nats_and_drains_on_sigterm(
        self, program: Program
    ) -> None:
        assert await program.migrate() == 0
        async with program.serving() as (process, channel):
            await healthy(channel, health_pb2.HealthCheckResponse.SERVING)
            replay: Any = channel.unary_unary(REPLAY)
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await replay(b"", timeout=2)
            failure = from_rpc_error(caught.value)
            assert (failure.reason, failure.domain) == ("UNAUTHENTICATED", "comptoir.events")
            process.send_signal(signal.SIGTERM)
            await line_with(process, "draining")
            await line_with(process, "stopped")
            assert await process.wait() == 0

    async def test_is_not_ready_before_its_database_is_migrated(self, program: Program) -> None:
        async with program.serving() as (_, channel):
            await healthy(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
            assert await program.migrate() == 0
            await healthy(channel, health_pb2.HealthCheckResponse.SERVING)

    async def test_lives_and_waits_while_its_database_is_away(
        self, program: Program, postgres_server: DatabaseServer
    ) -> None:
        assert await program.migrate() == 0
        address = f"127.0.0.1:{free_port()}"
        with full(postgres_server) as make_room:
            async with (
                program.serving(LISTEN=address, until="waiting for the database") as (process, _),
                grpc.aio.insecure_channel(address) as channel,
            ):
                await healthy(channel, health_pb2.HealthCheckResponse.SERVING, LIVENESS)
                await healthy(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
                make_room()
                await line_with(process, "listening")
                await healthy(channel, health_pb2.HealthCheckResponse.SERVING)

    async def test_ends_when_it_is_told_to_while_it_waits(
        self, program: Program, postgres_server: DatabaseServer
    ) -> None:
        with full(postgres_server):
            async with program.serving(until="waiting for the database") as (process, _):
                process.send_signal(signal.SIGTERM)
                await line_with(process, "stopped")
                assert await process.wait() == 0

    async def test_is_ready_again_when_a_later_release_is_taken_back(
        self, program: Program
    ) -> None:
        await program.migrate()
        with psycopg.connect(program.owner_url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = '0099'")
        assert await program.migrate() == 0
        async with program.serving() as (_, channel):
            await healthy(channel, health_pb2.HealthCheckResponse.SERVING)

    async def test_compares_tables_and_database(self, program: Program) -> None:
        await program.migrate()
        assert await program.migrate("--check") == 0

    async def test_a_key_that_is_not_listed_ends_it_before_anybody_is_refused(
        self, program: Program, tmp_path: Path
    ) -> None:
        keys, others = ServiceKeys(tmp_path / "keys"), ServiceKeys(tmp_path / "others")
        keys.ensure(["events"])
        others.ensure(["events"])
        told = {"SERVICE_KEY": str(keys.private("events")), "SERVICE_JWKS": str(others.jwks)}
        code, _, err = await program.finish(**told)
        assert (code, err.strip()) == (
            2,
            "settings: SERVICE_KEY: the public half of the key of events is not listed",
        )

    async def test_names_wrong_settings_and_exits_with_2(self, program: Program) -> None:
        code, _, err = await program.finish(POOL_SIZE="many", ENVIRONMENT="moon")
        assert code == 2
        assert err.strip() == (
            "settings: ENVIRONMENT: not one of development, production; POOL_SIZE: not a valid int"
        )
