import asyncio

import pytest

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir.payments.v1 import payment_pb2
from comptoir_orders.clients import PaymentStatus
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town


def authorised(order: str, payment: str) -> payments_pb2.PaymentAuthorised:
    return payments_pb2.PaymentAuthorised(
        payment_id=payment, payment=payment_pb2.Payment(id=payment, order=order)
    )


CANCELLED = order_pb2.Order.STATE_CANCELLED


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestCancelOrder:
    async def test_money_and_stock_are_given_up(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()

        cancelled = await shop.cancel(order.id)

        assert (cancelled.state, cancelled.cancel_reason) == (CANCELLED, "too late")
        assert {each.state for each in cancelled.fulfilments} == {
            order_pb2.Fulfilment.STATE_CANCELLED
        }
        assert shop.town.payments.kept() == []
        assert shop.town.stock.held() == []
        assert await shop.events() == ["OrderPlaced", "OrderCancelled"]

    async def test_the_order_of_another_does_not_exist(self, shop: Shop) -> None:
        order = await shop.order()
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(
                "CancelOrder",
                pb.CancelOrderRequest(order=order.id, request_id="x"),
                shop.harness.tokens.customer("cus_other"),
            )

        assert refused.value.reason == "ORDER_NOT_FOUND"
        assert not before.changes_to(await shop.harness.snapshot())

    async def test_once_goods_have_left_it_is_too_late(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()
        await shop.ship(order.fulfilments[0].id)
        await shop.until_captured(order.id, "54.90")
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.cancel(order.id)

        assert refused.value.reason == "ORDER_NOT_CANCELLABLE"
        assert refused.value.metadata == {"state": "PARTIALLY_FULFILLED"}
        assert not before.changes_to(await shop.harness.snapshot())
        assert len(shop.town.payments.kept()) == 1

    async def test_what_is_cancelled_does_not_leave(self, shop: Shop) -> None:
        order = await shop.order()
        await shop.cancel(order.id)

        with pytest.raises(RemoteFailure) as refused:
            await shop.ship(order.fulfilments[0].id)

        assert refused.value.reason == "FULFILMENT_NOT_SHIPPABLE"

    async def test_money_that_was_taken_by_hand_keeps_the_order_alive(self, shop: Shop) -> None:
        order = await shop.order()
        shop.town.payments.by_id["pay_1"].captured["by hand"] = 100

        with pytest.raises(RemoteFailure) as refused:
            await shop.cancel(order.id)

        assert refused.value.reason == "ORDER_NOT_CANCELLABLE"
        assert refused.value.metadata == {"reason": "PAYMENT_ALREADY_CAPTURED"}
        assert (await shop.get(order.id)).state == order_pb2.Order.STATE_PLACED
        assert len(shop.town.stock.held()) == 1

    @pytest.mark.parametrize("point", ["void", "void done", "release", "release done"])
    async def test_a_neighbour_that_is_down_is_told_later(self, shop: Shop, point: str) -> None:
        order = await shop.order()
        shop.town.fails(point)

        with pytest.raises(RemoteFailure) as refused:
            await shop.cancel(order.id, request_id="again")
        with pytest.raises(RemoteFailure) as not_now:
            await shop.ship(order.fulfilments[0].id)
        shop.town.works()
        cancelled = await shop.in_time(lambda: shop.cancel(order.id, request_id="again"))

        assert refused.value.reason == "CANCELLATION_UNDER_WAY"
        assert not_now.value.reason == "FULFILMENT_NOT_SHIPPABLE"
        assert cancelled.state == CANCELLED
        assert shop.town.payments.kept() == []
        assert shop.town.stock.held() == []
        assert await shop.events() == ["OrderPlaced", "OrderCancelled"]

    async def test_shipping_and_cancelling_at_once_end_in_one_of_the_two(self, shop: Shop) -> None:
        for _ in range(10):
            order = await shop.order()
            kept = len(shop.town.payments.kept())

            shipped, cancelled = await asyncio.gather(
                shop.ship(order.fulfilments[0].id), shop.cancel(order.id), return_exceptions=True
            )

            if isinstance(shipped, BaseException):
                assert not isinstance(cancelled, BaseException)
                assert cancelled.state == CANCELLED
                assert len(shop.town.payments.kept()) == kept - 1
            else:
                assert isinstance(cancelled, RemoteFailure)
                assert cancelled.reason == "ORDER_NOT_CANCELLABLE"
                await shop.until_captured(order.id, "74.90")


class TestCancelBeforeItIsPlaced:
    async def test_a_payer_who_changed_their_mind_gets_the_cart_back(self, shop: Shop) -> None:
        waiting = await shop.place("crt_1", "tok_3ds")

        cancelled = await shop.cancel(waiting.order)

        assert (cancelled.state, cancelled.number, cancelled.id) == (
            CANCELLED,
            "",
            waiting.order,
        )
        assert shop.town.holds_nothing()
        placement = await shop.harness.call(
            "GetPlacement", pb.GetPlacementRequest(placement=waiting.id), shop.customer
        )
        assert placement.state == order_pb2.Placement.STATE_CANCELLED
        assert await shop.cancel(waiting.order) == cancelled
        assert await shop.events() == []

    async def test_what_the_bank_says_afterwards_changes_nothing(self, shop: Shop) -> None:
        waiting = await shop.place("crt_1", "tok_3ds")
        await shop.cancel(waiting.order)

        shop.town.payments.settle("pay_1", PaymentStatus.AUTHORISED)
        shop.town.payments.by_id["pay_1"].voided = False
        await shop.harness.deliver(authorised(waiting.order, "pay_1"))
        await asyncio.sleep(0.2)

        assert shop.town.holds_nothing()

    async def test_a_stranger_cannot_call_it_off(self, shop: Shop) -> None:
        waiting = await shop.place("crt_1", "tok_3ds")

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(
                "CancelOrder",
                pb.CancelOrderRequest(order=waiting.order, request_id="x"),
                shop.harness.tokens.customer("cus_other"),
            )

        assert refused.value.reason == "ORDER_NOT_FOUND"
        assert len(shop.town.payments.kept()) == 1
