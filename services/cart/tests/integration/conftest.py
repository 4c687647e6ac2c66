import pytest

from comptoir_testing.harness import ServiceHarness
from services.cart.tests.factories import Shop


@pytest.fixture
async def shop(harness: ServiceHarness) -> Shop:
    """The service with three products on sale."""
    return await Shop.opened(harness)
