"""Over real connections: what a client library, a careless one and a hostile one see."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import orjson
import pytest

from comptoir.cart.v1 import cart_pb2
from comptoir.customers.v1 import customers_service_pb2
from comptoir.payments.v1 import payments_service_pb2
from comptoir_gateway.__main__ import Gateway
from comptoir_gateway.web import exchange, server
from comptoir_runtime.errors import (
    FailedPrecondition,
    Precondition,
    StaleEtag,
    Unavailable,
    Violation,
)
from services.gateway.tests.integration.conftest import settings_for
from services.gateway.tests.services import FakeServices

SMUGGLED = (
    b"POST /v1/carts HTTP/1.1\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
)


class OutOfStock(FailedPrecondition):
    pass


class ProviderUnavailable(Unavailable):
    pass


class TestCalls:
    async def test_an_answer_comes_as_json_with_an_etag(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["GetCart"] = cart_pb2.Cart(id="crt_1", etag="7")
        parent = f"00-{'a' * 32}-{'b' * 16}-01"
        answer = await http.get("/v1/carts/crt_1", headers={"traceparent": parent})
        assert (answer.status_code, answer.json()["id"]) == (200, "crt_1")
        assert answer.headers["etag"].startswith('"7;')
        (call,) = services.calls
        assert call.metadata["traceparent"] == parent
        assert call.metadata["x-request-id"] == answer.headers["x-request-id"]
        assert call.remaining is not None
        assert 2.5 < call.remaining <= 3.1
        known = {"If-None-Match": answer.headers["etag"]}
        again = await http.get("/v1/carts/crt_1", headers=known)
        assert (again.status_code, again.content) == (304, b"")

    async def test_an_order_may_take_ten_seconds(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        await http.post("/v1/orders", json={"cart": "c"}, headers={"Idempotency-Key": "k"})
        (call,) = services.calls
        assert call.remaining is not None
        assert 9 < call.remaining <= 10.2

    async def test_an_answer_to_an_earlier_call_says_so(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        first = await http.post("/v1/carts", json={})
        services.trailing = {"idempotent-replayed": "true"}
        second = await http.post("/v1/carts", json={})
        assert "idempotent-replayed" not in first.headers
        assert second.headers["idempotent-replayed"] == "true"

    async def test_a_refusal_is_told_with_all_its_details(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["PlaceOrder"] = OutOfStock(
            "only 1 left",
            metadata={"sku": "A"},
            violations=[Violation("lines[0].unit_price", "is wrong")],
            preconditions=[Precondition("STOCK", "A", "1 available")],
        )
        answer = await http.post("/v1/orders", json={}, headers={"Idempotency-Key": "k"})
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem.pop("requestId") == answer.headers["x-request-id"]
        assert problem == {
            "type": "urn:comptoir:problem:out-of-stock",
            "title": "Conflict",
            "status": 409,
            "detail": "only 1 left",
            "instance": "/v1/orders",
            "reason": "OUT_OF_STOCK",
            "metadata": {"sku": "A"},
            "violations": [{"field": "lines[0].unitPrice", "description": "is wrong"}],
            "preconditions": [{"type": "STOCK", "subject": "A", "description": "1 available"}],
        }

    async def test_a_stale_version_is_a_failed_precondition_of_http(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["SetQuantity"] = StaleEtag("changed")
        answer = await http.patch(
            "/v1/carts/c/lines/l", json={"quantity": 1}, headers={"If-Match": '"3"'}
        )
        assert (answer.status_code, answer.json()["reason"]) == (412, "STALE_ETAG")
        assert services.calls[0].request.etag == "3"

    async def test_a_service_that_is_away_is_not_named(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        await services.stop()
        answer = await http.get("/v1/carts/c")
        assert (answer.status_code, answer.json()["reason"]) == (503, "UNAVAILABLE")
        assert "127.0.0.1" not in answer.text
        assert answer.headers["retry-after"] == "1"

    async def test_a_head_request_has_no_body(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        answer = await http.head("/v1/carts/crt_1")
        assert (answer.status_code, answer.content) == (200, b"")

    async def test_a_large_answer_is_compressed_when_asked(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        cart = cart_pb2.Cart(id="crt_1", etag="7")
        for index in range(100):
            cart.lines.add(sku=f"SKU-{index}")
        services.answers["GetCart"] = cart
        packed = await http.get("/v1/carts/crt_1")
        plain = await http.get("/v1/carts/crt_1", headers={"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.json() == plain.json()
        assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
        tag = {"If-None-Match": packed.headers["etag"]}
        assert (await http.get("/v1/carts/crt_1", headers=tag)).status_code == 304


class TestPlatform:
    async def test_it_is_ready_until_no_service_is(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")
        assert set(answer.json()["services"].values()) == {"SERVING"}
        services.healthy = False
        answer = await http.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not ready")
        assert (await http.get("/healthz")).status_code == 200

    async def test_one_service_that_is_away_takes_no_gateway_out(
        self, services: FakeServices
    ) -> None:
        # Where nobody listens.
        settings = replace(settings_for(services), pim_target="dns:///127.0.0.1:9")
        gateway = await Gateway.start(settings)
        async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as http:
            answer = await http.get("/readyz")
            whole = await http.get("/readyz?require=all")
        await gateway.stop()
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        states = answer.json()["services"]
        assert states.pop("pim") == "UNREACHABLE"
        assert set(states.values()) == {"SERVING"}
        assert (whole.status_code, whole.json()["status"]) == (503, "not ready")

    async def test_the_whole_platform_is_ready_when_all_services_are(
        self, http: httpx.AsyncClient
    ) -> None:
        answer = await http.get("/readyz?require=all")
        assert (answer.status_code, answer.json()["status"]) == (200, "ready")

    async def test_the_keys_of_tokens_are_published(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["GetJwks"] = customers_service_pb2.GetJwksResponse(jwks='{"keys":[]}')
        answer = await http.get("/.well-known/jwks.json")
        assert answer.headers["content-type"] == "application/jwk-set+json"
        assert answer.json() == {"keys": []}

    async def test_a_notice_of_a_provider_arrives_byte_for_byte(
        self, http: httpx.AsyncClient, services: FakeServices
    ) -> None:
        services.answers["HandleWebhook"] = payments_service_pb2.HandleWebhookResponse(new=True)
        body = b'{ "a" : 1,\n"a":2 }'
        answer = await http.post(
            "/v1/webhooks/payments/sandbox",
            content=body,
            headers={"Psp-Signature": "t=1,v1=ab", "Authorization": "Bearer a.b.c", "Cookie": "x"},
        )
        assert (answer.status_code, answer.json()) == (200, {"new": True})
        (call,) = services.calls
        assert (call.request.provider, call.request.body) == ("sandbox", body)
        assert call.request.headers["psp-signature"] == "t=1,v1=ab"
        assert not {"authorization", "cookie"} & set(call.request.headers)
        assert "authorization" not in call.metadata

    async def test_the_documentation_is_there(self, http: httpx.AsyncClient) -> None:
        assert (await http.get("/openapi.json")).json()["openapi"] == "3.1.0"
        assert "text/html" in (await http.get("/docs")).headers["content-type"]

    async def test_requests_in_progress_end_before_the_gateway_does(
        self, services: FakeServices
    ) -> None:
        asked = asyncio.Event()

        async def slowly(_request: object, _metadata: object) -> cart_pb2.Cart:
            asked.set()
            await asyncio.sleep(0.3)
            return cart_pb2.Cart(id="crt_1")

        services.answers["GetCart"] = slowly
        gateway = await Gateway.start(settings_for(services))
        async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:
            waiting = asyncio.create_task(client.get("/v1/carts/crt_1"))
            await asked.wait()
            await gateway.stop()
            assert (await waiting).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get("/healthz")

    async def test_before_that_clients_are_sent_elsewhere(self, services: FakeServices) -> None:
        gateway = await Gateway.start(settings_for(services))
        async with httpx.AsyncClient(base_url=f"http://{gateway.address}") as client:
            assert "connection" not in (await client.get("/healthz")).headers
            gateway.leave()

            answer = await client.get("/healthz")
            assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            assert (await client.get("/readyz")).status_code == 503
        await gateway.stop()


@contextlib.asynccontextmanager
async def connected(
    http: httpx.AsyncClient,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection, for what no client library would send."""
    reader, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
    yield reader, writer
    writer.close()


async def status_of(reader: asyncio.StreamReader) -> int:
    line = await asyncio.wait_for(reader.readline(), 30)
    return int(line.split()[1])


class TestHostileClients:
    @pytest.mark.parametrize(
        ("head", "status"),
        [
            (b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n", 431),
            (b"GET /healthz HTTP/1.1\r\nx: " + b"a" * 400_000, 431),
            (b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n", 431),
            (b"NONSENSE\r\n\r\n", 400),
            (b"\x16\x03\x01\x02\x00", 400),
            (b"GET /healthz HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n", 400),
            (SMUGGLED, 400),
            (b"POST /v1/carts HTTP/1.1\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd", 400),
        ],
    )
    async def test_a_bad_head_is_refused_and_the_connection_closed(
        self, http: httpx.AsyncClient, services: FakeServices, head: bytes, status: int
    ) -> None:
        async with connected(http) as (reader, writer):
            writer.write(head)
            assert await status_of(reader) == status
            rest = await asyncio.wait_for(reader.read(), 30)
            assert b"application/problem+json" in rest
        assert services.calls == []

    async def test_a_body_that_does_not_end_is_cut_off(self, http: httpx.AsyncClient) -> None:
        async with connected(http) as (reader, writer):
            writer.write(
                b"POST /v1/carts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"transfer-encoding: chunked\r\n\r\n"
            )
            with contextlib.suppress(ConnectionError):
                for _ in range(20):
                    writer.write(b"20000\r\n" + b"a" * 0x20000 + b"\r\n")
                    await writer.drain()
            assert await status_of(reader) == 413

    async def test_a_head_that_trickles_in_is_not_waited_for(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "HEAD_SECONDS", 0.2)
        gateway = await Gateway.start(settings_for(services))
        async with (
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client,
            connected(client) as (reader, writer),
        ):
            writer.write(b"GET /healthz HTTP/1.1\r\nhost:")
            assert await status_of(reader) == 408
        await gateway.stop()

    @pytest.mark.parametrize(
        ("path", "status"),
        [(b"/v1/carts", 408), (b"/v1/nowhere", 404), (b"/healthz", 405)],
        ids=["read", "no such address", "nobody reads it"],
    )
    async def test_63_a_body_that_trickles_in_holds_no_connection(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch, path: bytes, status: int
    ) -> None:
        """63, F28: it was answered, and then each byte that came kept the connection open."""
        monkeypatch.setattr(exchange, "BODY_SECONDS", 0.2)
        monkeypatch.setattr(server, "REST_SECONDS", 0.2)
        gateway = await Gateway.start(settings_for(services))
        async with (
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client,
            connected(client) as (reader, writer),
        ):
            writer.write(b"POST " + path + b" HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n{")
            assert await status_of(reader) == status
            async with asyncio.timeout(30):
                with contextlib.suppress(ConnectionError):
                    while not reader.at_eof():
                        writer.write(b" ")
                        await writer.drain()
                        with contextlib.suppress(TimeoutError):
                            await asyncio.wait_for(reader.read(1000), 0.05)
        await gateway.stop()

    async def test_63_the_rest_of_a_body_may_come_after_the_answer(
        self, services: FakeServices, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "REST_SECONDS", 1)
        gateway = await Gateway.start(settings_for(services))
        async with (
            httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client,
            connected(client) as (reader, writer),
        ):
            writer.write(b"POST /v1/nowhere HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\n{")
            assert await status_of(reader) == 404
            problem = await reader.readuntil(b"}")
            writer.write(b"    ")
            await asyncio.sleep(1.2)  # longer than the rest of a body may take
            writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            assert await status_of(reader) == 200
        assert b"ROUTE_NOT_FOUND" in problem
        await gateway.stop()

    async def test_one_connection_serves_many_requests(self, http: httpx.AsyncClient) -> None:
        async with connected(http) as (reader, writer):
            for _ in range(3):
                writer.write(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
                assert await status_of(reader) == 200
                await reader.readuntil(b"\r\n\r\n")
                assert orjson.loads(await reader.readexactly(15)) == {"status": "ok"}
