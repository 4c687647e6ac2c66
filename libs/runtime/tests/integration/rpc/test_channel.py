import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from comptoir_runtime import deadline, telemetry
from comptoir_runtime.auth import KeyRing, Kind, ServiceIdentity, SigningKey, Verifier, public_jwk
from comptoir_runtime.auth.keys import verification_key
from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.errors import NetworkCallInTransaction, RemoteFailure
from comptoir_runtime.guard import inside_transaction
from comptoir_runtime.server import Router
from comptoir_testing.demo import DEMO, GetNoteRequest, Note, PutNoteRequest

PREFIX = "/comptoir.demo.v1.DemoService/"
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
KEY = SigningKey.generate("service:orders")

Handle = Callable[[bytes, Any], Awaitable[bytes]]


@asynccontextmanager
async def neighbour(handle: Handle, *names: str) -> AsyncIterator[str]:
    """A server that answers the named procedures with `handle`; yields its address."""
    server = grpc.aio.server()
    handler: Any = grpc.unary_unary_rpc_method_handler(handle)
    server.add_generic_rpc_handlers((Router({PREFIX + name: handler for name in names}),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


@asynccontextmanager
async def client(address: str, identity: ServiceIdentity | None = None) -> AsyncIterator[Client]:
    channel = open_channel(f"dns:///{address}", identity, [DEMO])
    try:
        yield Client(channel, DEMO)
    finally:
        await channel.close()


class Recorder:
    """Answers with an empty note and keeps what came with the call."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.remaining = 0.0

    async def __call__(self, payload: bytes, context: Any) -> bytes:
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        answer: bytes = Note(number=7).SerializeToString()
        return answer


class TestCall:
    async def test_sends_identity_and_trace_and_a_deadline(self) -> None:
        received = Recorder()

        async def handle(payload: bytes, context: Any) -> bytes:
            return await received(payload, context)

        telemetry.continue_trace(PARENT)
        identity = ServiceIdentity("orders", KEY)
        async with neighbour(handle, "GetNote") as address, client(address, identity) as orders:
            assert await orders.call("GetNote", GetNoteRequest()) == Note(number=7)
        assert received.metadata["traceparent"] == PARENT
        assert 2.0 < received.remaining <= 3.1
        keyring = KeyRing([verification_key(public_jwk(KEY), "service:orders")])
        token = received.metadata["authorization"].removeprefix("Bearer ")
        principal = await Verifier(keyring).verify(token)
        assert (principal.kind, principal.subject) == (Kind.SERVICE, "orders")

    async def test_a_callers_own_authorization_is_passed_on_instead(self) -> None:
        received = Recorder()

        async def handle(payload: bytes, context: Any) -> bytes:
            return await received(payload, context)

        identity = ServiceIdentity("orders", KEY)
        async with neighbour(handle, "GetNote") as address, client(address, identity) as orders:
            await orders.raw("GetNote", b"", metadata=(("authorization", "Bearer mine"),))
        assert received.metadata["authorization"] == "Bearer mine"

    async def test_passes_on_what_is_left_of_the_callers_deadline(self) -> None:
        received = Recorder()

        async def handle(payload: bytes, context: Any) -> bytes:
            return await received(payload, context)

        deadline.begin(1.0)
        async with neighbour(handle, "GetNote") as address, client(address) as orders:
            await orders.call("GetNote", GetNoteRequest())
        assert received.remaining <= 0.96

    async def test_is_refused_inside_a_transaction(self) -> None:
        async with client("127.0.0.1:1") as orders:
            with inside_transaction(), pytest.raises(NetworkCallInTransaction):
                await orders.call("GetNote", GetNoteRequest())

    async def test_nobody_there_is_unavailable(self) -> None:
        async with client("127.0.0.1:1") as orders:
            with pytest.raises(RemoteFailure) as caught:
                await orders.call("GetNote", GetNoteRequest(), timeout=1)
        assert caught.value.reason == "UNAVAILABLE"

    async def test_no_answer_in_time_is_deadline_exceeded(self) -> None:
        async def handle(payload: bytes, context: Any) -> bytes:
            await asyncio.sleep(5)
            return b""

        async with neighbour(handle, "GetNote") as address, client(address) as orders:
            with pytest.raises(RemoteFailure) as caught:
                await orders.call("GetNote", GetNoteRequest(), timeout=0.2)
        assert caught.value.reason == "DEADLINE_EXCEEDED"


class TestRetry:
    @pytest.mark.parametrize(
        ("code", "attempts"),
        [(grpc.StatusCode.UNAVAILABLE, 3), (grpc.StatusCode.ABORTED, 1)],
    )
    @pytest.mark.parametrize(
        ("name", "request_"),
        [("GetNote", GetNoteRequest()), ("PutNote", PutNoteRequest(request_id="r"))],
    )
    async def test_only_unavailable_is_tried_again(
        self, code: grpc.StatusCode, attempts: int, name: str, request_: Any
    ) -> None:
        calls = 0

        async def handle(payload: bytes, context: Any) -> bytes:
            nonlocal calls
            calls += 1
            await context.abort(code, "not now")
            return b""

        async with neighbour(handle, name) as address, client(address) as orders:
            with pytest.raises(RemoteFailure):
                await orders.call(name, request_)
        assert calls == attempts
