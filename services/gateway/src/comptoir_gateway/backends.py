"""The six services: channels to them, calls with bytes in and bytes out, and their health."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from comptoir.cart.v1 import cart_service_pb2
from comptoir.customers.v1 import customers_service_pb2
from comptoir.inventory.v1 import inventory_service_pb2
from comptoir.orders.v1 import orders_service_pb2
from comptoir.payments.v1 import payments_service_pb2
from comptoir.pim.v1 import pim_service_pb2
from comptoir_runtime import telemetry
from comptoir_runtime.channel import open_channel
from comptoir_runtime.errors import from_rpc_error
from comptoir_runtime.tls import Certificates

SERVICES: Mapping[str, ServiceDescriptor] = {
    "pim": pim_service_pb2.DESCRIPTOR.services_by_name["PimService"],
    "cart": cart_service_pb2.DESCRIPTOR.services_by_name["CartService"],
    "payments": payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"],
    "inventory": inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"],
    "orders": orders_service_pb2.DESCRIPTOR.services_by_name["OrdersService"],
    "customers": customers_service_pb2.DESCRIPTOR.services_by_name["CustomersService"],
}
"""The public service of each process."""

READ_SECONDS = 3.0
WRITE_SECONDS = 10.0
HEALTH_SECONDS = 1.0
# They work through thousands of records in one call.
LONG_SECONDS: Mapping[str, float] = {
    "/comptoir.pim.v1.PimService/PublishProducts": 60.0,
    "/comptoir.pim.v1.PimService/WithdrawProducts": 60.0,
    "/comptoir.pim.v1.PimService/StartImport": 60.0,
}

Metadata: TypeAlias = Sequence[tuple[str, str]]

_REPLAYED = "idempotent-replayed"
_HEALTH = "/grpc.health.v1.Health/Check"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a procedure answered, as it came over the wire."""

    payload: bytes
    replayed: bool
    """Whether this is the stored answer to an earlier call with the same key."""


class Procedure:
    """One unary procedure, ready to be called. Refusals are raised as `Failure`."""

    def __init__(self, channel: grpc.aio.Channel, method: MethodDescriptor, *, read: bool) -> None:
        path = path_of(method)
        self.timeout = LONG_SECONDS.get(path, READ_SECONDS if read else WRITE_SECONDS)
        self._call: Any = channel.unary_unary(path)

    async def __call__(
        self,
        payload: bytes,
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - a gRPC deadline
    ) -> bytes:
        seconds = self.timeout if timeout is None else timeout
        calling = self._call(payload, timeout=seconds, metadata=traced(metadata))
        try:
            answer: bytes = await calling
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return answer

    async def keyed(self, payload: bytes, metadata: Metadata = ()) -> Answer:
        """As a call, and tells whether the answer is an earlier one."""
        calling = self._call(payload, timeout=self.timeout, metadata=traced(metadata))
        try:
            answer: bytes = await calling
            trailing = await calling.trailing_metadata()
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return Answer(answer, any(key == _REPLAYED for key, _ in trailing or ()))


class StreamProcedure:
    """One server-streaming procedure, ready to be called."""

    def __init__(self, channel: grpc.aio.Channel, method: MethodDescriptor) -> None:
        self._call: Any = channel.unary_stream(path_of(method))

    async def __call__(self, payload: bytes, metadata: Metadata = ()) -> AsyncIterator[bytes]:
        calling = self._call(payload, metadata=traced(metadata))
        try:
            async for answer in calling:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            calling.cancel()


class Backends:
    """The channels. Calls carry the caller's token or none, never an identity of the gateway's."""

    def __init__(
        self, targets: Mapping[str, str], certificates: Certificates | None = None
    ) -> None:
        self._channels = {
            name: open_channel(target, None, [SERVICES[name]], name=name, certificates=certificates)
            for name, target in targets.items()
        }

    def procedure(self, service: str, method: str, *, read: bool = True) -> Procedure:
        """The unary procedure `method` of a service, such as ("cart", "GetPrices")."""
        descriptor = SERVICES[service].methods_by_name[method]
        return Procedure(self._channels[service], descriptor, read=read)

    def stream(self, service: str, method: str) -> StreamProcedure:
        """The server-streaming procedure `method` of a service."""
        return StreamProcedure(self._channels[service], SERVICES[service].methods_by_name[method])

    async def health(self) -> dict[str, str]:
        """What each service says of itself: SERVING, NOT_SERVING or UNREACHABLE."""
        names = list(self._channels)
        states = await asyncio.gather(*(self._health_of(name) for name in names))
        return dict(zip(names, states, strict=True))

    async def _health_of(self, name: str) -> str:
        check = self._channels[name].unary_unary(
            _HEALTH,
            request_serializer=HealthCheckRequest.SerializeToString,
            response_deserializer=HealthCheckResponse.FromString,
        )
        try:
            answer: HealthCheckResponse = await check(HealthCheckRequest(), timeout=HEALTH_SECONDS)
        except grpc.aio.AioRpcError:
            return "UNREACHABLE"
        return HealthCheckResponse.ServingStatus.Name(answer.status)

    async def close(self) -> None:
        """Closes the channels."""
        await asyncio.gather(*(channel.close() for channel in self._channels.values()))


def path_of(method: MethodDescriptor) -> str:
    """The path of a procedure in HTTP/2."""
    return f"/{method.containing_service.full_name}/{method.name}"


def traced(metadata: Metadata) -> Metadata:
    """Metadata with the trace context of the request it is sent for."""
    parent = telemetry.current_traceparent()
    return metadata if parent is None else (*metadata, (telemetry.TRACEPARENT, parent))
