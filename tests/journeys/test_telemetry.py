"""One order, one trace: from the request at the gateway to the last service that hears of it, and
in what is said about it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.demo.play import poll
from comptoir_local.environment import Surroundings
from comptoir_runtime.telemetry import names
from infra.observability import prometheus, questions
from tests.journeys.otlp import Collector, Line, Span, a_collector
from tests.journeys.shop import Shop, ok, refused
from tests.journeys.stage import JOURNEY, a_platform, script
from tests.journeys.victoria import MetricsStore, a_metrics_store, are_installed

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
IN_DOUBT = "no answer"
"""Of the provider, whom payments asked twice."""
HEARD = {("cart", PLACED), ("inventory", PLACED), ("customers", PLACED)}

MUCH = float("inf")
A_DAY = 86_400.0
PLAUSIBLE = {
    # Least and most that the sum of all series may be.
    names.HTTP_SERVER_REQUEST_DURATION.name: (1, MUCH),
    names.RPC_SERVER_CALL_DURATION.name: (1, MUCH),
    names.REFUSALS.name: (1, MUCH),
    names.DB_CLIENT_CONNECTION_COUNT.name: (1, 100),
    names.DB_CLIENT_CONNECTION_MAX.name: (4, 100),
    names.DB_CLIENT_CONNECTION_PENDING_REQUESTS.name: (0, 100),
    names.DB_CLIENT_CONNECTION_TIMEOUTS.name: (0, MUCH),
    names.MESSAGING_CLIENT_SENT_MESSAGES.name: (1, MUCH),
    names.MESSAGING_CLIENT_CONSUMED_MESSAGES.name: (1, MUCH),
    names.PROCESS_CPU_TIME.name: (0.1, A_DAY),
    names.PROCESS_MEMORY_USAGE.name: (2e7, 2e9),
    names.AUDIT_COMPLETED.name: (1.7e9, 4e9),
    names.AUDIT_DIFFERENCES.name: (0, 0),
    names.CACHE_LOOKUPS.name: (1, MUCH),
    names.CONSUMER_LAG.name: (0, MUCH),
    names.CONSUMER_REDELIVERIES.name: (0, MUCH),
    names.CONSUMER_UNACKNOWLEDGED.name: (0, 1000),
    names.EVENT_LOOP_LAG.name: (0, A_DAY),
    names.OUTBOX_AGE.name: (0, A_DAY),
    names.OUTBOX_DEPTH.name: (0, MUCH),
    names.PROCESS_STEPS.name: (1, MUCH),
    names.RELAY_LEADING.name: (1, 1),
    names.STREAM_USAGE.name: (0, 0.1),
}
DATABASES = ("pim", "cart", "inventory", "payments", "orders", "customers")
EVERYWHERE = (
    names.RPC_SERVER_CALL_DURATION,
    names.DB_CLIENT_CONNECTION_COUNT,
    names.DB_CLIENT_CONNECTION_MAX,
    names.DB_CLIENT_CONNECTION_PENDING_REQUESTS,
    names.DB_CLIENT_CONNECTION_TIMEOUTS,
    names.MESSAGING_CLIENT_SENT_MESSAGES,
    names.OUTBOX_AGE,
    names.OUTBOX_DEPTH,
    names.RELAY_LEADING,
)
PLACED_BY = "comptoir.orders.v1.OrdersService/PlaceOrder"
OF_ORDERS = {"messaging_destination_name": "facts-orders"}
EXPECTED: list[tuple[str, str, dict[str, str]]] = [
    *((service, metric.name, {}) for service in DATABASES for metric in EVERYWHERE),
    *(
        (service, metric.name, {})
        for service in (*DATABASES, "gateway")
        for metric in (names.PROCESS_CPU_TIME, names.PROCESS_MEMORY_USAGE, names.EVENT_LOOP_LAG)
    ),
    (
        "gateway",
        names.HTTP_SERVER_REQUEST_DURATION.name,
        {"http_route": "/v1/orders", "http_response_status_code": "409"},
    ),
    ("gateway", names.CACHE_LOOKUPS.name, {}),
    (
        "orders",
        names.RPC_SERVER_CALL_DURATION.name,
        {"rpc_method": PLACED_BY, "rpc_response_status_code": "OK"},
    ),
    ("orders", names.REFUSALS.name, {"rpc_method": PLACED_BY, "error_type": "OUT_OF_STOCK"}),
    ("payments", names.PROCESS_STEPS.name, {"comptoir_process_kind": "authorise"}),
    ("inventory", names.MESSAGING_CLIENT_CONSUMED_MESSAGES.name, OF_ORDERS),
    ("inventory", names.CONSUMER_LAG.name, OF_ORDERS),
    ("inventory", names.CONSUMER_UNACKNOWLEDGED.name, OF_ORDERS),
    ("inventory", names.CONSUMER_REDELIVERIES.name, OF_ORDERS),
    ("orders", names.STREAM_USAGE.name, OF_ORDERS),
    ("audit", names.AUDIT_COMPLETED.name, {}),
    ("audit", names.AUDIT_DIFFERENCES.name, {}),
]
# Told only when something waits or fails: integration tests of the services make it so.
ELSEWHERE = (
    names.DEAD_LETTERS,
    names.PROCESS_AGE,
    names.PROCESS_OPEN,
    names.PROCESS_OVERDUE,
    names.STREAMS_OPEN,
)
SERIES_ELSEWHERE = {name for metric in ELSEWHERE for name in prometheus.series_of(metric)}
QUERIES = sorted({query for path in questions.DASHBOARDS for _, query in questions.queries(path)})


def asks_elsewhere(query: str) -> bool:
    return bool(prometheus.series_in(query) & SERIES_ELSEWHERE)


def asks_for_failures(query: str) -> bool:
    """Of which a healthy day has none; that one has no notices of the provider's, either."""
    words = ('"5..', '"INTERNAL|', '"UNAUTHENTICATED"', '"WEBHOOK_SIGNATURE_')
    return any(each in query for each in words)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def store() -> AsyncIterator[MetricsStore | None]:
    """Hears all metrics that the collector hears; None where none is installed."""
    if not are_installed():
        yield None
        return
    async with a_metrics_store(questions.ALERTS) as store:
        yield store


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def collector(store: MetricsStore | None) -> AsyncIterator[Collector]:
    """Hears a platform of its own, told to record everything, in which one order is placed."""
    with pytest.MonkeyPatch.context() as environment:
        async with a_collector() as collector:
            collector.pass_on = store.take if store else None
            environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{collector.address}")
            environment.setenv("OTEL_TRACES_SAMPLER_ARG", "1")
            environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
            environment.setenv("OTEL_BLRP_SCHEDULE_DELAY", "100")
            environment.setenv("OTEL_METRIC_EXPORT_INTERVAL", "500")
            async with a_platform() as (platform, workspace):
                around = platform.surroundings
                door = Door.of(around)
                await platform.during(
                    ensure_catalogue(door, workspace.root, None, Console(quiet=True))
                )
                await platform.keep_auditing()
                who = Credentials(around.administrator.email, around.administrator.password)
                async with Shop.open(Stage(around.gateway_url, around.provider_url, who)) as shop:
                    await a_day(around, shop, collector)
                    yield collector


async def a_day(surroundings: Surroundings, shop: Shop, collector: Collector) -> None:
    """A page until it is kept, an order, a buyer for whom too little is left, and one whose money
    is in doubt.
    """
    visitor, sku = await shop.visitor(), await shop.goods(2)

    async def kept() -> list[float]:
        await visitor.get("/v1/pages/catalogue?channel=web&category=master")
        return collector.values("gateway", names.CACHE_LOOKUPS.name, comptoir_outcome="hit")

    await poll(kept, bool)
    ok(await visitor.place(await visitor.cart(sku)))

    async def counted() -> list[float]:
        return collector.values("orders", names.RPC_SERVER_CALL_DURATION.name, rpc_method=PLACED_BY)

    # A rate is what is counted from the second value on.
    await poll(counted, bool)
    other = await shop.visitor()
    refused(await other.place(await other.cart(await shop.goods(1), quantity=5)), 409)
    third = await shop.visitor()
    cart = await third.cart(await shop.goods(1))
    await script(surroundings, operation="any", action="status", status=500, times=2)
    ok(await third.place(cart))


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

    async def test_what_is_said_about_an_order_is_found_by_its_trace(
        self, collector: Collector
    ) -> None:
        async def said() -> list[Line]:
            return [line for line in collector.lines if line.text == IN_DOUBT]

        (line,) = await poll(said, bool)
        assert line.service == "payments"
        assert line.fields[names.extra_field("why")] == "Broken"
        assert line.fields[names.extra_field("operation")].startswith("pop_")

        async def around() -> list[Span]:
            return [span for span in collector.spans if span.trace == line.trace]

        spans = await poll(around, lambda found: named(found) >= CALLED)
        assert named(spans) >= CALLED

    async def test_every_service_says_that_it_listens(self, collector: Collector) -> None:
        async def listening() -> set[str]:
            return {line.service for line in collector.lines if line.text == "listening"}

        everybody = {*DATABASES, "gateway"}
        assert await poll(listening, lambda found: found >= everybody) == everybody

    @pytest.mark.parametrize(("service", "name", "attributes"), EXPECTED, ids=str)
    async def test_what_dashboards_show_is_told_by_who_knows_it(
        self, collector: Collector, service: str, name: str, attributes: dict[str, str]
    ) -> None:
        least, most = PLAUSIBLE[name]

        async def values() -> list[float]:
            return collector.values(service, name, **attributes)

        found = await poll(values, lambda told: bool(told) and least <= sum(told) <= most)
        assert found, f"{service} has told nothing"
        assert least <= sum(found) <= most, found

    async def test_no_metric_is_told_that_the_registry_does_not_have(
        self, collector: Collector
    ) -> None:
        known = {each.name for each in names.METRICS}
        assert {name for _, name in collector.metrics} <= known

    async def test_every_metric_of_the_registry_is_looked_for(self) -> None:
        looked_for = {name for _, name, _ in EXPECTED}
        elsewhere = {each.name for each in ELSEWHERE}
        assert looked_for.isdisjoint(elsewhere)
        assert looked_for | elsewhere == {each.name for each in names.METRICS}


@pytest.mark.skipif(
    not are_installed(), reason="victoria-metrics is not installed (Debian has it since 13)"
)
class TestStore:
    """A store of metrics names what it is told as dashboards and alerts expect it."""

    pytestmark = pytest.mark.usefixtures("collector")

    @pytest.mark.parametrize("query", QUERIES)
    async def test_what_a_dashboard_asks_is_answered(self, store: MetricsStore, query: str) -> None:
        async def answer() -> list[Any]:
            # All of this day; and nobody has chosen a job.
            return await store.ask(query.replace("$__rate_interval", "1h").replace("$job", ".*"))

        if asks_for_failures(query):
            assert await answer() == [], query
        elif not asks_elsewhere(query):
            assert await poll(answer, bool), query

    async def test_alerts_look_at_what_is_told_and_a_healthy_day_raises_none(
        self, store: MetricsStore
    ) -> None:
        def blind(rules: list[Any]) -> set[str]:
            return {each["name"] for each in rules if not each.get("lastSeriesFetched")}

        excused = {
            name
            for name, rule in questions.RULES.items()
            if asks_for_failures(rule["expr"]) or asks_elsewhere(rule["expr"])
        }
        rules = await poll(store.rules, lambda found: blind(found) <= excused)
        assert {rule["name"] for rule in rules} == set(questions.RULES)
        assert blind(rules) <= excused
        assert {rule["name"] for rule in rules if rule["lastError"]} == set()
        assert {rule["name"] for rule in rules if rule["state"] == "firing"} == set()
