import asyncio

import pytest

from comptoir.orders.v1 import events_pb2, order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.factories import unique
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town

SHIPPED = order_pb2.Fulfilment.STATE_SHIPPED
HANDED_OVER = order_pb2.Fulfilment.STATE_HANDED_OVER


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestShipFulfilment:
    async def test_what_a_parcel_costs_is_captured_when_it_leaves(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()
        kettles, lamp = order.fulfilments

        shipped = await shop.ship(kettles.id)

        assert (shipped.state, shipped.carrier, shipped.tracking_number) == (
            SHIPPED,
            "colissimo",
            "6A123",
        )
        assert shipped.amount.amount == "54.90"
        after = await shop.until_captured(order.id, "54.90")
        assert after.state == order_pb2.Order.STATE_PARTIALLY_FULFILLED
        assert shop.town.payments.by_id["pay_1"].captured == {kettles.id: 5490}
        await shop.ship(lamp.id)
        after = await shop.until_captured(order.id, "74.90")
        assert after.state == order_pb2.Order.STATE_FULFILLED

    async def test_delivery_is_charged_with_the_parcel_that_leaves_first(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()
        kettles, lamp = order.fulfilments

        first = await shop.ship(lamp.id)

        assert first.amount.amount == "24.90"
        after = await shop.get(order.id)
        assert [each.amount.amount for each in after.fulfilments] == ["50.00", "24.90"]
        await shop.ship(kettles.id)
        await shop.until_captured(order.id, "74.90")

    async def test_the_fact_carries_what_others_need(self, shop: Shop) -> None:
        order = await shop.order()

        await shop.ship(order.fulfilments[0].id)

        (fact,) = await shop.harness.events(events_pb2.FulfilmentShipped)
        assert (fact.order_id, fact.order_number, fact.customer, fact.reservation_id) == (
            order.id,
            order.number,
            "cus_test",
            "rsv_1",
        )
        assert fact.fulfilment.state == SHIPPED
        assert [(line.sku, line.quantity) for line in fact.fulfilment.lines] == [
            ("KETTLE", 2),
            ("LAMP", 1),
        ]

    async def test_what_has_left_does_not_leave_again(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.ship(order.fulfilments[0].id)
        await shop.until_captured(order.id, "74.90")
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.ship(order.fulfilments[0].id)

        assert refused.value.reason == "FULFILMENT_NOT_SHIPPABLE"
        assert refused.value.metadata == {"state": "SHIPPED", "mode": "SHIP"}
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_what_is_collected_is_not_shipped(self, shop: Shop) -> None:
        fulfilment = await collected(shop)

        with pytest.raises(RemoteFailure) as refused:
            await shop.ship(fulfilment.id)

        assert refused.value.reason == "FULFILMENT_NOT_SHIPPABLE"

    async def test_an_unknown_fulfilment_is_not_found(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.ship("ful_unknown")

        assert refused.value.reason == "FULFILMENT_NOT_FOUND"

    async def test_ten_packers_ship_one_parcel_once(self, shop: Shop) -> None:
        order = await shop.order()

        answers = await asyncio.gather(
            *(shop.ship(order.fulfilments[0].id) for _ in range(10)), return_exceptions=True
        )

        assert sum(isinstance(answer, order_pb2.Fulfilment) for answer in answers) == 1
        await shop.until_captured(order.id, "74.90")
        assert shop.town.payments.by_id["pay_1"].captured == {order.fulfilments[0].id: 7490}

    async def test_a_capture_is_tried_until_payments_answer(self, shop: Shop) -> None:
        order = await shop.order()
        shop.town.fails("capture done", times=2)

        await shop.ship(order.fulfilments[0].id)

        await shop.until_captured(order.id, "74.90", step=10)
        assert shop.town.payments.by_id["pay_1"].captured == {order.fulfilments[0].id: 7490}


async def collected(shop: Shop) -> order_pb2.Fulfilment:
    """An order the customer collects in the Lyon store."""
    shop.town.stock.units["store_lyon"] = {"KETTLE": 9, "LAMP": 9}
    cart = f"crt_{unique()}"
    shop.town.carts.add(
        factories.quote(cart, delivery=factories.collected_in("store_lyon"), shipping=0)
    )
    placement = await shop.place(cart)
    return (await shop.get(placement.order)).fulfilments[0]


class TestPickUp:
    async def test_ready_then_handed_over(self, shop: Shop) -> None:
        fulfilment = await collected(shop)
        ready = await shop.harness.call(
            "MarkReadyForPickup",
            pb.MarkReadyForPickupRequest(fulfilment=fulfilment.id, request_id=unique()),
            shop.packer,
        )

        done = await shop.hand_over(fulfilment.id)

        assert ready.state == order_pb2.Fulfilment.STATE_READY_FOR_PICKUP
        assert (done.state, done.location) == (HANDED_OVER, "store_lyon")
        assert await shop.events() == ["OrderPlaced", "FulfilmentHandedOver"]
        await shop.until_captured(fulfilment.order, "70.00")

    async def test_a_parcel_may_be_handed_over_where_it_lies(self, shop: Shop) -> None:
        order = await shop.order()

        assert (await shop.hand_over(order.fulfilments[0].id)).state == HANDED_OVER

    async def test_a_parcel_is_not_made_ready_for_pick_up(self, shop: Shop) -> None:
        order = await shop.order()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(
                "MarkReadyForPickup",
                pb.MarkReadyForPickupRequest(
                    fulfilment=order.fulfilments[0].id, request_id=unique()
                ),
                shop.packer,
            )

        assert refused.value.reason == "FULFILMENT_NOT_PICK_UP"

    async def test_what_was_handed_over_is_not_handed_over_again(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.hand_over(order.fulfilments[0].id)

        with pytest.raises(RemoteFailure) as refused:
            await shop.hand_over(order.fulfilments[0].id)

        assert refused.value.reason == "FULFILMENT_NOT_HANDABLE"


class TestListFulfilments:
    async def test_by_location_state_and_order(self, shop: Shop) -> None:
        first = await shop.order_in_two_parcels()
        await shop.order_in_two_parcels()
        await shop.ship(first.fulfilments[0].id)

        async def listed(**wanted: object) -> list[str]:
            request = pb.ListFulfilmentsRequest(**wanted)  # type: ignore[arg-type]  # the test's own keywords
            answer = await shop.harness.call("ListFulfilments", request, shop.packer)
            return [each.id for each in answer.fulfilments]

        assert len(await listed()) == 4
        assert len(await listed(location="warehouse_lyon")) == 2
        assert await listed(location="warehouse_lyon", state=SHIPPED) == [first.fulfilments[0].id]
        assert await listed(order=first.id) == [each.id for each in first.fulfilments]
