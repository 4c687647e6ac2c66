import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from comptoir_runtime.channel import Client, open_channel
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.server import LIVENESS, Router
from comptoir_testing.demo import DEMO, GetNoteRequest
from libs.runtime.tests.integration.rpc.notes import Running
from libs.runtime.tests.integration.world import until

Status = health_pb2.HealthCheckResponse


async def health(running: Running, service: str = "") -> int:
    return await health_of(running.address, service)


async def health_of(address: str, service: str = "") -> int:
    # Not through a channel of ours: those have no calls for who is not ready.
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=2)
    return int(answer.status)


class Replica:
    """Another server of the same service."""

    calls = 0

    async def get(self, _payload: bytes, _context: Any) -> bytes:
        self.calls += 1
        return b""


@asynccontextmanager
async def a_replica() -> AsyncIterator[tuple[Replica, str]]:
    replica, server = Replica(), grpc.aio.server()
    health_servicer = health_aio.HealthServicer()
    await health_servicer.set("", Status.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    handler: Any = grpc.unary_unary_rpc_method_handler(replica.get)
    handlers = {"/comptoir.demo.v1.DemoService/GetNote": handler}
    server.add_generic_rpc_handlers((Router(handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield replica, f"127.0.0.1:{port}"
    await server.stop(0)


class TestHealth:
    async def test_is_serving_while_the_service_is_ready(self, running: Running) -> None:
        names = ("", "demo", "comptoir.demo.v1.DemoService")
        assert {await health(running, name) for name in names} == {Status.SERVING}
        await running.server.set_ready(False)
        assert {await health(running, name) for name in names} == {Status.NOT_SERVING}
        assert await health(running, LIVENESS) == Status.SERVING

    async def test_callers_have_no_calls_for_a_service_that_is_not_ready(
        self, running: Running
    ) -> None:
        assert (await running.client.call("GetNote", GetNoteRequest())).number == 0
        await running.server.set_ready(False)

        assert await until(lambda: is_turned_away(running))
        asked = len(running.demo.calls)
        assert await is_turned_away(running)
        assert len(running.demo.calls) == asked

    async def test_reflection_is_off_unless_developing(self, running: Running) -> None:
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        reflect: Any = running.channel.stream_stream(path)
        calling = reflect(iter([b""]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calling.read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class TestLeaving:
    async def test_calls_that_come_all_the_same_are_answered(self, running: Running) -> None:
        # Its callers do not ask for health, as those who have not heard of it yet.
        async with grpc.aio.insecure_channel(running.address) as channel:
            get: Any = channel.unary_unary("/comptoir.demo.v1.DemoService/GetNote")
            await running.server.leave()
            assert await get(b"", timeout=5) == b""
        assert await health_of(running.address) == Status.NOT_SERVING

    async def test_callers_go_to_the_replica_that_stays(self, running: Running) -> None:
        async with a_replica() as (other, address):
            target = f"ipv4:{running.address},{address}"
            channel = open_channel(target, None, [DEMO])
            both = Client(channel, DEMO)

            async def is_spread() -> bool:
                await both.call("GetNote", GetNoteRequest())
                return bool(running.demo.calls) and other.calls > 0

            await until(is_spread)
            await running.server.leave()

            async def is_left() -> bool:
                before = len(running.demo.calls)
                for _ in range(6):
                    await both.call("GetNote", GetNoteRequest())
                return len(running.demo.calls) == before

            await until(is_left)
            assert await is_left()
            await channel.close()


async def is_turned_away(running: Running) -> bool:
    """Whether a call is told to go elsewhere; one on its way when a server stops is broken off."""
    try:
        await running.client.call("GetNote", GetNoteRequest(), timeout=1)
    except RemoteFailure as failure:
        return failure.status is grpc.StatusCode.UNAVAILABLE
    return False


class TestDraining:
    async def test_calls_in_flight_finish_and_new_ones_are_turned_away(
        self, running: Running
    ) -> None:
        waiting = asyncio.create_task(
            running.client.call("GetNote", GetNoteRequest(text="waits"), timeout=5)
        )
        await running.demo.started.wait()
        stopping = asyncio.create_task(running.server.stop(grace=5))

        assert await until(lambda: is_turned_away(running))
        assert not stopping.done()
        running.demo.released.set()
        assert (await waiting).number == 0
        await stopping

    async def test_listeners_are_sent_away_at_once(self, running: Running) -> None:
        stream = running.client.stream("WatchNotes", GetNoteRequest(text="waits"))
        assert (await anext(stream)).number == 1
        await running.demo.started.wait()
        async with asyncio.timeout(15):
            stopping = asyncio.create_task(running.server.stop(grace=20))
            with pytest.raises(RemoteFailure) as caught:
                await anext(stream)
            await stopping
        assert caught.value.reason == "SERVER_STOPPING"
        assert caught.value.status is grpc.StatusCode.UNAVAILABLE

    async def test_what_takes_too_long_is_cut_off(self, running: Running) -> None:
        waiting = asyncio.create_task(
            running.client.call("GetNote", GetNoteRequest(text="waits"), timeout=5)
        )
        await running.demo.started.wait()
        await running.server.stop(grace=0.2)
        with pytest.raises(RemoteFailure) as caught:
            await waiting
        assert caught.value.status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
        await running.demo.cancelled.wait()
