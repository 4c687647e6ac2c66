"""The gateway in this process, real HTTP and gRPC around it, stand-ins behind it."""

from collections.abc import AsyncIterator

import httpx
import pytest

from comptoir_gateway.__main__ import Gateway
from comptoir_gateway.settings import GatewaySettings
from comptoir_runtime.settings import Environment
from services.gateway.tests.services import FakeServices

NOWHERE = "nats://127.0.0.1:1"


def settings_for(
    services: FakeServices, nats_url: str = NOWHERE, max_streams: int = 100
) -> GatewaySettings:
    target = f"dns:///{services.address}"
    return GatewaySettings(
        nats_url=nats_url,
        environment=Environment.PRODUCTION,
        cors_origins=("https://shop.example",),
        drain_seconds=1.0,
        max_streams=max_streams,
        pim_target=target,
        cart_target=target,
        payments_target=target,
        inventory_target=target,
        orders_target=target,
        customers_target=target,
    )


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    fakes = FakeServices()
    await fakes.start()
    yield fakes
    await fakes.stop()


@pytest.fixture
async def http(services: FakeServices) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway without NATS."""
    gateway = await Gateway.start(settings_for(services))
    async with httpx.AsyncClient(base_url=f"http://{gateway.address}", timeout=30) as client:
        yield client
    await gateway.stop()
