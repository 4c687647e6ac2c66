"""One service in this process: a real port, a real database, real NATS."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID, uuid4

import grpc
from google.protobuf import symbol_database
from google.protobuf.message import Message

from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Transactions
from comptoir_runtime.errors import RemoteFailure, Violation, from_rpc_error
from comptoir_runtime.event_options import event_type
from comptoir_runtime.inbox import Delivered, Inbox
from comptoir_runtime.service import Service
from comptoir_runtime.settings import load
from comptoir_testing.procedures import Procedure, procedures_of
from comptoir_testing.registry import ServiceUnderTest
from comptoir_testing.snapshot import Snapshot, take
from comptoir_testing.tokens import TokenFactory

E = TypeVar("E", bound=Message)

_TIMEOUT_SECONDS = 30.0
_PAUSE_SECONDS = 0.005
_OUTBOX = "SELECT type, payload FROM outbox ORDER BY position"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended."""

    status: grpc.StatusCode
    reason: str = ""
    message: str = ""
    violations: tuple[Violation, ...] = ()
    body: bytes = field(default=b"", repr=False)
    """The answer as it came; of a stream its first message, if one came."""

    def __str__(self) -> str:
        text = " ".join(part for part in (self.status.name, self.reason, self.message) if part)
        broken = [f"{each.field}: {each.description}" for each in self.violations]
        return f"{text} ({'; '.join(broken)})" if broken else text


class ServiceHarness:
    """`async with ServiceHarness(...) as harness:` runs the service while the block runs."""

    def __init__(
        self,
        service: ServiceUnderTest,
        *,
        database_url: str,
        nats_url: str,
        clock: ManualClock,
        tokens: TokenFactory,
    ) -> None:
        self.declared = service
        self.clock = clock
        self.tokens = tokens
        self._environment = {
            "DATABASE_URL": database_url,
            "NATS_URL": nats_url,
            "LISTEN": "127.0.0.1:0",
            "DRAIN_SECONDS": "0",
            **service.environment,
        }
        self._procedures = {each.name: each for each in procedures_of(service.name)}
        self._sequence = itertools.count(1)
        self._numbers: dict[UUID, int] = {}

    async def __aenter__(self) -> Self:
        declared = self.declared
        self._service = await Service.start(
            declared.name,
            load(declared.settings, self._environment),
            declared.build,
            migrations_package=declared.package,
            clock=self.clock,
        )
        self.tokens.trust_in(self._service.runtime.keyring)
        self._channel = grpc.aio.insecure_channel(self._service.address)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        await self._channel.close()
        self.tokens.forget(self._service.runtime.keyring)
        await self._service.stop()

    @property
    def service(self) -> Service:
        """The running service: its runtime and its parts."""
        return self._service

    @property
    def transactions(self) -> Transactions:
        """The service's database, to arrange and to look."""
        return self._service.runtime.transactions

    @property
    def handlers(self) -> set[type[Message]]:
        """The types of event the service subscribes to."""
        return {each for one in self._service.parts.subscriptions for each in one.handlers}

    async def call(self, name: str, request: Message, token: str | None = None) -> Any:
        """Call a unary procedure; its response message, or RemoteFailure when it is refused."""
        procedure = self._procedures[name]
        try:
            body = await self._unary(procedure, request, token)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return procedure.response_type.FromString(body)

    async def upload(self, name: str, requests: Sequence[Message], token: str | None = None) -> Any:
        """Call a client-streaming procedure; its response, or RemoteFailure when refused."""
        procedure = self._procedures[name]
        try:
            body = await self._upload(procedure, requests, token)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return procedure.response_type.FromString(body)

    async def watch(
        self, name: str, request: Message, token: str | None = None
    ) -> AsyncGenerator[Any, None]:
        """Call a server-streaming procedure; ends the stream when the caller stops iterating."""
        procedure = self._procedures[name]
        streaming: Any = self._channel.unary_stream(procedure.path)
        call = streaming(request.SerializeToString(), metadata=_metadata(token))
        try:
            async for body in call:
                yield procedure.response_type.FromString(body)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()

    async def outcome(
        self, procedure: Procedure, request: Message | list[Message], token: str | None
    ) -> Outcome:
        """How a call of any kind ends; of a stream, how it begins."""
        try:
            if isinstance(request, list):
                body = await self._upload(procedure, request, token)
            elif procedure.descriptor.server_streaming:
                body = await self._first(procedure, request, token)
            else:
                body = await self._unary(procedure, request, token)
        except grpc.aio.AioRpcError as error:
            return _outcome(from_rpc_error(error))
        return Outcome(grpc.StatusCode.OK, body=body)

    async def events(self, kind: type[E] | None = None) -> list[Any]:
        """The events in the outbox, oldest first; only those of message type `kind` when given."""
        async with self.transactions.reading() as session:
            rows = await session.fetch(_OUTBOX)
        symbols = symbol_database.Default()
        found = [symbols.GetSymbol(row["type"]).FromString(row["payload"]) for row in rows]
        return [event for event in found if kind is None or isinstance(event, kind)]

    async def deliver(self, event: Message, *, event_id: UUID | None = None) -> bool:
        """Run the event's handler through the inbox, as the consumer does.

        False when the inbox knew `event_id` and the handler did not run.
        """
        subject = event_type(type(event))
        for subscription in self._service.parts.subscriptions:
            if type(event) in subscription.handlers:
                break
        else:
            raise LookupError(f"{self.declared.name} does not subscribe to {subject.name}")
        handlers = {event_type(each): run for each, run in subscription.handlers.items()}
        inbox = Inbox(subscription.producer, handlers)
        event_id = event_id or uuid4()
        number = self._numbers.setdefault(event_id, next(self._sequence))
        delivered = Delivered(
            event_id,
            subject.name,
            subject.subject(event),
            event.SerializeToString(),
            number,
            number - 1,
            {},
        )
        taken = await self.transactions.run(lambda session: inbox.take_in(session, [delivered]))
        return taken == 1

    async def snapshot(self, *, ignoring: frozenset[str] = frozenset()) -> Snapshot:
        """What the database holds now."""
        async with self.transactions.reading() as session:
            settled = self.declared.settled
            while settled and not await session.fetchval(settled):  # noqa: ASYNC110 - a table's state
                await asyncio.sleep(_PAUSE_SECONDS)
            return await take(session, ignoring=ignoring | self.declared.volatile_tables)

    async def _unary(self, procedure: Procedure, request: Message, token: str | None) -> bytes:
        call: Any = self._channel.unary_unary(procedure.path)
        body: bytes = await call(
            request.SerializeToString(), metadata=_metadata(token), timeout=_TIMEOUT_SECONDS
        )
        return body

    async def _upload(
        self, procedure: Procedure, requests: Sequence[Message], token: str | None
    ) -> bytes:
        call: Any = self._channel.stream_unary(procedure.path)
        payloads = [request.SerializeToString() for request in requests]
        body: bytes = await call(
            iter(payloads), metadata=_metadata(token), timeout=_TIMEOUT_SECONDS
        )
        return body

    async def _first(self, procedure: Procedure, request: Message, token: str | None) -> bytes:
        streaming: Any = self._channel.unary_stream(procedure.path)
        call = streaming(
            request.SerializeToString(), metadata=_metadata(token), timeout=_TIMEOUT_SECONDS
        )
        try:
            async for body in call:
                first: bytes = body
                return first
        finally:
            call.cancel()
        return b""


def _metadata(token: str | None) -> tuple[tuple[str, str], ...]:
    return () if token is None else (("authorization", f"Bearer {token}"),)


def _outcome(failure: RemoteFailure) -> Outcome:
    return Outcome(failure.status, failure.reason, failure.message, failure.violations)
