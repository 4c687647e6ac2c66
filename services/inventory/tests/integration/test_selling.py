"""Selling beyond stock: policies, supply, back-orders that goods cover when they come."""

from __future__ import annotations

import asyncio

import pytest

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir_inventory.operations import selling
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories
from services.inventory.tests.factories import key, supply, wanted

UNLIMITED = stock_pb2.SellingPolicy.BACKORDER_UNLIMITED
UNTIL_DATE = stock_pb2.SellingPolicy.BACKORDER_UNTIL_DATE
NONE = stock_pb2.SellingPolicy.BACKORDER_NONE


async def set_policy(harness: ServiceHarness, policy: stock_pb2.SellingPolicy) -> None:
    request = pb.SetSellingPolicyRequest(request_id=key(), policy=policy)
    await harness.call("SetSellingPolicy", request, harness.tokens.staff(factories.WRITER))


async def announce(harness: ServiceHarness, *expected: stock_pb2.Supply) -> None:
    request = pb.AnnounceSupplyRequest(request_id=key(), supply=expected)
    await harness.call("AnnounceSupply", request, harness.tokens.staff(factories.WRITER))


async def entry(harness: ServiceHarness, sku: str) -> stock_pb2.Availability:
    request = pb.GetAvailabilityRequest(skus=[sku], by_location=True)
    answer: pb.GetAvailabilityResponse = await harness.call(
        "GetAvailability", request, harness.tokens.staff("stock.read")
    )
    return answer.availability[0]


async def consume(harness: ServiceHarness, reservation: str) -> None:
    request = pb.ConsumeReservationRequest(reservation=reservation, request_id=key())
    await harness.call("ConsumeReservation", request, harness.tokens.service("orders"))


async def release(harness: ServiceHarness, reservation: str) -> None:
    request = pb.ReleaseReservationRequest(reservation=reservation, request_id=key())
    await harness.call("ReleaseReservation", request, harness.tokens.service("orders"))


class TestPolicies:
    async def test_no_more_than_the_most_per_order(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 10)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=NONE, max_per_order=2))
        with pytest.raises(RemoteFailure) as refusal:
            await factories.reserve(harness, wanted("A", 3))
        assert refusal.value.reason == "TOO_MANY_PER_ORDER"
        await factories.reserve(harness, wanted("A", 2))
        assert await factories.figures(harness, "A") == (10, 2, 8)

    async def test_supply_until_the_date_can_be_promised_with_its_date(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        policy = stock_pb2.SellingPolicy(
            sku="A", backorder=UNTIL_DATE, backorder_until_time=factories.days(5)
        )
        await set_policy(harness, policy)
        first, second = supply("A", 2, in_days=3), supply("A", 9, in_days=8, reference="po-2")
        await announce(harness, first, second)
        shown = await entry(harness, "A")
        assert (shown.available, shown.backorder_available) == (1, 2)
        assert shown.expected_time == first.expected_time
        [there] = shown.levels
        assert (there.backorder_available, there.expected_time) == (2, first.expected_time)
        made = await factories.reserve(harness, wanted("A", 3))
        [line] = made.lines
        assert (line.backordered_quantity, line.expected_time) == (2, first.expected_time)
        with pytest.raises(RemoteFailure) as refusal:
            await factories.reserve(harness, wanted("A", 1))
        assert refusal.value.reason == "OUT_OF_STOCK"
        [level] = (await entry(harness, "A")).levels
        assert (level.on_hand, level.reserved, level.backordered) == (1, 1, 2)

    async def test_what_is_sold_in_advance_is_promised_for_the_release(
        self, harness: ServiceHarness
    ) -> None:
        await factories.create_location(harness, "lyon")
        release_day = factories.days(10)
        await set_policy(
            harness,
            stock_pb2.SellingPolicy(sku="A", backorder=NONE, preorder_time=release_day),
        )
        await announce(harness, supply("A", 5))
        made = await factories.reserve(harness, wanted("A", 2))
        assert made.lines[0].expected_time == release_day
        harness.clock.advance(11 * 86400)
        with pytest.raises(RemoteFailure, match="only 0 of A"):
            await factories.reserve(harness, wanted("A", 2))

    async def test_after_the_release_it_is_told_that_nothing_is_sold_in_advance(
        self, harness: ServiceHarness
    ) -> None:
        await factories.create_location(harness, "lyon")
        policy = stock_pb2.SellingPolicy(sku="A", backorder=NONE, preorder_time=factories.days(10))
        await set_policy(harness, policy)
        await announce(harness, supply("A", 5))
        await factories.until_sold_beyond(harness, "A", 5)

        harness.clock.advance(11 * 86400)

        await factories.until_sold_beyond(harness, "A", 0)

    async def test_a_release_is_told_although_somebody_changes_the_stock_of_another(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(selling, "RELEASED_AT_ONCE", 1)
        await factories.create_location(harness, "lyon")
        for sku in "AB":
            policy = stock_pb2.SellingPolicy(
                sku=sku, backorder=NONE, preorder_time=factories.days(10)
            )
            await set_policy(harness, policy)
        await announce(harness, supply("A", 5), supply("B", 5))
        await factories.until_sold_beyond(harness, "A", 5)
        async with harness.transactions() as another:
            await another.execute("SELECT FROM stock_item WHERE sku = 'B' FOR UPDATE")
            harness.clock.advance(11 * 86400)
            await factories.until_sold_beyond(harness, "A", 0)
        await factories.until_sold_beyond(harness, "B", 0)

    async def test_a_policy_based_on_another_version_is_refused(
        self, harness: ServiceHarness
    ) -> None:
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=NONE))
        policy = stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED)
        request = pb.SetSellingPolicyRequest(request_id=key(), policy=policy, etag="7")
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("SetSellingPolicy", request, harness.tokens.staff(factories.WRITER))
        assert refusal.value.reason == "STALE_ETAG"

    async def test_of_first_policies_set_at_once_each_has_a_version_of_its_own(
        self, harness: ServiceHarness
    ) -> None:
        writer = harness.tokens.staff(factories.WRITER)
        policy = stock_pb2.SellingPolicy(sku="A", backorder=NONE)
        requests = [pb.SetSellingPolicyRequest(request_id=key(), policy=policy) for _ in range(8)]
        made = await asyncio.gather(
            *(harness.call("SetSellingPolicy", each, writer) for each in requests)
        )
        etags = sorted(int(each.etag) for each in made)
        assert etags == list(range(1, 9))


class TestBackorders:
    async def test_goods_that_come_cover_what_was_promised(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        made = await factories.reserve(harness, wanted("A", 4))
        assert not made.lines[0].HasField("expected_time")
        with pytest.raises(RemoteFailure) as refusal:
            await consume(harness, made.id)
        assert refusal.value.reason == "NOT_YET_THERE"
        await factories.receive(harness, "A", "lyon", 5)
        [level] = (await entry(harness, "A")).levels
        assert (level.on_hand, level.reserved, level.backordered, level.available) == (6, 4, 0, 2)
        await consume(harness, made.id)
        assert await factories.figures(harness, "A") == (2, 0, 2)
        assert await factories.differences(harness) == []

    async def test_what_is_there_for_others_leaves_with_nobody_else(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 3)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        first = await factories.reserve(harness, wanted("A", 3))
        second = await factories.reserve(harness, wanted("A", 2))
        third = await factories.reserve(harness, wanted("A", 1))
        with pytest.raises(RemoteFailure) as refusal:
            await consume(harness, second.id)
        assert refusal.value.reason == "NOT_YET_THERE"
        await factories.receive(harness, "A", "lyon", 2)
        with pytest.raises(RemoteFailure) as refusal:
            await consume(harness, third.id)
        assert refusal.value.reason == "NOT_YET_THERE"
        await consume(harness, second.id)
        await consume(harness, first.id)
        [level] = (await entry(harness, "A")).levels
        assert (level.on_hand, level.reserved, level.backordered) == (0, 0, 1)
        assert await factories.differences(harness) == []

    async def test_a_promise_given_back_covers_another(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 3)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        first = await factories.reserve(harness, wanted("A", 3))
        await factories.reserve(harness, wanted("A", 2))
        await release(harness, first.id)
        [level] = (await entry(harness, "A")).levels
        assert (level.reserved, level.backordered, level.available) == (2, 0, 1)
        assert await factories.differences(harness) == []

    async def test_a_till_sells_nothing_that_is_not_there(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        request = pb.SellStockRequest(request_id=key(), owner="order/1", lines=[wanted("A", 2)])
        with pytest.raises(RemoteFailure, match="only 1 of A"):
            await harness.call("SellStock", request, harness.tokens.service("orders"))

    async def test_a_receipt_with_its_reference_is_expected_no_more(
        self, harness: ServiceHarness
    ) -> None:
        await factories.create_location(harness, "lyon")
        await announce(harness, supply("A", 5), supply("B", 2))
        lines = [
            pb.StockQuantity(sku="A", location="lyon", quantity=3),
            pb.StockQuantity(sku="B", location="lyon", quantity=2),
        ]
        request = pb.ReceiveStockRequest(request_id=key(), lines=lines, reference="po-1")
        await harness.call("ReceiveStock", request, harness.tokens.staff(factories.WRITER))
        listed = await harness.call(
            "ListSupply", pb.ListSupplyRequest(), harness.tokens.staff("stock.read")
        )
        assert [(each.sku, each.quantity) for each in listed.supply] == [("A", 2)]


class TestCovering:
    """Whoever was promised what was not there hears when it has come, in the order of promises."""

    async def test_first_promised_first_told(self, harness: ServiceHarness) -> None:
        await factories.create_location(harness, "lyon")
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        await announce(harness, supply("A", 5))
        first = await confirmed(harness, wanted("A", 2))
        second = await confirmed(harness, wanted("A", 2))
        await factories.receive(harness, "A", "lyon", 3)
        assert await told(harness, 1) == [(first.id, first.owner, "lyon")]
        await factories.receive(harness, "A", "lyon", 1)
        assert await told(harness, 2) == [
            (first.id, first.owner, "lyon"),
            (second.id, second.owner, "lyon"),
        ]
        await consume(harness, second.id)
        await consume(harness, first.id)
        assert await factories.differences(harness) == []

    async def test_each_location_is_told_when_all_of_its_lines_are_there(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        await factories.create_location(harness, "paris")
        for sku in ("A", "B"):
            await set_policy(harness, stock_pb2.SellingPolicy(sku=sku, backorder=UNLIMITED))
        for sku, place in (("A", "lyon"), ("B", "lyon"), ("A", "paris")):
            await announce(harness, supply(sku, 5, location=place))
        made = await confirmed(harness, wanted("A", 2), wanted("B", 1), wanted("A", 1, "paris"))
        await factories.receive(harness, "A", "lyon", 1)
        await factories.receive(harness, "A", "paris", 1)
        assert await told(harness, 1) == [(made.id, made.owner, "paris")]
        await factories.receive(harness, "B", "lyon", 1)
        assert await told(harness, 2) == [
            (made.id, made.owner, "paris"),
            (made.id, made.owner, "lyon"),
        ]

    async def test_what_is_held_keeps_its_turn_and_is_told_once_it_is_confirmed(
        self, harness: ServiceHarness
    ) -> None:
        await factories.create_location(harness, "lyon")
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        await announce(harness, supply("A", 5))
        held = await factories.reserve(harness, wanted("A", 1))
        later = await confirmed(harness, wanted("A", 1))
        await factories.receive(harness, "A", "lyon", 1)
        await factories.confirm(harness, held.id)
        assert await told(harness, 1) == [(held.id, held.owner, "lyon")]
        await factories.receive(harness, "A", "lyon", 1)
        assert (await told(harness, 2))[1] == (later.id, later.owner, "lyon")

    async def test_units_given_back_cover_the_next(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        there = await confirmed(harness, wanted("A", 1))
        given_up = await confirmed(harness, wanted("A", 1))
        late = await confirmed(harness, wanted("A", 1))
        await release(harness, given_up.id)
        await release(harness, there.id)
        assert await told(harness, 1) == [(late.id, late.owner, "lyon")]

    async def test_a_promise_taken_up_again_waits_for_what_is_missing_now(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        await set_policy(harness, stock_pb2.SellingPolicy(sku="A", backorder=UNLIMITED))
        lost = await factories.reserve(harness, wanted("A", 1))
        harness.clock.advance(15 * 60 + 1)
        await factories.shows(harness, "A", (1, 0, 1))
        await confirmed(harness, wanted("A", 1))
        again = await factories.confirm(harness, lost.id)
        assert again.lines[0].backordered_quantity == 1
        await factories.receive(harness, "A", "lyon", 1)
        assert await told(harness, 1) == [(lost.id, lost.owner, "lyon")]


async def confirmed(
    harness: ServiceHarness, *lines: stock_pb2.ReservationLine
) -> stock_pb2.Reservation:
    made = await factories.reserve(harness, *lines)
    return await factories.confirm(harness, made.id)


async def told(harness: ServiceHarness, number: int) -> list[tuple[str, str, str]]:
    """What was told of covered promises, once there are so many facts."""
    async with asyncio.timeout(factories.PATIENCE_SECONDS):
        while len(facts := await harness.events(events_pb2.ReservationCovered)) < number:  # noqa: ASYNC110 - a database's state
            await asyncio.sleep(0.05)
    return [(each.reservation_id, each.owner, each.location) for each in facts]
