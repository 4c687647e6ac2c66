"""One order, one trace: from the request at the gateway to the last service that hears of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.demo.play import poll
from tests.journeys.otlp import Collector, Span, a_collector
from tests.journeys.shop import Shop, ok
from tests.journeys.stage import JOURNEY, a_platform

pytestmark = JOURNEY

PLACE = "POST /v1/orders"
PLACED = "comptoir.orders.v1.OrderPlaced process"
CALLED = {
    ("gateway", PLACE),
    ("orders", "comptoir.orders.v1.OrdersService/PlaceOrder"),
    ("cart", "comptoir.cart.v1.CartService/LockForCheckout"),
    ("inventory", "comptoir.inventory.v1.InventoryService/Reserve"),
    ("payments", "comptoir.payments.v1.PaymentsService/AuthorisePayment"),
}
HEARD = {("cart", PLACED), ("inventory", PLACED), ("customers", PLACED)}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    """Hears a platform of its own, told to record everything, in which one order is placed."""
    with pytest.MonkeyPatch.context() as environment:
        async with a_collector() as collector:
            environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.address}")
            environment.setenv("OTEL_TRACES_SAMPLER_ARG", "1")
            environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
            environment.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
            async with a_platform() as (platform, workspace):
                around = platform.surroundings
                door = Door.of(around)
                await platform.during(
                    ensure_catalogue(door, workspace.root, None, Console(quiet=True))
                )
                who = Credentials(around.administrator.email, around.administrator.password)
                async with Shop.open(Stage(around.gateway_url, around.provider_url, who)) as shop:
                    visitor = await shop.visitor()
                    ok(await visitor.place(await visitor.cart(await shop.goods())))
                    yield collector


async def the_trace(collector: Collector) -> list[Span]:
    """The spans of the order, once everybody has told theirs."""

    async def spans() -> list[Span]:
        return collector.trace_of(PLACE)

    return await poll(spans, lambda found: named(found) >= CALLED | HEARD)


def named(spans: list[Span]) -> set[tuple[str, str]]:
    return {(span.service, span.name) for span in spans}


class TestTelemetry:
    async def test_the_trace_of_an_order_reaches_from_http_to_the_last_consumer(
        self, collector: Collector
    ) -> None:
        spans = await the_trace(collector)
        assert named(spans) >= CALLED | HEARD

    async def test_every_span_but_the_first_has_its_parent_in_the_same_trace(
        self, collector: Collector
    ) -> None:
        spans = await the_trace(collector)
        ids = {span.id for span in spans}
        first = [(span.service, span.name) for span in spans if span.parent not in ids]
        assert first == [("gateway", PLACE)]

    async def test_every_service_tells_how_long_its_calls_take(self, collector: Collector) -> None:
        wanted = {
            ("gateway", "http.server.request.duration.bucket"),
            *((name, "rpc.server.duration.bucket") for name in ("cart", "orders", "payments")),
        }

        async def metrics() -> set[tuple[str, str]]:
            return collector.metrics

        assert await poll(metrics, lambda heard: heard >= wanted) >= wanted
