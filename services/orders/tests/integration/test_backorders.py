"""Orders of goods that are sold before they are there."""

from datetime import UTC, datetime

import pytest

from comptoir.inventory.v1 import events_pb2 as inventory_pb2
from comptoir.orders.v1 import order_pb2
from comptoir_orders.domain.sourcing import Beyond
from comptoir_orders.errors import OrderUnderWay
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.timestamps import timestamp
from comptoir_testing.harness import ServiceHarness
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON

DUE = datetime(2026, 3, 1, tzinfo=UTC)
PROPOSED = order_pb2.Fulfilment.STATE_PROPOSED
AWAITING = order_pb2.Fulfilment.STATE_AWAITING_STOCK
SHIPPED = order_pb2.Fulfilment.STATE_SHIPPED


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


async def ordered(shop: Shop) -> order_pb2.Order:
    """Two kettles of which one is there, and a lamp that is not."""
    stock = shop.town.stock
    stock.units = {LYON: {"KETTLE": 1, "LAMP": 0}}
    stock.beyond = {LYON: {"KETTLE": Beyond(5, DUE), "LAMP": Beyond(5, DUE)}}
    return await shop.order()


def covered(order: str, location: str = LYON) -> inventory_pb2.ReservationCovered:
    return inventory_pb2.ReservationCovered(
        reservation_id="rsv_1", owner=f"order/{order}", location=location
    )


class TestBackorders:
    async def test_what_is_there_leaves_and_the_rest_is_promised_with_its_date(
        self, shop: Shop
    ) -> None:
        order = await ordered(shop)

        there, waiting = order.fulfilments
        assert (there.state, waiting.state) == (PROPOSED, AWAITING)
        assert not there.HasField("expected_time")
        assert waiting.expected_time == timestamp(DUE)
        assert [(each.sku, each.quantity) for each in there.lines] == [("KETTLE", 1)]
        assert [(each.sku, each.quantity) for each in waiting.lines] == [
            ("KETTLE", 1),
            ("LAMP", 1),
        ]
        assert (there.amount.amount, waiting.amount.amount) == ("29.90", "45.00")

        await shop.ship(there.id)
        await shop.until_captured(order.id, "29.90")

    async def test_what_has_not_come_cannot_be_shipped(self, shop: Shop) -> None:
        _, waiting = (await ordered(shop)).fulfilments

        with pytest.raises(RemoteFailure) as refusal:
            await shop.ship(waiting.id)

        assert refusal.value.reason == "FULFILMENT_NOT_SHIPPABLE"
        assert refusal.value.metadata["state"] == "AWAITING_STOCK"

    async def test_once_it_has_come_it_ships_and_is_captured(self, shop: Shop) -> None:
        order = await ordered(shop)
        there, waiting = order.fulfilments
        await shop.ship(there.id)

        await shop.harness.deliver(covered(order.id))

        now = await shop.get(order.id)
        assert [each.state for each in now.fulfilments] == [SHIPPED, PROPOSED]
        assert now.fulfilments[1].expected_time == timestamp(DUE)
        await shop.ship(waiting.id)
        done = await shop.until_captured(order.id, "74.90")
        assert done.state == order_pb2.Order.STATE_FULFILLED

    async def test_goods_that_come_while_the_order_is_written_are_told_again(
        self, shop: Shop
    ) -> None:
        refusals: list[str] = []

        async def they_come(point: str) -> None:
            if point == "keep done":
                (hold,) = shop.town.stock.holds.values()
                with pytest.raises(OrderUnderWay) as refusal:
                    await shop.harness.deliver(covered(hold.owner.removeprefix("order/")))
                refusals.append(refusal.value.reason)

        shop.town.at = they_come
        order = await ordered(shop)
        await shop.harness.deliver(covered(order.id))

        assert refusals == ["ORDER_UNDER_WAY"]
        assert [each.state for each in (await shop.get(order.id)).fulfilments] == [
            PROPOSED,
            PROPOSED,
        ]

    async def test_goods_that_come_for_an_order_that_is_given_up_are_nobodys(
        self, shop: Shop
    ) -> None:
        """While payments are away that may take hours: told again and again it is an alarm."""
        shop.town.stock.units = {LYON: {"KETTLE": 1, "LAMP": 0}}
        shop.town.stock.beyond = {LYON: {"KETTLE": Beyond(5, DUE), "LAMP": Beyond(5, DUE)}}
        shop.town.fails("keep", "void")
        placement = await shop.place()
        assert placement.state == order_pb2.Placement.STATE_RUNNING

        await shop.harness.deliver(covered(placement.order))

        with pytest.raises(RemoteFailure) as absent:
            await shop.get(placement.order)
        assert absent.value.reason == "ORDER_NOT_FOUND"

    async def test_news_of_another_location_or_owner_change_nothing(self, shop: Shop) -> None:
        order = await ordered(shop)

        await shop.harness.deliver(covered(order.id, "warehouse_paris"))
        await shop.harness.deliver(covered("ord_of_nobody"))
        cart = inventory_pb2.ReservationCovered(
            reservation_id="rsv_2", owner="cart/crt_1", location=LYON
        )
        await shop.harness.deliver(cart)

        assert await shop.get(order.id) == order

    async def test_an_order_that_waits_can_be_called_off(self, shop: Shop) -> None:
        order = await ordered(shop)

        cancelled = await shop.cancel(order.id)

        assert {each.state for each in cancelled.fulfilments} == {
            order_pb2.Fulfilment.STATE_CANCELLED
        }
        assert shop.town.stock.held() == []
        assert shop.town.payments.kept() == []
        await shop.harness.deliver(covered(order.id))
        assert (await shop.get(order.id)).fulfilments == cancelled.fulfilments

    async def test_what_nobody_sells_ahead_is_refused(self, shop: Shop) -> None:
        shop.town.stock.units = {LYON: {"KETTLE": 1, "LAMP": 5}}
        shop.town.stock.beyond = {LYON: {"LAMP": Beyond(5, DUE)}}

        with pytest.raises(RemoteFailure) as refusal:
            await shop.place()

        assert refusal.value.reason == "OUT_OF_STOCK"
        assert shop.town.holds_nothing()
