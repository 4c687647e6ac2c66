"""A database with the runtime's tables, and a bus, for each test."""

import gc
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded import EmbeddedNats
from comptoir_runtime import migrations
from comptoir_runtime.bus import Bus
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_testing.databases import Clones
from libs.runtime.tests.integration.world import World

TEMPLATE = "runtime"
MIGRATIONS = "libs.runtime.tests.sample_migrations"


@pytest.fixture(scope="session")
def runtime_template(postgres_server: DatabaseServer) -> str:
    postgres_server.ensure_database(TEMPLATE)
    migrations.run(MIGRATIONS, postgres_server.owner_url(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def runtime_database(runtime_template: str, database_clones: Clones) -> Iterator[str]:
    name = database_clones.clone(runtime_template)
    yield name
    database_clones.retire(name)


@pytest.fixture
def runtime_url(runtime_database: str, runtime_template: str, database_clones: Clones) -> str:
    return database_clones.url(runtime_database, runtime_template)


@pytest.fixture
async def migration(
    runtime_database: str, runtime_template: str, database_clones: Clones
) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection to the same database as the owner of its tables."""
    opened = await asyncpg.connect(database_clones.owner_url(runtime_database, runtime_template))
    yield opened
    await opened.close()


@pytest.fixture
def another_url(runtime_template: str, database_clones: Clones) -> Iterator[str]:
    """A second database: a neighbour's."""
    name = database_clones.clone(runtime_template)
    yield database_clones.url(name, runtime_template)
    database_clones.retire(name)


@pytest.fixture
async def database(runtime_url: str) -> AsyncIterator[Database]:
    opened = await Database.connect(DatabaseSettings(url=runtime_url))
    yield opened
    await opened.close()


@pytest.fixture
async def world(database: Database, clean_nats: str) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        bus = Bus(clean_nats, "taker")
        bus.start()
        stack.push_async_callback(bus.close)
        yield World(database, bus, stack)


@pytest.fixture
def own_nats() -> Iterator[EmbeddedNats]:
    """A NATS that this test may stop and start; it comes back at the same address."""
    with tempfile.TemporaryDirectory(prefix="comptoir-nats-") as folder:
        first = EmbeddedNats(Path(folder), fsync=False)
        first.start()
        port = urlsplit(first.url).port
        first.stop()
        again = EmbeddedNats(Path(folder), fsync=False, port=port)
        again.start()
        yield again
        again.stop()
        # When the server goes away in the middle of a handshake the client forgets to close its
        # transport, and Python complains of that in whichever test comes next.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture
async def neighbour(another_url: str, world: World) -> AsyncIterator[World]:
    """A consumer with a database of its own, on the same bus."""
    opened = await Database.connect(DatabaseSettings(url=another_url))
    yield World(opened, world.bus, world._stack)
    await opened.close()


@pytest.fixture
async def outage(database: Database, own_nats: EmbeddedNats) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        bus = Bus(own_nats.url, "taker")
        bus.start()
        stack.push_async_callback(bus.close)
        yield World(database, bus, stack)
