"""Server-sent events over real connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from comptoir.cart.v1 import cart_pb2
from comptoir_gateway import streams
from comptoir_gateway.__main__ import Gateway
from comptoir_runtime.errors import NotFound, Unavailable
from comptoir_runtime.telemetry import counter, names
from services.gateway.tests.integration.conftest import settings_for
from services.gateway.tests.services import FakeServices

WATCH = "/v1/carts/crt_1:watch"


class CartNotFound(NotFound):
    pass


class ServerStopping(Unavailable):
    pass


@asynccontextmanager
async def watching(http: httpx.AsyncClient) -> AsyncIterator[AsyncIterator[str]]:
    """The lines of an open stream."""
    async with http.stream("GET", WATCH, headers={"Last-Event-ID": "41"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "private, no-store"
        yield answer.aiter_lines()


async def data(lines: AsyncIterator[str], count: int) -> list[Any]:
    """The data of the next events."""
    found: list[Any] = []
    async with asyncio.timeout(30):
        async for line in lines:
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
            if len(found) == count:
                break
    return found


def cart(etag: str) -> cart_pb2.Cart:
    return cart_pb2.Cart(id="crt_1", etag=etag)


class TestWatching:
    async def test_every_change_arrives_as_an_event(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        changes: asyncio.Queue[cart_pb2.Cart] = asyncio.Queue()

        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            while True:
                yield await changes.get()

        services.streams["WatchCart"] = watch
        open_before = counter(names.STREAMS_OPEN).value()
        changes.put_nowait(cart("1"))
        async with watching(http) as lines:
            assert [each["etag"] for each in await data(lines, 1)] == ["1"]
            assert counter(names.STREAMS_OPEN).value() == open_before + 1
            changes.put_nowait(cart("2"))
            changes.put_nowait(cart("3"))
            assert [each["etag"] for each in await data(lines, 2)] == ["2", "3"]

    async def test_events_are_numbered_and_clients_told_when_to_come_back(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            yield cart("1")
            await asyncio.sleep(60)

        services.streams["WatchCart"] = watch
        async with watching(http) as lines:
            shown = [await anext(lines) for _ in range(4)]
        assert shown[:3] == ["retry: 2000", "", "id: 1"]
        assert shown[3].startswith("data: {")

    async def test_a_refusal_before_the_first_event_is_an_ordinary_problem(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            raise CartNotFound("no such cart")
            yield cart("")

        services.streams["WatchCart"] = watch
        answer = await http.get(WATCH)
        assert (answer.status_code, answer.json()["reason"]) == (404, "CART_NOT_FOUND")

    async def test_a_refusal_later_is_an_event_and_the_end(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            yield cart("1")
            raise CartNotFound("gone")

        services.streams["WatchCart"] = watch
        async with watching(http) as lines:
            text = [line async for line in lines]
        assert "event: error" in text
        problem = json.loads(text[text.index("event: error") + 1].removeprefix("data: "))
        assert (problem["status"], problem["reason"]) == (404, "CART_NOT_FOUND")

    async def test_a_service_that_goes_away_is_asked_again_unnoticed(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        opened = 0

        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            nonlocal opened
            opened += 1
            yield cart("1")
            if opened == 1:
                raise ServerStopping("draining")
            yield cart("2")
            await asyncio.sleep(60)

        services.streams["WatchCart"] = watch
        async with watching(http) as lines:
            # The state the client has seen is not sent a second time.
            assert [each["etag"] for each in await data(lines, 2)] == ["1", "2"]
        assert opened == 2

    async def test_the_service_is_told_when_the_client_leaves(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        left = asyncio.Event()

        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            try:
                yield cart("1")
                await asyncio.sleep(60)
            finally:
                left.set()

        services.streams["WatchCart"] = watch
        async with watching(http) as lines:
            await data(lines, 1)
        await asyncio.wait_for(left.wait(), 30)


class TestLimits:
    async def test_a_head_request_opens_no_stream(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        assert (await http.head(WATCH)).status_code == 405
        assert services.calls == []

    async def test_a_quiet_stream_is_kept_alive(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            yield cart("1")
            await asyncio.sleep(60)

        services.streams["WatchCart"] = watch
        monkeypatch.setattr(streams, "HEARTBEAT_SECONDS", 0.1)
        gateway = await Gateway.start(settings_for(services))
        async with (
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client,
            watching(client) as lines,
        ):
            await data(lines, 1)
            async with asyncio.timeout(30):
                while await anext(lines) != ": still here":
                    pass
        await gateway.stop()

    async def test_there_are_only_so_many_streams(self, services: FakeServices) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            yield cart("1")
            await asyncio.sleep(60)

        services.streams["WatchCart"] = watch
        gateway = await Gateway.start(settings_for(services, max_streams=1))
        async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:
            async with watching(client) as lines:
                await data(lines, 1)
                refused = await client.get(WATCH)
                assert (refused.status_code, refused.json()["reason"]) == (503, "OVERLOADED")
            # The place is free again once the gateway has seen the client leave.
            await asyncio.sleep(0.3)
            async with watching(client) as lines:
                await data(lines, 1)
        await gateway.stop()

    async def test_streams_end_when_the_gateway_stops(self, services: FakeServices) -> None:
        async def watch(_request: object, _metadata: object) -> AsyncIterator[cart_pb2.Cart]:
            yield cart("1")
            await asyncio.sleep(60)

        services.streams["WatchCart"] = watch
        gateway = await Gateway.start(settings_for(services))
        async with (
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client,
            watching(client) as lines,
        ):
            await data(lines, 1)
            stopping = asyncio.create_task(gateway.stop())
            async with asyncio.timeout(30):
                assert [line async for line in lines] == [""]
            await stopping
