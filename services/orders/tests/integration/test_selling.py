import asyncio

import pytest

from comptoir.orders.v1 import events_pb2, order_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.orders.tests import factories
from services.orders.tests.integration.shop import Shop
from services.orders.tests.neighbours import Town
from services.orders.tests.stock import LYON


@pytest.fixture
def shop(harness: ServiceHarness, town: Town) -> Shop:
    return Shop(harness, town)


class TestRecordStoreSale:
    async def test_a_till_sale_is_an_order_that_is_fulfilled(self, shop: Shop) -> None:
        order = await shop.harness.call("RecordStoreSale", factories.store_sale(), shop.till)

        assert order.state == order_pb2.Order.STATE_FULFILLED
        assert (order.channel, order.location, order.customer, order.staff, order.cart) == (
            "store",
            LYON,
            "cus_test",
            "stf_till",
            "",
        )
        assert (order.totals.total.amount, order.captured.amount) == ("45.00", "45.00")
        assert len(order.payments) == 2
        (counter,) = order.fulfilments
        assert (counter.mode, counter.state, counter.amount.amount) == (
            order_pb2.Fulfilment.MODE_COUNTER,
            order_pb2.Fulfilment.STATE_HANDED_OVER,
            "45.00",
        )
        assert shop.town.stock.free(LYON, "KETTLE") == 99
        (placed,) = await shop.harness.events(events_pb2.OrderPlaced)
        assert (placed.order, placed.placement_id) == (order, "")

    async def test_numbers_are_those_of_every_other_order(self, shop: Shop) -> None:
        online = await shop.order()
        sold = await shop.harness.call("RecordStoreSale", factories.store_sale(), shop.till)

        assert online.number[:3] == sold.number[:3]
        assert int(sold.number[3:9]) == int(online.number[3:9]) + 1

    async def test_tenders_that_do_not_match_record_nothing(self, shop: Shop) -> None:
        request = factories.store_sale()
        request.tenders[0].amount.amount = "19.99"
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("RecordStoreSale", request, shop.till)

        assert refused.value.reason == "TENDERS_DO_NOT_MATCH"
        assert refused.value.metadata == {
            "currency": "EUR",
            "total_minor": "4500",
            "tenders_minor": "4499",
        }
        assert not before.changes_to(await shop.harness.snapshot())
        assert shop.town.stock.free(LYON, "KETTLE") == 100

    async def test_tenders_in_two_currencies_are_refused(self, shop: Shop) -> None:
        request = factories.store_sale()
        request.tenders[0].amount.currency = "CHF"

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("RecordStoreSale", request, shop.till)

        assert refused.value.reason == "TENDERS_DO_NOT_MATCH"

    async def test_a_sku_given_twice_is_refused(self, shop: Shop) -> None:
        request = factories.store_sale()
        request.lines[1].sku = "KETTLE"

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("RecordStoreSale", request, shop.till)

        assert (refused.value.reason, refused.value.violations[0].field) == (
            "INVALID_FIELDS",
            "lines",
        )

    async def test_goods_promised_to_others_are_not_sold_and_no_money_is_booked(
        self, shop: Shop
    ) -> None:
        shop.town.stock.units = {LYON: {"KETTLE": 0, "LAMP": 9}}
        request = factories.store_sale()

        for _ in range(2):
            with pytest.raises(RemoteFailure) as refused:
                await shop.harness.call("RecordStoreSale", request, shop.till)
            assert refused.value.reason == "OUT_OF_STOCK"
            assert refused.value.preconditions[0].subject == f"KETTLE@{LYON}"

        assert shop.town.payments.by_id == {}
        assert await shop.events() == []

    async def test_the_last_unit_goes_to_one_of_two_tills(self, shop: Shop) -> None:
        shop.town.stock.units = {LYON: {"KETTLE": 1, "LAMP": 9}}

        answers = await asyncio.gather(
            *(
                shop.harness.call("RecordStoreSale", factories.store_sale(), shop.till)
                for _ in range(2)
            ),
            return_exceptions=True,
        )

        assert sorted(type(answer).__name__ for answer in answers) == ["Order", "RemoteFailure"]
        assert len(shop.town.payments.by_id) == 2

    @pytest.mark.parametrize("point", ["sell", "sell done", "record till", "record till done"])
    async def test_what_is_down_is_told_later_and_once(self, shop: Shop, point: str) -> None:
        request = factories.store_sale()
        shop.town.fails(point, times=1)

        with pytest.raises(RemoteFailure) as under_way:
            await shop.harness.call("RecordStoreSale", request, shop.till)
        order = await shop.in_time(lambda: shop.harness.call("RecordStoreSale", request, shop.till))

        assert under_way.value.reason == "SALE_UNDER_WAY"
        assert order.captured.amount == "45.00"
        assert len(shop.town.payments.by_id) == 2
        assert shop.town.stock.free(LYON, "KETTLE") == 99
        assert await shop.events() == ["OrderPlaced"]

    async def test_prices_that_do_not_answer_record_nothing(self, shop: Shop) -> None:
        shop.town.fails("price")
        before = await shop.harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await shop.harness.call("RecordStoreSale", factories.store_sale(), shop.till)

        assert refused.value.reason == "CHECKOUT_UNAVAILABLE"
        assert not before.changes_to(await shop.harness.snapshot())
