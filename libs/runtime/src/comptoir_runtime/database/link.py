"""A connection that can send several statements at once.

What costs in a transaction is neither the statement nor the commit but each wait for the server:
the message, its answer, and two processes waking each other up. So BEGIN, and statements nobody
needs the answer of, are held back and travel with the next statement that is waited for. The
server runs them in the order they were given, and skips what follows one that fails.
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from comptoir_runtime.database.encoding import Encoder, encoder, message
from comptoir_runtime.database.wire import Wire

BEGIN = "BEGIN"
COMMIT = "COMMIT"
MAX_PREPARED = 500

Arguments: TypeAlias = Sequence[Any]


class Row(asyncpg.Record):
    """A row, read as `row["sku"]` or `row.sku`."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


if TYPE_CHECKING:
    Connection: TypeAlias = asyncpg.Connection[Row]
    Statement: TypeAlias = PreparedStatement[Row]
else:
    Connection = asyncpg.Connection  # only generics in the type stubs
    Statement = PreparedStatement


class _Prepared:
    """A prepared statement. While this lives, the server keeps it."""

    __slots__ = ("_sendable", "_statement", "state")

    def __init__(self, statement: Statement) -> None:
        self.state: Any = statement._state  # type: ignore[attr-defined]  # noqa: SLF001 - see Link.run
        self._statement = statement
        self._sendable: tuple[bytes, list[Encoder]] | None = None

    async def run_many(self, rows: Iterable[Arguments]) -> None:
        await self._statement.executemany(rows)

    def message(self, arguments: Arguments) -> bytes:
        """What runs it without asyncpg; raises TypeError for a statement that must not be sent."""
        name, encoders = self._sendable or self._make_sendable()
        return message(name, encoders, arguments)

    def _make_sendable(self) -> tuple[bytes, list[Encoder]]:
        if self._statement.get_attributes():
            raise TypeError("a statement that answers rows must be waited for")
        encoders: list[Encoder] = []
        for number, kind in enumerate(self._statement.get_parameters(), 1):
            found = encoder(kind.oid)
            if found is None:
                raise TypeError(f"${number} is of type {kind.name}: wait for this statement")
            encoders.append(found)
        self._sendable = (self._statement.get_name().encode() + b"\0", encoders)
        return self._sendable


class Link:
    """A connection of a pool, the statements it has prepared and those it holds back."""

    __slots__ = ("_begun", "_connection", "_held", "_prepared", "_run", "_wire")

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # What asyncpg's methods come down to, without the frames in between and, as it has no
        # pipeline, the way for what goes ahead.
        inner: Any = connection
        self._run = inner._protocol.bind_execute  # noqa: SLF001 - its methods, without their frames
        self._wire: Wire = inner._transport  # noqa: SLF001 - made by Database, on a ConnectingLoop
        self._begun = False
        self._held: list[tuple[str, Arguments]] = []
        self._prepared: dict[str, _Prepared] = {}

    def is_closed(self) -> bool:
        return self._connection.is_closed()

    def terminate(self) -> None:
        self._connection.terminate()

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - as asyncpg's
        await self._connection.close(timeout=timeout)

    def begin(self) -> None:
        """A transaction begins with whatever is run next."""
        self._held.append((BEGIN, ()))

    def hold(self, sql: str, arguments: Arguments) -> None:
        """Runs the statement right before the next one that is waited for.

        It must not answer rows. What it refuses is raised there.
        """
        self._held.append((sql, arguments))

    async def run(self, sql: str, arguments: Arguments, limit: int = 0) -> tuple[list[Row], bytes]:
        """The rows, at most `limit` unless it is 0, and the command tag."""
        prepared = self._prepared.get(sql) or await self._prepare(sql)
        if self._held:
            await self._send_held()
        try:
            rows, tag, _ = await self._run(prepared.state, arguments, "", limit, True, None)
        except asyncpg.InvalidCachedStatementError:  # the schema has just been migrated
            self._prepared.clear()
            if self._begun:
                raise
            return await self.run(sql, arguments, limit)
        return rows, tag

    async def run_many(self, sql: str, rows: Iterable[Arguments]) -> None:
        """Runs the statement once for each row, in one round trip."""
        prepared = self._prepared.get(sql) or await self._prepare(sql)
        if self._held:
            await self._send_held()
        await prepared.run_many(rows)

    async def commit(self) -> None:
        """Runs what is held, and commits in the same round trip."""
        if not self._begun and len(self._held) <= 2:
            # One statement after BEGIN is a transaction by itself.
            alone = self._held[1:]
            self._held.clear()
            for sql, arguments in alone:
                await self.run(sql, arguments)
            return
        _, tag = await self.run(COMMIT, ())
        self._begun = False
        if tag != b"COMMIT":
            raise asyncpg.InFailedSQLTransactionError("an error was passed over: nothing is kept")

    async def roll_back(self, timeout: float, *, interrupted: bool) -> None:  # noqa: ASYNC109 - as asyncpg's
        """Forgets what is held, and what the server knows of the transaction.

        `interrupted` when a statement may still be running: then its end is waited for.
        """
        self._held.clear()
        if self._begun or interrupted:
            await self._connection.execute("ROLLBACK", timeout=timeout)
            self._begun = False

    async def _send_held(self) -> None:
        held, self._held = self._held, []
        prepared = [self._prepared.get(sql) or await self._prepare(sql) for sql, _ in held]
        messages = [
            each.message(arguments) for each, (_, arguments) in zip(prepared, held, strict=True)
        ]
        self._begun = self._begun or held[0][0] is BEGIN
        # asyncpg's own message follows. To it the answers look like one: it takes the rows for its
        # own, and the last tag.
        self._wire.put_ahead(b"".join(messages))

    async def _prepare(self, sql: str) -> _Prepared:
        if len(self._prepared) >= MAX_PREPARED:
            del self._prepared[next(iter(self._prepared))]
        prepared = self._prepared[sql] = _Prepared(await self._connection.prepare(sql))
        return prepared
