"""Calling other services: always with a deadline, an identity and the trace of the caller."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any, Self, TypeAlias
from weakref import WeakKeyDictionary

import grpc
import orjson
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from comptoir_runtime import deadline, telemetry
from comptoir_runtime.auth import ServiceIdentity
from comptoir_runtime.errors import from_rpc_error
from comptoir_runtime.guard import outside_transaction
from comptoir_runtime.idempotency import is_keyed
from comptoir_runtime.tls import Certificates, channel_credentials, naming

DEFAULT_TIMEOUT_SECONDS = 3.0

Metadata: TypeAlias = Sequence[tuple[str, str]]

_AUTHORIZATION = "authorization"
_READS = ("Get", "BatchGet", "List", "Search", "Watch", "Check")
_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Pings without calls would be punished by the server (ENHANCE_YOUR_CALM).
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.dns_min_time_between_resolutions_ms", 5_000),
    # A neighbour that starts again is found within two seconds; by default it may take two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", 4 * 1024 * 1024),
)
_RETRY = {
    "maxAttempts": 3,
    "initialBackoff": "0.05s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_THROTTLE = {"maxTokens": 100, "tokenRatio": 0.1}
# Longer than a server keeps a connection.
_LEAVING_SECONDS = 90.0

# The identity belongs to the channel, but grpc.aio.Channel has no room for it.
_identities: "WeakKeyDictionary[grpc.aio.Channel, ServiceIdentity]" = WeakKeyDictionary()


def open_channel(
    target: str,
    identity: ServiceIdentity | None,
    services: Iterable[ServiceDescriptor] = (),
    *,
    name: str = "",
    certificates: Certificates | None = None,
) -> grpc.aio.Channel:
    """A channel to a neighbour, such as `dns:///cart-headless:5000`; spread over its replicas.

    Of `services`, the procedures that are safe to repeat are tried again on UNAVAILABLE; without
    them only what never left this process is. With `certificates` it is encrypted, and nobody
    answers but the service `name`.
    """
    config = orjson.dumps(_service_config(services)).decode()
    options = (*_OPTIONS, ("grpc.service_config", config))
    channel: grpc.aio.Channel
    if certificates is None:
        channel = grpc.aio.insecure_channel(target, options=options)
    else:
        channel = RenewedChannel(target, (*options, naming(name)), certificates)
    if identity is not None:
        _identities[channel] = identity
    # Now, and not while the first customer waits: a name that is not found, or a packet that is
    # lost on the way, costs seconds.
    channel.get_state(try_to_connect=True)
    return channel


def is_repeatable(method: MethodDescriptor) -> bool:
    """Whether calling twice is as good as once: a read, or a request with a request id."""
    return is_keyed(method) or method.name.startswith(_READS)


def _service_config(services: Iterable[ServiceDescriptor]) -> dict[str, Any]:
    # A replica that says it is not ready, as it does before it goes, gets no calls: names are
    # resolved again only when a connection ends, which is too late.
    config: dict[str, Any] = {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
    }
    names = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if is_repeatable(method) and not method.client_streaming
    ]
    if names:
        config["methodConfig"] = [{"name": names, "retryPolicy": _RETRY}]
        config["retryThrottling"] = _THROTTLE
    return config


class RenewedChannel(grpc.aio.Channel):
    """A channel that shows the latest certificate: a new one takes its place when that changes.

    gRPC has no certificates that change for channels as it has for servers. Calls under way end
    on the channel they began on.
    """

    def __init__(
        self, target: str, options: Sequence[tuple[str, Any]], certificates: Certificates
    ) -> None:
        self._target = target
        self._options = options
        self._certificates = certificates
        self._leaving: set[asyncio.Task[None]] = set()
        self._shown = certificates.latest()
        self._channel = self._open()

    def _open(self) -> grpc.aio.Channel:
        credentials = channel_credentials(self._shown)
        return grpc.aio.secure_channel(self._target, credentials, options=self._options)

    def current(self) -> grpc.aio.Channel:
        """The channel with the latest certificate."""
        latest = self._certificates.latest()
        if latest is not self._shown:
            leaving = asyncio.get_running_loop().create_task(self._channel.close(_LEAVING_SECONDS))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            self._shown = latest
            self._channel = self._open()
        return self._channel

    def _renewed(self, make: Callable[[grpc.aio.Channel], Any]) -> Any:
        channel = self.current()
        made = make(channel)

        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal channel, made
            if channel is not (latest := self.current()):
                channel, made = latest, make(latest)
            return made(*arguments, **named)

        return call

    def unary_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._renewed(lambda channel: channel.unary_unary(*arguments, **named))

    def unary_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._renewed(lambda channel: channel.unary_stream(*arguments, **named))

    def stream_unary(self, *arguments: Any, **named: Any) -> Any:
        return self._renewed(lambda channel: channel.stream_unary(*arguments, **named))

    def stream_stream(self, *arguments: Any, **named: Any) -> Any:
        return self._renewed(lambda channel: channel.stream_stream(*arguments, **named))

    async def close(self, grace: float | None = None) -> None:
        for leaving in self._leaving:
            leaving.cancel()
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        return self.current().get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        await self.current().wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        await self.current().channel_ready()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Client:
    """Calls the procedures of one service; every refusal is raised as a `Failure`.

    Without an `authorization` in the metadata the call carries this service's own identity.
    """

    def __init__(self, channel: grpc.aio.Channel, descriptor: ServiceDescriptor) -> None:
        self._identity = _identities.get(channel)
        self._unary: dict[str, Any] = {}
        self._streaming: dict[str, Any] = {}
        self._answers: dict[str, type[Message]] = {}
        for method in descriptor.methods:
            path = f"/{descriptor.full_name}/{method.name}"
            self._answers[method.name] = GetMessageClass(method.output_type)
            # Bytes both ways: the gateway passes them on, `call` parses them itself.
            if method.server_streaming:
                self._streaming[method.name] = channel.unary_stream(path)
            elif not method.client_streaming:
                self._unary[method.name] = channel.unary_unary(path)

    async def call(
        self,
        name: str,
        request: Message,
        *,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,  # noqa: ASYNC109 - a gRPC deadline
        metadata: Metadata = (),
    ) -> Any:
        """The answer, an instance of the procedure's response message. `timeout` in seconds."""
        payload = await self.raw(
            name, request.SerializeToString(), timeout=timeout, metadata=metadata
        )
        return self._answers[name].FromString(payload)

    async def raw(
        self,
        name: str,
        payload: bytes,
        timeout: float = DEFAULT_TIMEOUT_SECONDS,  # noqa: ASYNC109 - a gRPC deadline
        metadata: Metadata = (),
    ) -> bytes:
        """The answer as it came over the wire."""
        outside_transaction()
        calling = self._unary[name](
            payload, timeout=deadline.budget(timeout), metadata=self._outgoing(metadata)
        )
        try:
            answer: bytes = await calling
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        return answer

    async def stream(
        self,
        name: str,
        request: Message,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - a gRPC deadline
        metadata: Metadata = (),
    ) -> AsyncGenerator[Any, None]:
        """The answers as they come; without a timeout for as long as both sides stay."""
        parse = self._answers[name].FromString
        payload = request.SerializeToString()
        async for answer in self.raw_stream(name, payload, timeout=timeout, metadata=metadata):
            yield parse(answer)

    async def raw_stream(
        self,
        name: str,
        payload: bytes,
        timeout: float | None = None,  # noqa: ASYNC109 - a gRPC deadline
        metadata: Metadata = (),
    ) -> AsyncGenerator[bytes, None]:
        """The answers as they come over the wire."""
        outside_transaction()
        calling = self._streaming[name](payload, timeout=timeout, metadata=self._outgoing(metadata))
        try:
            async for answer in calling:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None
        finally:
            calling.cancel()

    def _outgoing(self, metadata: Metadata) -> Metadata:
        added: list[tuple[str, str]] = []
        parent = telemetry.current_traceparent()
        if parent is not None:
            added.append((telemetry.TRACEPARENT, parent))
        if self._identity is not None and not any(key == _AUTHORIZATION for key, _ in metadata):
            added.append((_AUTHORIZATION, self._identity.authorization()))
        return (*metadata, *added)
