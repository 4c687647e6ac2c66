"""The pipeline of a call, composed once per procedure when the server starts.

tracing → metrics → errors → admission → deadline → authorisation → validation →
idempotency and transaction → the method. Requests and answers are bytes until
here: authorisation comes before parsing, and a stored answer is sent as it was
stored.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any, TypeAlias

import grpc
import protovalidate
from google.protobuf.message import DecodeError, Message

from comptoir_runtime import deadline, idempotency, telemetry
from comptoir_runtime.auth import Principal, Verifier
from comptoir_runtime.clock import Clock
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import (
    DOMAIN_PREFIX,
    STATUS_DETAILS_KEY,
    DeadlineExceeded,
    InvalidArgument,
    InvalidFields,
    Unauthenticated,
    Unavailable,
    Violation,
    to_status,
)
from comptoir_runtime.rpc.batches import Gathering
from comptoir_runtime.rpc.call import Call
from comptoir_runtime.rpc.once import once
from comptoir_runtime.rpc.procedures import Procedure, Shape
from comptoir_runtime.rpc.refusals import refusal
from comptoir_runtime.rpc.texts import subscript, unfit
from comptoir_runtime.telemetry import names
from comptoir_runtime.tls import Admission

# A caller that sets no deadline gets this one; streams may stay as long as the connection.
DEFAULT_DEADLINE_SECONDS = 10.0
# How long a refused upload may go on before it is answered; of a short deadline, half.
UPLOAD_PATIENCE_SECONDS = 5.0

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Body: TypeAlias = Callable[[Any, Call, Context], Awaitable[bytes]]

_BEARER = "Bearer "
# Before anything is set, a call has no code.
_SUCCESS = (None, grpc.StatusCode.OK)
_CANCELLED = "CANCELLED"
_calls = telemetry.histogram(names.RPC_SERVER_CALL_DURATION)
_refusals = telemetry.counter(names.REFUSALS)


class MalformedRequest(InvalidArgument):
    """The request is not a message of the expected type."""


class ServerStopping(Unavailable):
    """The server is going away; another one answers."""


class Pipeline:
    """Composes procedures into gRPC handlers."""

    def __init__(
        self,
        service: str,
        transactions: Transactions,
        verifier: Verifier,
        clock: Clock,
        *,
        default_deadline: float = DEFAULT_DEADLINE_SECONDS,
        admission: Admission | None = None,
    ) -> None:
        """Without an `admission` every caller that can connect is let in."""
        self._domain = DOMAIN_PREFIX + service
        self._transactions = transactions
        self._verifier = verifier
        self._clock = clock
        self._default_deadline = default_deadline
        self._admission = admission
        self._validator = protovalidate.Validator()
        self._streams: set[asyncio.Task[Any]] = set()
        self._draining = False

    def handler(self, procedure: Procedure) -> "grpc.RpcMethodHandler[Any, Any]":
        """The gRPC handler of one procedure; bytes in, bytes out."""
        if procedure.shape is Shape.STREAM:
            return grpc.unary_stream_rpc_method_handler(self._streaming(procedure))
        if procedure.shape is Shape.UPLOAD:
            return grpc.stream_unary_rpc_method_handler(self._uploading(procedure))
        return grpc.unary_unary_rpc_method_handler(self._unary(procedure))

    def end_streams(self) -> None:
        """Tells the listeners of open streams to go elsewhere, and new ones too."""
        self._draining = True
        for task in self._streams:
            task.cancel()

    # --- shapes --------------------------------------------------------------------------------

    def _unary(self, procedure: Procedure) -> Callable[[bytes, Context], Awaitable[bytes]]:
        body = self._body(procedure)
        read = self._reader(procedure)

        async def handle(payload: bytes, context: Context) -> bytes:
            call = await self._enter(procedure, context)
            return await body(read(payload), call, context)

        return self._guarded(procedure, handle)

    def _uploading(self, procedure: Procedure) -> Callable[[Any, Context], Awaitable[bytes]]:
        read, function = self._reader(procedure), procedure.function

        async def handle(payloads: AsyncIterator[bytes], context: Context) -> bytes:
            call = await self._enter(procedure, context)
            answer: Message = await function((read(payload) async for payload in payloads), call)
            return answer.SerializeToString()

        guarded = self._guarded(procedure, handle)

        async def hear_out(payloads: AsyncIterator[bytes], context: Context) -> bytes:
            answer = await guarded(payloads, context)
            if context.code() not in _SUCCESS:
                await _drop(payloads, context.time_remaining())
            return answer

        return hear_out

    def _streaming(self, procedure: Procedure) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        read, function, streams = self._reader(procedure), procedure.function, self._streams

        async def handle(payload: bytes, context: Context) -> AsyncIterator[bytes]:
            started, status = time.perf_counter(), _CANCELLED
            task = asyncio.current_task()
            assert task is not None
            streams.add(task)
            try:
                if self._draining:
                    raise ServerStopping("the server is stopping")
                call = await self._enter(procedure, context)
                async with aclosing(function(read(payload), call)) as answers:
                    async for answer in answers:
                        yield answer.SerializeToString()
                status = "OK"
            except asyncio.CancelledError:
                if not self._draining:
                    raise
                task.uncancel()
                stopping = ServerStopping("the server is stopping")
                status = await self._refuse(stopping, procedure, context)
            except Exception as error:  # noqa: BLE001 - the edge answers for everything
                status = await self._refuse(error, procedure, context)
            finally:
                streams.discard(task)
                _calls.record(time.perf_counter() - started, (procedure.name, status))

        return handle

    # --- what a unary procedure runs in --------------------------------------------------------

    def _body(self, procedure: Procedure) -> Body:
        function = procedure.function
        if procedure.shape is Shape.STEP:
            return self._keyed_step(procedure) if procedure.keyed else self._step(function)
        if procedure.shape is Shape.BATCH:
            return self._together(procedure)
        if procedure.shape is Shape.QUERY:
            reading = self._transactions.reading

            async def run_query(request: Message, call: Call, _: Context) -> bytes:
                async with reading() as call.session:
                    answer: Message = await function(request, call)
                return answer.SerializeToString()

            return run_query

        async def run_process(request: Message, call: Call, context: Context) -> bytes:
            answer: Message = await function(request, call)
            if call.replayed:
                context.set_trailing_metadata((idempotency.REPLAYED,))
            return answer.SerializeToString()

        return run_process

    def _step(self, function: Callable[..., Any]) -> Body:
        run = self._transactions.run

        async def run_step(request: Message, call: Call, _: Context) -> bytes:
            async def body(session: Session) -> bytes:
                call.session = session
                answer: Message = await function(request, call)
                return answer.SerializeToString()

            return await run(body)

        return run_step

    def _keyed_step(self, procedure: Procedure) -> Body:
        function, transactions = procedure.function, self._transactions
        unkeyed = self._step(function)

        async def run_keyed(request: Message, call: Call, context: Context) -> bytes:
            key = call.key_of(request)
            if key is None:
                return await unkeyed(request, call, context)

            async def body(session: Session) -> bytes:
                call.session = session
                answer: Message = await function(request, call)
                return answer.SerializeToString()

            answered, replayed = await once(transactions, key, body)
            if replayed:
                context.set_trailing_metadata((idempotency.REPLAYED,))
            return answered

        return run_keyed

    def _together(self, procedure: Procedure) -> Body:
        gathering = Gathering(procedure.function, self._transactions)
        keyed = procedure.keyed

        async def run_together(request: Message, call: Call, context: Context) -> bytes:
            key = call.key_of(request) if keyed else None
            answered = await gathering.answer(request, call, key)
            if answered.replayed:
                context.set_trailing_metadata((idempotency.REPLAYED,))
            return answered.body

        return run_together

    # --- the stages around it ------------------------------------------------------------------

    def _guarded(
        self, procedure: Procedure, handle: Callable[[Any, Context], Awaitable[bytes]]
    ) -> Callable[[Any, Context], Awaitable[bytes]]:
        """Measures the call, gives it a deadline when it has none, and names its failures."""
        name, default_deadline = procedure.name, self._default_deadline

        async def guarded(payload: Any, context: Context) -> bytes:
            started, status = time.perf_counter(), _CANCELLED
            try:
                if context.time_remaining() is None:
                    answer = await _within(default_deadline, handle(payload, context))
                else:
                    answer = await handle(payload, context)
                status = "OK"
                return answer
            except Exception as error:  # noqa: BLE001 - the edge answers for everything
                status = await self._refuse(error, procedure, context)
                return b""
            finally:
                _calls.record(time.perf_counter() - started, (name, status))

        if not telemetry.tracing():
            return guarded

        async def traced(payload: Any, context: Context) -> bytes:
            parent: Any = dict(context.invocation_metadata() or ()).get(telemetry.TRACEPARENT)
            attributes = {names.RPC_SYSTEM_NAME: "grpc", names.RPC_METHOD: name}
            with telemetry.span(names.call_span(name), parent, attributes) as span:
                answer = await guarded(payload, context)
                if context.code() not in _SUCCESS:
                    span.failed(str(context.details()))
                return answer

        return traced

    async def _enter(self, procedure: Procedure, context: Context) -> Call:
        """Who calls, until when, as part of what; refuses those who may not."""
        if self._admission is not None:
            self._admission.check(context.auth_context())
        metadata: Mapping[str, Any] = dict(context.invocation_metadata() or ())
        if not telemetry.tracing() or procedure.shape is Shape.STREAM:  # else the span has done it
            telemetry.continue_trace(metadata.get(telemetry.TRACEPARENT))
        until = deadline.begin(context.time_remaining())
        principal = await self._authenticate(metadata.get("authorization"))
        procedure.rule.check(principal)
        return Call(
            procedure=procedure.name,
            principal=principal,
            transactions=self._transactions,
            clock=self._clock,
            metadata=metadata,
            deadline=until,
        )

    async def _authenticate(self, header: str | None) -> Principal | None:
        if header is None:
            return None
        if not header.startswith(_BEARER):
            raise Unauthenticated("the authorization must be a bearer token")
        token = header[len(_BEARER) :]
        return self._verifier.recall(token) or await self._verifier.verify(token)

    def _reader(self, procedure: Procedure) -> Callable[[bytes], Message]:
        parse = procedure.request_class.FromString
        violations_of, keyed = self._validator.collect_violations, procedure.keyed

        def read(payload: bytes) -> Message:
            try:
                request = parse(payload)
            except DecodeError:
                raise MalformedRequest("the request cannot be parsed") from None
            violations = _named(violations_of(request)) or unfit(request, payload, keyed=keyed)
            if violations:
                raise InvalidFields("the request is not valid", violations=violations)
            return request

        return read

    async def _refuse(self, error: Exception, procedure: Procedure, context: Context) -> str:
        """Sets the failure as the outcome of the call; answers the name of its status."""
        failure = refusal(error, procedure.name)
        _refusals.add(1, (procedure.name, failure.reason))
        context.set_code(failure.status)
        context.set_details(failure.message)
        details = to_status(failure, self._domain).SerializeToString()
        context.set_trailing_metadata(((STATUS_DETAILS_KEY, details),))
        return failure.status.name


async def _within(seconds: float, answer: Awaitable[bytes]) -> bytes:
    timeout = asyncio.timeout(seconds)
    try:
        async with timeout:
            return await answer
    except TimeoutError:
        if not timeout.expired():
            raise
        raise DeadlineExceeded("the call took too long") from None


async def _drop(payloads: AsyncIterator[bytes], remaining: float | None) -> None:
    """Drops what a caller still sends, until its end or for a while.

    A client of grpc.aio that is refused while it sends may lose the refusal, and tells of an
    internal error instead (https://github.com/grpc/grpc/issues/36066).
    """
    patience = UPLOAD_PATIENCE_SECONDS
    with suppress(TimeoutError):
        async with asyncio.timeout(patience if remaining is None else min(patience, remaining / 2)):
            async for _ in payloads:
                pass


def _named(violations: list[Any]) -> list[Violation]:
    return [Violation(_path(item.proto.field), item.proto.message) for item in violations]


def _path(field: Any) -> str:
    """A field path as written in the documentation: `lines[2].quantity`, `names["fr"]`."""
    path = ""
    for element in field.elements:
        path += f".{element.field_name}" if path else element.field_name
        if element.subscript is not None:  # an index or a key of a map
            path += subscript(element.subscript.value)
    return path
