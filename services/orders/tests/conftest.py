"""The orders service among neighbours in memory."""

from collections.abc import Iterator

import pytest

from comptoir_orders.__main__ import assemble
from comptoir_orders.settings import OrdersSettings
from comptoir_runtime.service import Parts, Runtime
from comptoir_testing.registry import ServiceUnderTest
from services.orders.tests.neighbours import Town, the_town, towns


async def build(runtime: Runtime, _: OrdersSettings) -> Parts:
    """The service with the neighbours of the test."""
    town = the_town()
    return assemble(runtime, town.carts, town.stock, town.payments)


SERVICE = ServiceUnderTest(
    name="orders",
    build=build,
    settings=OrdersSettings,
    package="comptoir_orders",
    environment={
        "CART_TARGET": "dns:///127.0.0.1:1",
        "INVENTORY_TARGET": "dns:///127.0.0.1:1",
        "PAYMENTS_TARGET": "dns:///127.0.0.1:1",
    },
    # Nothing is due and nobody drives anything.
    settled="""
        SELECT NOT EXISTS (
          SELECT FROM process WHERE next_run_at <= now() OR lease_owner IS NOT NULL)""",
)


@pytest.fixture(autouse=True)
def town() -> Iterator[Town]:
    """The neighbours; what happens between them and the service is theirs to tell."""
    towns.append(Town())
    yield towns[-1]
    towns.pop()
