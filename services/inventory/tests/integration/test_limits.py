"""What is refused by name, and what is told again: unknown goods, large figures, old requests."""

from __future__ import annotations

import pytest

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir_inventory.domain.stock import MOST_ON_HAND
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories
from services.inventory.tests.factories import WRITER, key, wanted

FORGET_ANSWERS = "DELETE FROM idempotency"
HAS = "UPDATE stock_item SET on_hand = $1"


def sale(units: int, sku: str = "A") -> pb.SellStockRequest:
    return pb.SellStockRequest(request_id=key(), owner="order/1", lines=[wanted(sku, units)])


class TestUnknownGoods:
    async def test_a_sku_that_nobody_ever_had_is_named(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 3)
        orders = harness.tokens.service("orders")
        for name, request in (
            ("Reserve", factories.reserve_request(wanted("A", 1), wanted("NONE", 1))),
            ("SellStock", sale(1, "NONE")),
        ):
            with pytest.raises(RemoteFailure) as refusal:
                await harness.call(name, request, orders)
            assert (refusal.value.reason, refusal.value.metadata["sku"]) == (
                "SKU_NOT_FOUND",
                "NONE",
            )
        assert await factories.figures(harness, "A") == (3, 0, 3)

    async def test_goods_nobody_ever_had_cannot_be_sent(self, harness: ServiceHarness) -> None:
        for place in ("lyon", "paris"):
            await factories.create_location(harness, place)
        request = factories.transfer_request("NONE", 1, origin="lyon", destination="paris")
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("TransferStock", request, harness.tokens.staff(WRITER))
        assert refusal.value.reason == "SKU_NOT_FOUND"

    async def test_a_sku_that_is_only_elsewhere_is_out_of_stock(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 3)
        await factories.create_location(harness, "paris")
        with pytest.raises(RemoteFailure) as refusal:
            await factories.reserve(harness, wanted("A", 1, "paris"))
        assert refusal.value.reason == "OUT_OF_STOCK"


class TestLargeFigures:
    async def test_a_figure_that_cannot_be_kept_is_refused_by_name(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        async with harness.transactions() as session:
            await session.execute(HAS, MOST_ON_HAND - 1)
        line = pb.StockQuantity(sku="A", location="lyon", quantity=2)
        request = pb.ReceiveStockRequest(request_id=key(), lines=[line])
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("ReceiveStock", request, harness.tokens.staff(WRITER))
        assert refusal.value.reason == "NUMBER_TOO_LARGE"
        async with harness.transactions.reading() as session:
            assert await session.fetchval("SELECT on_hand FROM stock_item") == MOST_ON_HAND - 1
            assert await session.fetchval("SELECT count(*) FROM movement") == 1

    async def test_a_line_of_a_file_that_cannot_be_kept_is_rejected(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        async with harness.transactions() as session:
            await session.execute(HAS, MOST_ON_HAND)
        mode = pb.ImportStockRequest.Header.MODE_DELTA
        requests = factories.import_requests(1, ("A", "lyon", 1), ("B", "lyon", 4), mode=mode)
        answer = await harness.upload("ImportStock", requests, harness.tokens.staff(WRITER))
        assert [(each.line, each.reason) for each in answer.rejected] == [(1, "TOO_MANY")]
        assert await factories.figures(harness, "B") == (4, 0, 4)


class TestOldRequests:
    """Answers are forgotten after a day; what a request was promised is not."""

    async def test_a_promise_is_given_once_however_late_it_is_asked_for_again(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        orders = harness.tokens.service("orders")
        request = factories.reserve_request(wanted("A", 1), wanted("A", 1))
        first = await harness.call("Reserve", request, orders)
        await self._forget(harness)
        assert (await harness.call("Reserve", request, orders)).id == first.id
        await self._forget(harness)
        request.lines.pop()
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("Reserve", request, orders)
        assert refusal.value.reason == "IDEMPOTENCY_KEY_REUSED"
        assert await factories.figures(harness, "A") == (5, 2, 3)

    async def test_a_sale_happens_once_however_late_it_is_asked_for_again(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        orders, request = harness.tokens.service("orders"), sale(2)
        first = await harness.call("SellStock", request, orders)
        await self._forget(harness)
        assert (await harness.call("SellStock", request, orders)).id == first.id
        assert await factories.figures(harness, "A") == (3, 0, 3)
        assert await factories.differences(harness) == []

    async def test_what_was_given_is_not_refused_because_nothing_is_left(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 3)
        orders = harness.tokens.service("orders")
        requests: list[tuple[str, pb.ReserveRequest | pb.SellStockRequest]] = [
            ("Reserve", factories.reserve_request(wanted("A", 2))),
            ("SellStock", sale(1)),
        ]
        first = [await harness.call(name, request, orders) for name, request in requests]
        await self._forget(harness)
        again = [await harness.call(name, request, orders) for name, request in requests]
        assert [each.id for each in again] == [each.id for each in first]
        for name, request in requests:
            request.lines[0].quantity += 1
            await self._forget(harness)
            with pytest.raises(RemoteFailure) as refusal:
                await harness.call(name, request, orders)
            assert refusal.value.reason == "IDEMPOTENCY_KEY_REUSED"
        assert await factories.figures(harness, "A") == (2, 2, 0)

    @staticmethod
    async def _forget(harness: ServiceHarness) -> None:
        async with harness.transactions() as session:
            await session.execute(FORGET_ANSWERS)
