"""A small service on a real port and a real database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from typing import Any

import psycopg
import pytest

from comptoir_local.databases import DatabaseServer
from comptoir_runtime import migrations
from comptoir_runtime.auth import KeyRing, Verifier
from comptoir_runtime.clock import SystemClock
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.rpc import Binding, Pipeline
from comptoir_runtime.rpc.pipeline import DEFAULT_DEADLINE_SECONDS
from comptoir_runtime.server import Server
from comptoir_testing.databases import Clones
from comptoir_testing.demo import DEMO
from comptoir_testing.tokens import TokenFactory
from libs.runtime.tests.integration.rpc.notes import Demo, Running

TEMPLATE = "demo"


class _Recorded:
    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection

    def execute(self, sql: str) -> None:
        self._connection.execute(sql.encode())


@pytest.fixture(scope="session")
def demo_template(postgres_server: DatabaseServer) -> str:
    postgres_server.ensure_database(TEMPLATE)
    with psycopg.connect(postgres_server.owner_url(TEMPLATE)) as connection:
        migrations.create_runtime_tables(_Recorded(connection))
        connection.execute(
            "CREATE TABLE note (number bigint GENERATED ALWAYS AS IDENTITY, text text)"
        )
    return TEMPLATE


@pytest.fixture
def demo_url(demo_template: str, database_clones: Clones) -> Iterator[str]:
    name = database_clones.clone(demo_template)
    yield database_clones.url(name, demo_template)
    database_clones.retire(name)


@pytest.fixture
def default_deadline() -> float:
    """Seconds; a test that wants another parametrises it."""
    return DEFAULT_DEADLINE_SECONDS


@pytest.fixture
async def running(
    demo_url: str, tokens: TokenFactory, default_deadline: float
) -> AsyncIterator[Running]:
    async with AsyncExitStack() as stack:
        database = await Database.connect(DatabaseSettings(url=demo_url, lock_timeout=0.3))
        stack.push_async_callback(database.close)
        keyring = KeyRing()
        tokens.trust_in(keyring)
        stack.callback(tokens.forget, keyring)
        pipeline = Pipeline(
            "demo",
            database.transactions,
            Verifier(keyring),
            SystemClock(),
            default_deadline=default_deadline,
        )
        demo = Demo()
        server = Server("demo", [Binding(DEMO, demo)], pipeline, listen="127.0.0.1:0")
        found = Running(demo, database, server, await server.start())
        stack.push_async_callback(server.stop, 0)
        stack.push_async_callback(found.channel.close)
        demo.neighbour = found.client
        await server.set_ready(True)
        yield found
