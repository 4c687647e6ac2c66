"""The demo's client, as careful as any should be."""

import httpx
import pytest

from comptoir_local.demo.api import Caller, Refused


class Gateway:
    """Cannot reach a part of the platform for a while."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.keys: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers["Idempotency-Key"])
        if len(self.keys) <= self.failures:
            return httpx.Response(503, headers={"Retry-After": "0"}, json={"reason": "AWAY"})
        return httpx.Response(200, json={"id": "ord_1"})


def caller(gateway: Gateway) -> Caller:
    http = httpx.AsyncClient(transport=httpx.MockTransport(gateway), base_url="http://shop")
    return Caller(http)


async def test_what_cannot_be_reached_is_asked_again_under_the_same_key() -> None:
    gateway = Gateway(failures=2)

    assert await caller(gateway).post("/v1/orders") == {"id": "ord_1"}

    assert len(gateway.keys) == 3
    assert len(set(gateway.keys)) == 1


async def test_what_stays_away_is_told() -> None:
    with pytest.raises(Refused, match="503 AWAY"):
        await caller(Gateway(failures=100)).post("/v1/orders")
