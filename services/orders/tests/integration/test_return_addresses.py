"""Where a payer may come back to."""

import pytest

from comptoir.orders.v1 import order_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    town.carts.add(factories.quote())
    return Shop(harness, town)


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "javascript://shop.example/%0aalert(1)",
        "data:text/html,hello",
        "//evil.example",
        "/back",
        "https://shop.example/a b",
        "https://shop.example/\u202e",
        "https://",
    ],
)
async def test_57_an_address_that_is_none_to_come_back_to_is_named(
    shop: Shop, address: str
) -> None:
    """57: it came back as a decline of the payment, from the provider that refused it."""
    request = factories.place_order()
    request.return_url = address
    before = await shop.harness.snapshot()

    with pytest.raises(RemoteFailure) as refused:
        await shop.harness.call("PlaceOrder", request, shop.customer)

    assert refused.value.reason == "INVALID_FIELDS"
    assert [each.field for each in refused.value.violations] == ["return_url"]
    assert not before.changes_to(await shop.harness.snapshot())
    assert shop.town.carts.locks == 0


@pytest.mark.parametrize("address", ["", "http://localhost:3000/", "com.example.shop://back"])
async def test_57_apps_have_addresses_as_well(shop: Shop, address: str) -> None:
    request = factories.place_order()
    request.return_url = address
    placement = await shop.harness.call("PlaceOrder", request, shop.customer)
    assert placement.state == order_pb2.Placement.STATE_PLACED
