"""The gRPC server of a service: procedures, health, reflection while developing, draining."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_health.v1.health_pb2 import HealthCheckResponse

from comptoir_runtime.rpc import Binding, Pipeline
from comptoir_runtime.rpc.procedures import procedures_of
from comptoir_runtime.tls import Certificates

LIVENESS = "liveness"
"""Health name that answers SERVING for as long as the process answers at all."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    # Connections end from time to time, so that clients find new replicas.
    ("grpc.max_connection_age_ms", 60_000),
    ("grpc.max_connection_age_grace_ms", 20_000),
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
    ("grpc.max_receive_message_length", 4 * 1024 * 1024),
    ("grpc.max_send_message_length", 4 * 1024 * 1024),
    # Two processes on one port would share it silently.
    ("grpc.so_reuseport", 0),
)


class Router(grpc.GenericRpcHandler):
    """Finds the handler of a path; what is not listed does not exist."""

    def __init__(self, handlers: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
        self._handlers = handlers

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        return self._handlers.get(handler_call_details.method)


@asynccontextmanager
async def alive(listen: str) -> AsyncIterator[None]:
    """Tells health where nothing is served yet: the process lives, and is not ready."""
    health = health_aio.HealthServicer()
    await health.set("", HealthCheckResponse.NOT_SERVING)
    await health.set(LIVENESS, HealthCheckResponse.SERVING)
    server = grpc.aio.server(options=_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_insecure_port(listen)
    await server.start()
    try:
        yield
    finally:
        await server.stop(None)


class Server:
    """Serves the bindings; raises `DeclarationError` when they do not fit their protos.

    Not ready until told: see `set_ready`.
    """

    def __init__(
        self,
        service: str,
        bindings: Sequence[Binding],
        pipeline: Pipeline,
        *,
        listen: str,
        development: bool = False,
        max_concurrent_rpcs: int | None = None,
        certificates: Certificates | None = None,
        health_listen: str = "",
    ) -> None:
        """With `certificates` callers are encrypted and have to show one; which of them may call
        is the pipeline's to say. At `health_listen` health alone is told, to everybody.
        """
        procedures = procedures_of(bindings)
        self._pipeline = pipeline
        self._listen = listen
        self._certificates = certificates
        self._health_listen = health_listen
        self._names = [service, *(binding.descriptor.full_name for binding in bindings)]
        self._ready = False
        self._health = health_aio.HealthServicer()
        self._server = grpc.aio.server(
            options=_OPTIONS, maximum_concurrent_rpcs=max_concurrent_rpcs
        )
        handlers = {each.path: pipeline.handler(each) for each in procedures}
        self._server.add_generic_rpc_handlers((Router(handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self._aside: grpc.aio.Server | None = None
        if development:
            self._reflect()

    async def start(self) -> str:
        """Opens the port; answers `host:port` with the real port. Raises when it is taken."""
        await self._health.set(LIVENESS, HealthCheckResponse.SERVING)
        await self._tell(ready=False)
        if self._certificates is None:
            port = self._server.add_insecure_port(self._listen)
        else:
            credentials = self._certificates.server_credentials()
            port = self._server.add_secure_port(self._listen, credentials)
        await self._server.start()
        if self._health_listen:
            await self._tell_health_aside()
        return f"{self._listen.rpartition(':')[0]}:{port}"

    async def set_ready(self, ready: bool) -> None:
        """Changes what the health checks say, for the whole and for each service."""
        if ready != self._ready:
            self._ready = ready
            await self._tell(ready=ready)

    async def leave(self) -> None:
        """Tells callers to go elsewhere. Calls that come all the same are answered, streams not."""
        await self._health.enter_graceful_shutdown()
        self._pipeline.end_streams()

    async def stop(self, grace: float) -> None:
        """Drains: no new calls, streams are sent away, calls in flight get `grace` seconds."""
        await self.leave()
        await self._server.stop(grace)
        if self._aside is not None:
            await self._aside.stop(0)

    async def _tell_health_aside(self) -> None:
        """For probes that have no certificate: the kubelet's never do."""
        self._aside = grpc.aio.server(options=_OPTIONS)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._aside)
        self._aside.add_insecure_port(self._health_listen)
        await self._aside.start()

    async def _tell(self, *, ready: bool) -> None:
        status = HealthCheckResponse.SERVING if ready else HealthCheckResponse.NOT_SERVING
        for name in ("", *self._names):
            await self._health.set(name, status)

    def _reflect(self) -> None:
        # Only while developing: production neither needs it nor shows its procedures.
        from grpc_reflection.v1alpha import reflection  # noqa: PLC0415

        names = [*self._names[1:], reflection.SERVICE_NAME, "grpc.health.v1.Health"]
        reflection.enable_server_reflection(names, self._server)
