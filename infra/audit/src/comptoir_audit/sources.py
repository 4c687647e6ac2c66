"""Where rows come from: databases that cannot be written to, and the provider's journal."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Protocol

import asyncpg
import orjson

from comptoir_audit.invariant import PROVIDER, Row
from comptoir_audit.journal import ProviderJournal
from comptoir_audit.scope import Scope
from comptoir_audit.settings import Addresses

BATCH = 2000
_CONNECT_SECONDS = 5.0
_STATEMENT_SECONDS = 300
_JSONB_VERSION = b"\x01"
# Each row of each table, as text.
_EVERY_TABLE = """
SELECT string_agg(format('SELECT %L AS name, whole::text AS row FROM %I.%I AS whole',
  relname, nspname, relname), ' UNION ALL ')
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"""
# What an outage, a refused login or a database that is not there look like.
UNREACHABLE = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


class CouldNotLook(Exception):
    """A service's data cannot be read: nothing can be said about it."""


class Source(Protocol):
    """What can be compared with others."""

    def stream(self, scope: Scope, sql: str) -> AsyncIterator[Sequence[Row]]:
        """All rows of a leading query, in batches, as they were at one moment."""

    async def of_keys(self, scope: Scope, sql: str, keys: Sequence[str]) -> Sequence[Row]:
        """The rows of a joined query."""

    async def now(self) -> datetime:
        """What its clock says."""


class Judged(Source, Protocol):
    """What can be judged alone, too: a service's data, seen at one moment."""

    async def one(self, scope: Scope, sql: str) -> Row:
        """The only row of a statement."""


class Database:
    """A service's database over one connection that can only read."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator["Database"]:
        """Raises `CouldNotLook` when it cannot be reached."""
        try:
            connection = await asyncpg.connect(
                url,
                timeout=_CONNECT_SECONDS,
                server_settings={
                    "application_name": "comptoir audit",
                    "default_transaction_read_only": "on",
                    "statement_timeout": f"{_STATEMENT_SECONDS}s",
                    "timezone": "UTC",
                    "jit": "off",
                    # Cursors are read to their end.
                    "cursor_tuple_fraction": "1.0",
                },
            )
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise CouldNotLook(f"{type(error).__name__}: {error}") from error
        await connection.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            encoder=lambda value: _JSONB_VERSION + orjson.dumps(value),
            decoder=lambda data: orjson.loads(data[1:]),
            format="binary",
        )
        try:
            yield cls(connection)
        finally:
            await connection.close(timeout=_CONNECT_SECONDS)

    async def one(self, scope: Scope, sql: str) -> Row:
        if "@every_table" in sql:
            tables = await self._connection.fetchval(_EVERY_TABLE)
            scope = scope.with_view("every_table", tables)
        text, values = scope.statement(sql)
        row = await self._connection.fetchrow(text, *values)
        assert row is not None, "an aggregate always answers a row"
        return dict(row)

    async def stream(self, scope: Scope, sql: str) -> AsyncIterator[Sequence[Row]]:
        text, values = scope.statement(sql)
        async with self._connection.transaction(readonly=True):
            cursor = await self._connection.cursor(text, *values)
            while rows := await cursor.fetch(BATCH):
                yield [dict(row) for row in rows]

    async def of_keys(self, scope: Scope, sql: str, keys: Sequence[str]) -> Sequence[Row]:
        text, values = scope.statement(sql, keys=list(keys))
        return [dict(row) for row in await self._connection.fetch(text, *values)]

    async def now(self) -> datetime:
        moment: datetime = await self._connection.fetchval("SELECT now()")
        return moment


class Connections:
    """`async with Connections.open(addresses) as connections:` for one or many audits.

    The provider's journal is remembered from audit to audit: only what is new is read again.
    """

    def __init__(self, databases: Mapping[str, Judged], provider: Source | None = None) -> None:
        self.databases = databases
        self.sources: dict[str, Source] = dict(databases)
        if provider is not None:
            self.sources[PROVIDER] = provider

    async def now(self) -> datetime:
        """The earliest of all clocks: what has changed since has changed by each of them.

        Raises `CouldNotLook`.
        """
        try:
            return min([await each.now() for each in self.sources.values()])
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise CouldNotLook(f"{type(error).__name__}: {error}") from error

    @classmethod
    @asynccontextmanager
    async def open(cls, addresses: Addresses) -> AsyncIterator["Connections"]:
        """Raises `CouldNotLook`, which names the service."""
        async with AsyncExitStack() as stack:
            databases: dict[str, Judged] = {}
            provider: Source | None = None
            for name, url in addresses.databases.items():
                try:
                    databases[name] = await stack.enter_async_context(Database.open(url))
                except CouldNotLook as error:
                    raise CouldNotLook(f"{name}: {error}") from error
            if addresses.provider is not None:
                journal: Any = ProviderJournal.open(addresses.provider)
                provider = await stack.enter_async_context(journal)
            yield cls(databases, provider)
