"""Stand-ins for the six services: one real gRPC server, made from the real descriptors."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1.health_pb2 import HealthCheckResponse

from comptoir_gateway.backends import SERVICES, path_of
from comptoir_runtime.errors import STATUS_DETAILS_KEY, Failure, to_status

Answering: TypeAlias = Callable[[Any, "Metadata"], Awaitable[Message]]
Streaming: TypeAlias = Callable[[Any, "Metadata"], AsyncIterator[Message]]
Metadata: TypeAlias = dict[str, str]

METHODS = {path_of(method): method for each in SERVICES.values() for method in each.methods}


@dataclass
class Recorded:
    """A call as a service saw it."""

    name: str
    request: Any
    metadata: Metadata
    remaining: float | None


@dataclass
class FakeServices:
    """Answers what a test says; an empty message otherwise. Every call is recorded."""

    answers: dict[str, Message | Failure | Answering] = field(default_factory=dict)
    """By procedure, such as "GetCart"."""
    streams: dict[str, Streaming] = field(default_factory=dict)
    calls: list[Recorded] = field(default_factory=list)
    trailing: dict[str, str] = field(default_factory=dict)
    healthy: bool = True
    address: str = ""

    async def start(self) -> None:
        """Serves on a free port."""
        self._server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers((_Handlers(self),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()

    async def stop(self) -> None:
        """Stops at once."""
        await self._server.stop(None)

    def called(self, name: str) -> list[Recorded]:
        """The calls of one procedure."""
        return [call for call in self.calls if call.name == name]

    async def answer(self, name: str, request: Message, context: Any) -> Message:
        """What the test wants answered."""
        metadata = dict(context.invocation_metadata() or ())
        self.calls.append(Recorded(name, request, metadata, context.time_remaining()))
        found = self.answers.get(name)
        if isinstance(found, Failure):
            raise found
        if found is None:
            method = next(each for each in METHODS.values() if each.name == name)
            return GetMessageClass(method.output_type)()
        return found if isinstance(found, Message) else await found(request, metadata)


class _Handlers(grpc.GenericRpcHandler):
    def __init__(self, services: FakeServices) -> None:
        self._services = services

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(self._health)
        method = METHODS.get(details.method)
        if method is None:
            return None
        parse = GetMessageClass(method.input_type).FromString
        name = method.name
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(name), parse, _bytes)
        return grpc.unary_unary_rpc_method_handler(self._unary(name), parse, _bytes)

    async def _health(self, _request: bytes, _context: Any) -> bytes:
        healthy = self._services.healthy
        status = HealthCheckResponse.SERVING if healthy else HealthCheckResponse.NOT_SERVING
        return HealthCheckResponse(status=status).SerializeToString()

    def _unary(self, name: str) -> Any:
        async def answer(request: Message, context: Any) -> Message | None:
            try:
                context.set_trailing_metadata(tuple(self._services.trailing.items()))
                return await self._services.answer(name, request, context)
            except Failure as failure:
                await _refuse(context, failure)
                return None

        return answer

    def _streaming(self, name: str) -> Any:
        async def answer(request: Message, context: Any) -> AsyncIterator[Message]:
            metadata = dict(context.invocation_metadata() or ())
            self._services.calls.append(Recorded(name, request, metadata, None))
            try:
                async for message in self._services.streams[name](request, metadata):
                    yield message
            except Failure as failure:
                await _refuse(context, failure)

        return answer


async def _refuse(context: Any, failure: Failure) -> None:
    details = to_status(failure, "comptoir.test").SerializeToString()
    context.set_trailing_metadata(((STATUS_DETAILS_KEY, details),))
    context.set_code(failure.status)
    context.set_details(failure.message)


def _bytes(message: Message) -> bytes:
    return message.SerializeToString()
