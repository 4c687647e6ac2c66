"""A session: what a step may do with the database."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

from google.protobuf.message import Message

from comptoir_runtime.clock import Clock
from comptoir_runtime.database.link import Link, Row
from comptoir_runtime.event_options import Kind, NotAnEvent, event_type
from comptoir_runtime.ids import uuid7
from comptoir_runtime.telemetry import current_traceparent

if TYPE_CHECKING:
    from sqlalchemy.sql import Executable

# NATS takes 1 MB with headers. What is too large must fail here, not block the relay.
MAX_EVENT_BYTES = 900_000

OutboxRow: TypeAlias = tuple[UUID, int, str, str, bytes, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to keep under its request id, written in the same transaction as the effect."""

    scope: str
    caller: str
    key: str
    request_hash: bytes
    code: int
    body: bytes


class Session:
    """One transaction, or one read; see `Transactions`.

    SQL takes `$1` parameters. Prepared statements are kept by their text, so keep SQL in
    module constants. Rows are read as `row["sku"]` or `row.sku`; jsonb is Python objects.
    """

    __slots__ = ("_link", "_transactional", "answers", "callbacks", "clock", "rows", "signals")

    def __init__(self, link: Link, clock: Clock, *, transactional: bool) -> None:
        self.clock = clock
        self._link = link
        self._transactional = transactional
        self.rows: list[OutboxRow] = []
        self.signals: list[tuple[str, bytes]] = []
        self.callbacks: list[Callable[[], None]] = []
        self.answers: list[Answer] = []

    async def fetch(self, sql: str, *arguments: Any) -> list[Row]:
        """All rows."""
        return (await self._link.run(sql, arguments))[0]

    async def fetchrow(self, sql: str, *arguments: Any) -> Row | None:
        """The first row, or None."""
        rows, _ = await self._link.run(sql, arguments, 1)
        return rows[0] if rows else None

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        rows, _ = await self._link.run(sql, arguments, 1)
        return rows[0][0] if rows else None

    async def execute(self, sql: str, *arguments: Any) -> str:
        """Runs a statement; answers its command tag, such as `UPDATE 1`."""
        return (await self._link.run(sql, arguments))[1].decode()

    def send(self, sql: str, *arguments: Any) -> None:
        """Runs a statement whose answer nobody needs, together with the next one or the commit.

        The order stays as given, the wait for the server is saved. What it refuses is raised
        where it is waited for; it must not answer rows.
        """
        self._require_transaction("send")
        self._link.hold(sql, arguments)

    async def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Runs a statement once for each row, in one round trip."""
        await self._link.run_many(sql, rows)

    async def select(self, statement: "Executable") -> list[Row]:
        """Rows of a SQLAlchemy statement; composing it costs more than running it."""
        # SQLAlchemy is heavy and most services never compose a statement while they serve.
        from comptoir_runtime.database.composed import (  # noqa: PLC0415
            compile_statement,
        )

        sql, arguments = compile_statement(statement)
        return (await self._link.run(sql, arguments))[0]

    def emit(self, event: Message) -> None:
        """Publishes a fact or a state with this transaction, or not at all if it rolls back."""
        self._require_transaction("emit")
        kind = event_type(type(event))
        if kind.kind is Kind.SIGNAL:
            raise NotAnEvent(f"{kind.name} is a signal: send it with session.signal")
        payload = event.SerializeToString()
        if len(payload) > MAX_EVENT_BYTES:
            raise ValueError(f"{kind.name} has {len(payload)} bytes: too large for an event")
        parent = current_traceparent()
        headers = {} if parent is None else {"traceparent": parent}
        self.rows.append((uuid7(), kind.kind, kind.subject(event), kind.name, payload, headers))

    def signal(self, message: Message) -> None:
        """Sends a hint to whoever watches, after commit; it may be lost."""
        self._require_transaction("signal")
        kind = event_type(type(message))
        if kind.kind is not Kind.SIGNAL:
            raise NotAnEvent(f"{kind.name} is no signal: publish it with session.emit")
        self.signals.append((kind.subject(message), message.SerializeToString()))

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Calls back once the transaction is committed; not at all if it rolls back."""
        self._require_transaction("after_commit")
        self.callbacks.append(callback)

    def remember_answer(
        self, scope: str, caller: str, key: str, request_hash: bytes, body: bytes, code: int = 0
    ) -> None:
        """Keeps the answer to a request id with this transaction; a batch keeps several.

        Committing raises `asyncpg.UniqueViolationError` when the key is taken: then nothing of
        this transaction has happened and the stored answer is the one to give.
        """
        self._require_transaction("remember_answer")
        self.answers.append(Answer(scope, caller, key, request_hash, code, body))

    def _require_transaction(self, what: str) -> None:
        if not self._transactional:
            raise RuntimeError(f"session.{what} needs a transaction; this session only reads")
