"""Payments that can be captured once: what the first capture does not take is given back."""

from datetime import timedelta

import pytest

from comptoir.orders.v1 import order_pb2
from comptoir_orders.domain import schedule
from comptoir_testing.harness import ServiceHarness
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON, PARIS


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


async def in_two_parcels(shop: Shop) -> order_pb2.Order:
    """Kettles from Lyon (50.00 + 4.90), the lamp from Paris (20.00)."""
    shop.town.stock.units = {LYON: {"KETTLE": 9}, PARIS: {"LAMP": 9}}
    return await shop.get((await shop.place(token="tok_once")).order)


def taken(shop: Shop) -> list[int]:
    (payment,) = shop.town.payments.by_id.values()
    return list(payment.captured.values())


class TestCapturingOnce:
    async def test_all_is_taken_when_the_last_parcel_leaves(self, shop: Shop) -> None:
        order = await in_two_parcels(shop)
        first, last = order.fulfilments
        await shop.ship(first.id)
        assert taken(shop) == []
        await shop.ship(last.id)
        await shop.until_captured(order.id, "74.90")
        assert taken(shop) == [7490]

    async def test_one_parcel_is_taken_as_it_leaves(self, shop: Shop) -> None:
        order = await shop.get((await shop.place(token="tok_once")).order)
        await shop.ship(order.fulfilments[0].id)
        await shop.until_captured(order.id, "74.90")

    async def test_what_has_left_is_taken_before_the_promise_ends(self, shop: Shop) -> None:
        order = await in_two_parcels(shop)
        first, last = order.fulfilments
        await shop.ship(last.id)
        shop.harness.clock.advance((schedule.CAPTURE_ONCE + timedelta(minutes=1)).total_seconds())
        await shop.until_captured(order.id, "24.90")
        assert taken(shop) == [2490]

        await shop.ship(first.id)
        assert await shop.until_overdue(order.id) == (
            order_pb2.Process.KIND_CAPTURE,
            "CAPTURE_EXCEEDS_AUTHORISATION",
        )
        assert taken(shop) == [2490]
