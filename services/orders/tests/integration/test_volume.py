"""What is read of tables that are full of what is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from comptoir_orders.domain.fulfilments import FulfilmentState
from comptoir_orders.domain.orders import OrderState
from comptoir_orders.store import fulfilments, orders
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.reading import rows_read
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON

OLD = 2_000
_ORDERS = """
INSERT INTO orders SELECT (jsonb_populate_record(orders, jsonb_build_object(
  'id', 'ord_old' || n, 'number', 'N' || n, 'cart', 'crt_old' || n, 'state', 'FULFILLED',
  'channel', 'marketplace', 'placed_at', placed_at + n * interval '1 second'))).*
FROM orders CROSS JOIN generate_series(1, $1::int) AS n"""
_FULFILMENTS = """
INSERT INTO fulfilment SELECT (jsonb_populate_record(fulfilment, jsonb_build_object(
  'id', 'ful_old' || n, 'order_id', 'ord_old' || n, 'state', 'SHIPPED', 'location', 'far_away',
  'created_at', created_at - n * interval '1 second'))).*
FROM fulfilment CROSS JOIN generate_series(1, $1::int) AS n"""


# Statistics of a time when there was nothing else.
_ONLY_OLD = (
    "UPDATE orders SET channel = 'marketplace'",
    "UPDATE fulfilment SET location = 'far_away'",
    "ANALYZE orders",
    "ANALYZE fulfilment",
)


@pytest.fixture
async def order(harness: ServiceHarness, town: Town) -> str:
    """The one order that stands, before and after thousands that are over."""
    placed = (await Shop(harness, town).place("crt_1")).order
    async with harness.transactions() as session:
        await session.execute(_ORDERS, OLD)
        await session.execute(_FULFILMENTS, OLD)
    return str(placed)


@pytest.mark.parametrize(
    "wanted", [orders.Filter(state=(OrderState.PLACED,)), orders.Filter(channel="web")]
)
async def test_orders_are_found_without_reading_those_nobody_asked_for(
    harness: ServiceHarness, order: str, wanted: orders.Filter
) -> None:
    async with harness.transactions() as session:
        before = await rows_read(session, "orders")
        found = await orders.page(session, wanted, 51, None)
        fetched = await rows_read(session, "orders") - before

    assert ([each.id for each in found], fetched) == ([order], 1)


async def test_orders_of_a_time_are_found_without_reading_those_of_others(
    harness: ServiceHarness, order: str
) -> None:
    first = orders.Filter(placed_before=harness.clock.now() + timedelta(seconds=1))
    async with harness.transactions() as session:
        before = await rows_read(session, "orders")
        found = await orders.page(session, first, 51, None)
        fetched = await rows_read(session, "orders") - before

    assert ([each.id for each in found], fetched) == ([order], 1)


@pytest.mark.parametrize(
    "wanted",
    [
        fulfilments.Filter(state=FulfilmentState.PROPOSED),
        fulfilments.Filter(location=LYON),
    ],
)
async def test_fulfilments_are_found_without_reading_those_nobody_asked_for(
    harness: ServiceHarness, order: str, wanted: fulfilments.Filter
) -> None:
    async with harness.transactions() as session:
        before = await rows_read(session, "fulfilment")
        found = await fulfilments.page(session, wanted, 51, None)
        fetched = await rows_read(session, "fulfilment") - before

    assert ([each.fulfilment.order for each in found], fetched) == ([order], 1)


async def test_what_statistics_do_not_know_is_not_looked_for_among_everything(
    harness: ServiceHarness, order: str
) -> None:
    """A channel or a location is new, or was too small to be seen."""
    async with harness.transactions() as session:
        for statement in _ONLY_OLD:
            await session.execute(statement)

    async with harness.transactions() as session:
        before = await rows_read(session, "orders"), await rows_read(session, "fulfilment")
        sold = await orders.page(session, orders.Filter(channel="web"), 51, None)
        sent = await fulfilments.page(session, fulfilments.Filter(location=LYON), 51, None)
        read = await rows_read(session, "orders"), await rows_read(session, "fulfilment")

    assert (sold, sent, read) == ([], [], before)


async def test_pages_of_a_channel_and_of_a_location_follow_each_other(
    harness: ServiceHarness, order: str
) -> None:
    async with harness.transactions() as session:
        channel, location = orders.Filter(channel="marketplace"), fulfilments.Filter("far_away")
        before = await rows_read(session, "orders")
        first = await orders.page(session, channel, 3, None)
        last = first[-1].placed_at, first[-1].id
        second = await orders.page(session, channel, 3, last)
        fetched = await rows_read(session, "orders") - before
        early = await fulfilments.page(session, location, 3, None)
        end = early[-1].created_at, early[-1].fulfilment.id
        late = await fulfilments.page(session, location, 3, end)

    newest = [f"ord_old{OLD - number}" for number in range(6)]
    assert ([each.id for each in first + second], fetched) == (newest, 6)
    between = replace(channel, placed_from=second[1].placed_at, placed_before=first[1].placed_at)
    async with harness.transactions.reading() as session:
        found = await orders.page(session, between, 51, None)
    assert [each.id for each in found] == newest[2:5]
    oldest = [f"ful_old{OLD - number}" for number in range(6)]
    assert [each.fulfilment.id for each in early + late] == oldest
