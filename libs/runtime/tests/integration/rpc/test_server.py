import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.server import LIVENESS
from comptoir_testing.demo import GetNoteRequest
from libs.runtime.tests.integration.rpc.notes import Running

Status = health_pb2.HealthCheckResponse


async def health(running: Running, service: str = "") -> int:
    stub: Any = health_pb2_grpc.HealthStub(running.channel)
    answer = await stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=2)
    return int(answer.status)


class TestHealth:
    async def test_is_not_serving_until_the_service_is_ready(self, running: Running) -> None:
        names = ("", "demo", "comptoir.demo.v1.DemoService")
        assert {await health(running, name) for name in names} == {Status.NOT_SERVING}
        assert await health(running, LIVENESS) == Status.SERVING
        await running.server.set_ready(True)
        assert {await health(running, name) for name in names} == {Status.SERVING}
        await running.server.set_ready(False)
        assert {await health(running, name) for name in names} == {Status.NOT_SERVING}

    async def test_reflection_is_off_unless_developing(self, running: Running) -> None:
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        reflect: Any = running.channel.stream_stream(path)
        calling = reflect(iter([b""]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await calling.read()
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


class TestDraining:
    async def test_calls_in_flight_finish_and_new_ones_are_turned_away(
        self, running: Running
    ) -> None:
        await running.server.set_ready(True)
        waiting = asyncio.create_task(
            running.client.call("GetNote", GetNoteRequest(text="waits"), timeout=5)
        )
        await running.demo.started.wait()
        stopping = asyncio.create_task(running.server.stop(grace=5))
        await asyncio.sleep(0.1)
        with pytest.raises(RemoteFailure) as caught:
            await running.client.call("GetNote", GetNoteRequest(), timeout=0.5)
        assert caught.value.status is grpc.StatusCode.UNAVAILABLE
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
