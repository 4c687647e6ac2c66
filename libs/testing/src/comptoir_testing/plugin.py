"""The pytest plugin: `pytest_plugins = ["comptoir_testing.plugin"]` in a conftest.

Servers start once per session, when the first test asks for them; each test has a database of
its own, cloned from the migrated template of its service.
"""

import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import nats
import pytest

# Before the suites are imported: their assertions explain themselves like those of a test file.
pytest.register_assert_rewrite("comptoir_testing.suites")

# Only after the line above.
from comptoir_local.databases import DatabaseServer  # noqa: E402
from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres  # noqa: E402
from comptoir_runtime import migrations  # noqa: E402
from comptoir_runtime.clock import ManualClock  # noqa: E402
from comptoir_testing import registry  # noqa: E402
from comptoir_testing.databases import Clones  # noqa: E402
from comptoir_testing.harness import ServiceHarness  # noqa: E402
from comptoir_testing.registry import ServiceUnderTest  # noqa: E402
from comptoir_testing.sockets import SocketGuard  # noqa: E402
from comptoir_testing.tokens import TokenFactory  # noqa: E402

_guard = SocketGuard()


def pytest_plugin_registered(plugin: object) -> None:
    """Note the SERVICE that a conftest declares."""
    service = getattr(plugin, "SERVICE", None)
    conftest = getattr(plugin, "__file__", None)
    if isinstance(service, ServiceUnderTest) and conftest is not None:
        registry.remember(Path(conftest), service)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Keep tests in a `unit` folder away from the network."""
    _guard.closed = "unit" in item.path.parts
    try:
        return (yield)
    finally:
        _guard.closed = False


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A temporary folder the account of the database server can enter; pytest's own are private."""
    with tempfile.TemporaryDirectory(prefix="comptoir-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[DatabaseServer]:
    """A real PostgreSQL, without fsync."""
    with _open_folder() as folder, EmbeddedPostgres(folder, fsync=False) as server:
        yield server.server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[EmbeddedNats]:
    """A real NATS with JetStream, without fsync."""
    with _open_folder() as folder, EmbeddedNats(folder, fsync=False) as server:
        yield server


@pytest.fixture(scope="session")
def nats_url(nats_server: EmbeddedNats) -> str:
    """The URL of the session's NATS; streams stay from test to test, see `clean_nats`."""
    return nats_server.url


@pytest.fixture
async def clean_nats(nats_url: str) -> str:
    """The URL of the session's NATS, all of its streams deleted."""
    connection = await nats.connect(nats_url)
    streams = connection.jetstream()
    for stream in await streams.streams_info():
        await streams.delete_stream(stream.config.name or "")
    await connection.close()
    return nats_url


@pytest.fixture(scope="session")
def database_clones(postgres_server: DatabaseServer) -> Iterator[Clones]:
    """Copies of template databases."""
    with Clones(postgres_server) as clones:
        yield clones


@pytest.fixture(scope="session")
def migrated_templates() -> set[str]:
    """The services whose template database has been made in this session."""
    return set()


@pytest.fixture
def service_under_test(request: pytest.FixtureRequest) -> ServiceUnderTest:
    """The SERVICE of the nearest conftest."""
    return registry.service_for(request.path)


@pytest.fixture
def database_name(
    service_under_test: ServiceUnderTest,
    postgres_server: DatabaseServer,
    database_clones: Clones,
    migrated_templates: set[str],
) -> Iterator[str]:
    """A database of the service under test, migrated and empty, for this test alone."""
    template = service_under_test.name
    if template not in migrated_templates:
        postgres_server.ensure_database(template)
        migrations.run(service_under_test.package, postgres_server.owner_url(template))
        migrated_templates.add(template)
    name = database_clones.clone(template)
    yield name
    database_clones.retire(name)


@pytest.fixture
def database_url(
    service_under_test: ServiceUnderTest, database_name: str, database_clones: Clones
) -> str:
    """The test's database as the service reaches it: as the role that cannot change tables."""
    return database_clones.url(database_name, service_under_test.name)


@pytest.fixture
def owner_url(
    service_under_test: ServiceUnderTest, database_name: str, database_clones: Clones
) -> str:
    """The same database as the owner of its tables, for what only migrations may do."""
    return database_clones.owner_url(database_name, service_under_test.name)


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the second the test began until it is told to move."""
    return ManualClock(datetime.now(UTC).replace(microsecond=0))


@pytest.fixture(scope="session")
def tokens() -> TokenFactory:
    """Tokens that every harness of the session trusts."""
    return TokenFactory()


@pytest.fixture
async def harness(
    service_under_test: ServiceUnderTest,
    database_url: str,
    clean_nats: str,
    clock: ManualClock,
    tokens: TokenFactory,
) -> AsyncIterator[ServiceHarness]:
    """The service under test, running in this process with a database of its own."""
    async with ServiceHarness(
        service_under_test,
        database_url=database_url,
        nats_url=clean_nats,
        clock=clock,
        tokens=tokens,
    ) as running:
        yield running
