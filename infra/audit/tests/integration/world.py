"""Copies of the healthy world, with something broken in one of them."""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime

import psycopg

from comptoir_audit.invariant import SERVICES, Row
from comptoir_audit.journal import Totals
from comptoir_audit.scope import Scope
from comptoir_audit.sources import Connections, Database
from comptoir_local.databases import DatabaseServer
from comptoir_testing.databases import Clones
from infra.audit.tests.story import JOURNAL

# As whoever breaks things in earnest: no trigger and no foreign key is in the way.
_WITHOUT_GUARDS = "SET session_replication_role = replica"


class ToldJournal:
    """The provider's journal, from a list."""

    def __init__(self, entries: Iterable[Row]) -> None:
        self._totals = Totals()
        self._totals.add(entries)

    async def stream(self, scope: Scope, sql: str) -> AsyncIterator[Sequence[Row]]:
        yield self._totals.changed(scope.since)

    async def of_keys(self, scope: Scope, sql: str, keys: Sequence[str]) -> Sequence[Row]:
        return [row for key in keys for row in self._totals.of(key)]

    async def now(self) -> datetime:
        return datetime.now(UTC)


class World:
    """The healthy databases are copied once; what is broken gets a copy of its own."""

    def __init__(self, server: DatabaseServer, clones: Clones) -> None:
        self._server = server
        self._clones = clones
        self._healthy = {name: server.auditor_url(clones.clone(name), name) for name in SERVICES}

    @contextmanager
    def damaged(self, damage: Mapping[str, str]) -> Iterator[dict[str, str]]:
        """The URLs of all databases after `damage`, SQL by service."""
        urls, copies = dict(self._healthy), []
        for service, sql in damage.items():
            database = self._clones.clone(service)
            copies.append(database)
            urls[service] = self._server.auditor_url(database, service)
            admin = f"{self._server.admin_url.rpartition('/')[0]}/{database}"
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(_WITHOUT_GUARDS)
                for statement in sql.split(";\n"):
                    connection.execute(statement)
        yield urls
        for database in copies:
            self._clones.retire(database)

    @asynccontextmanager
    async def broken(
        self, damage: Mapping[str, str], journal: Sequence[Row] = JOURNAL
    ) -> AsyncIterator[Connections]:
        """Connections to the world after `damage`."""
        async with AsyncExitStack() as stack:
            urls = stack.enter_context(self.damaged(damage))
            databases = {
                name: await stack.enter_async_context(Database.open(url))
                for name, url in urls.items()
            }
            yield Connections(databases, ToldJournal(journal))
