import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestPlaceOrderOverTheWire:
    async def test_the_answer_names_the_order(self, shop: Shop) -> None:
        placement = await shop.place("crt_1")

        assert placement.state == order_pb2.Placement.STATE_PLACED
        assert (placement.total.currency, placement.total.amount) == ("EUR", "74.90")
        order = await shop.get(placement.order)
        assert order.number == placement.order_number
        assert order.shipping_address.recipient == "Camille Roux"
        assert [line.total.amount for line in order.lines] == ["50.00", "20.00"]
        assert [each.amount.amount for each in order.fulfilments] == ["74.90"]

    async def test_fifty_calls_with_one_key_get_one_answer(self, shop: Shop) -> None:
        shop.town.carts.add(factories.quote())
        request = factories.place_order("crt_1")

        answers = await asyncio.gather(
            *(shop.harness.call("PlaceOrder", request, shop.customer) for _ in range(50))
        )

        assert len({answer.SerializeToString() for answer in answers}) == 1
        assert (shop.town.carts.locks, shop.town.payments.asked) == (1, 1)
        assert await shop.events() == ["OrderPlaced"]

    async def test_an_awaited_payer_is_told_where_to_go_and_until_when(
        self, shop: Shop, clock: ManualClock
    ) -> None:
        placement = await shop.place("crt_1", "tok_3ds")

        assert placement.state == order_pb2.Placement.STATE_AWAITING_PAYMENT
        assert placement.next_action.redirect_url == "https://bank.example/challenge"
        assert placement.next_action.payment == "pay_1"
        assert placement.order_number == ""
        wait = placement.expire_time.ToSeconds() - int(clock.now().timestamp())
        assert wait == 15 * 60

    async def test_an_unknown_outcome_is_said_to_be_unknown(self, shop: Shop) -> None:
        placement = await shop.place("crt_1", "tok_unknown")

        assert placement.state == order_pb2.Placement.STATE_PAYMENT_UNKNOWN

    async def test_a_refusal_carries_the_short_lines(self, shop: Shop) -> None:
        shop.town.stock.units = {LYON: {"KETTLE": 1, "LAMP": 0}}

        with pytest.raises(RemoteFailure) as refused:
            await shop.place("crt_1")

        assert (refused.value.status.name, refused.value.reason) == (
            "FAILED_PRECONDITION",
            "OUT_OF_STOCK",
        )
        assert [(each.subject, each.description) for each in refused.value.preconditions] == [
            ("KETTLE", "1 available, 2 asked for"),
            ("LAMP", "0 available, 1 asked for"),
        ]

    async def test_a_decline_carries_its_code_and_can_be_read_again(self, shop: Shop) -> None:
        request = factories.place_order("crt_1", token="tok_decline")
        shop.town.carts.add(factories.quote())

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("PlaceOrder", request, shop.customer)

        assert refused.value.reason == "PAYMENT_DECLINED"
        assert refused.value.metadata["decline_code"] == "insufficient_funds"
        async with shop.harness.transactions.reading() as session:
            placement_id = await session.fetchval("SELECT id FROM process")
        placement = await shop.harness.call(
            "GetPlacement", pb.GetPlacementRequest(placement=placement_id), shop.customer
        )
        assert placement.state == order_pb2.Placement.STATE_FAILED
        assert placement.failure.reason == "PAYMENT_DECLINED"
        assert placement.failure.metadata["decline_code"] == "insufficient_funds"

    async def test_a_caller_who_hangs_up_still_gets_the_order(self, shop: Shop) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def slowly(point: str) -> None:
            if point == "authorise":
                begun.set()
                await go_on.wait()

        shop.town.at = slowly
        shop.town.carts.add(factories.quote())
        request = factories.place_order("crt_1")
        calling = asyncio.create_task(shop.harness.call("PlaceOrder", request, shop.customer))
        await begun.wait()
        calling.cancel()
        await asyncio.sleep(0.05)
        go_on.set()

        placement = await shop.harness.call("PlaceOrder", request, shop.customer)

        assert placement.state == order_pb2.Placement.STATE_PLACED
        assert shop.town.payments.asked == 1


class TestGetOrder:
    async def test_by_number_as_people_type_it(self, shop: Shop) -> None:
        order = await shop.order()

        for typed in (order.number, order.number.replace("-", ""), f" {order.number} "):
            assert (await shop.get(typed)).id == order.id

    async def test_a_number_with_a_wrong_digit_is_not_found(self, shop: Shop) -> None:
        order = await shop.order()
        wrong = order.number[:-1] + str((int(order.number[-1]) + 1) % 10)

        with pytest.raises(RemoteFailure) as refused:
            await shop.get(wrong)

        assert refused.value.reason == "ORDER_NOT_FOUND"

    async def test_to_a_stranger_it_does_not_exist(self, shop: Shop) -> None:
        order = await shop.order()
        answers = []
        for wanted in (order.id, order.number, "ord_unknown"):
            with pytest.raises(RemoteFailure) as refused:
                await shop.harness.call(
                    "GetOrder",
                    pb.GetOrderRequest(order=wanted),
                    shop.harness.tokens.customer("cus_other"),
                )
            answers.append((refused.value.status, refused.value.reason, refused.value.message))

        assert len(set(answers)) == 1

    async def test_who_was_a_visitor_sees_what_they_bought_then(self, shop: Shop) -> None:
        shop.town.carts.add(factories.quote("crt_v", owner="vis_1"))
        placement = await shop.harness.call(
            "PlaceOrder", factories.place_order("crt_v"), shop.harness.tokens.visitor("vis_1")
        )

        order = await shop.harness.call(
            "GetOrder",
            pb.GetOrderRequest(order=placement.order),
            shop.harness.tokens.customer("cus_9", visitor="vis_1"),
        )

        assert order.customer == "vis_1"


class TestListOrders:
    async def test_customers_see_their_own_and_staff_all(self, shop: Shop) -> None:
        mine = [await shop.order() for _ in range(2)]
        shop.town.carts.add(factories.quote("crt_o", owner="cus_other", channel="mobile"))
        other = await shop.harness.call(
            "PlaceOrder",
            factories.place_order("crt_o"),
            shop.harness.tokens.customer("cus_other"),
        )

        async def listed(token: str, **wanted: object) -> set[str]:
            request = pb.ListOrdersRequest(**wanted)  # type: ignore[arg-type]  # the test's own keywords
            answer = await shop.harness.call("ListOrders", request, token)
            return {order.id for order in answer.orders}

        own = {order.id for order in mine}
        assert await listed(shop.customer) == own
        assert await listed(shop.office) == own | {other.order}
        assert await listed(shop.office, customer="cus_other") == {other.order}
        assert await listed(shop.office, channel="mobile") == {other.order}
        assert await listed(shop.office, state=order_pb2.Order.STATE_CANCELLED) == set()

    async def test_those_of_a_time_are_found(self, shop: Shop, clock: ManualClock) -> None:
        placed = []
        for _ in range(3):
            placed.append((await shop.order()).id)
            clock.advance(60)
        first, second, third = placed
        begin, end = Timestamp(), Timestamp()
        begin.FromDatetime(clock.now() - timedelta(seconds=120))
        end.FromDatetime(clock.now() - timedelta(seconds=60))

        async def listed(wanted: pb.ListOrdersRequest) -> list[str]:
            answer = await shop.harness.call("ListOrders", wanted, shop.office)
            return [order.id for order in answer.orders]

        since = pb.ListOrdersRequest(placed_from_time=begin)
        until = pb.ListOrdersRequest(placed_before_time=end)
        both = pb.ListOrdersRequest(placed_from_time=begin, placed_before_time=end)
        assert await listed(since) == [third, second]
        assert await listed(until) == [second, first]
        assert await listed(both) == [second]

    @pytest.mark.parametrize("field", ["placed_from_time", "placed_before_time"])
    async def test_62_what_is_no_moment_is_named(self, shop: Shop, field: str) -> None:
        never = pb.ListOrdersRequest()
        getattr(never, field).seconds = 2**60

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("ListOrders", never, shop.office)

        assert refused.value.status.name == "INVALID_ARGUMENT"
        assert [each.field for each in refused.value.violations] == [field]

    async def test_only_staff_name_another_customer(self, shop: Shop) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call(
                "ListOrders", pb.ListOrdersRequest(customer="cus_other"), shop.customer
            )

        assert refused.value.status.name == "PERMISSION_DENIED"

    async def test_newest_first(self, shop: Shop, clock: ManualClock) -> None:
        ids = []
        for _ in range(3):
            ids.append((await shop.order()).id)
            clock.advance(1)

        answer = await shop.harness.call("ListOrders", pb.ListOrdersRequest(), shop.customer)

        assert [order.id for order in answer.orders] == ids[::-1]


class TestWatchOrder:
    async def test_now_and_after_each_change(self, shop: Shop) -> None:
        order = await shop.order_in_two_parcels()
        request = pb.WatchOrderRequest(order=order.number)
        seen: list[tuple[int, str]] = []

        watching = shop.harness.watch("WatchOrder", request, shop.customer)
        async with aclosing(watching) as changes:
            async for change in changes:
                seen.append((change.state, change.captured.amount))
                if len(seen) == 1:
                    await asyncio.sleep(0.1)  # the subscription is made while we look
                    await shop.ship(order.fulfilments[0].id)
                if change.captured.amount == "54.90":
                    break

        assert seen[0] == (order_pb2.Order.STATE_PLACED, "0.00")
        assert seen[-1] == (order_pb2.Order.STATE_PARTIALLY_FULFILLED, "54.90")

    async def test_a_stranger_sees_nothing(self, shop: Shop) -> None:
        order = await shop.order()
        stranger = shop.harness.tokens.customer("cus_other")

        with pytest.raises(RemoteFailure) as refused:
            async for _ in shop.harness.watch(
                "WatchOrder", pb.WatchOrderRequest(order=order.id), stranger
            ):
                pass

        assert refused.value.reason == "ORDER_NOT_FOUND"
