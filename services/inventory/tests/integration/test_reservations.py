"""Promises of stock over gRPC, on a real database."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories


class TestReserve:
    async def test_units_are_promised(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 10)
        made = await factories.reserve(harness, factories.wanted("A", 4))
        assert made.state == stock_pb2.Reservation.STATE_HELD
        assert await factories.figures(harness, "A") == (10, 4, 6)

    async def test_all_lines_or_none(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 10)
        await factories.receive(harness, "B", "lyon", 1)
        with pytest.raises(RemoteFailure) as refusal:
            await factories.reserve(harness, factories.wanted("A", 1), factories.wanted("B", 2))
        assert refusal.value.reason == "OUT_OF_STOCK"
        [short] = refusal.value.preconditions
        assert (short.subject, short.description) == ("B@lyon", "1 available, 2 asked for")
        assert await factories.figures(harness, "A") == (10, 0, 10)

    async def test_two_lines_of_one_sku_cannot_share_a_unit(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 3)
        with pytest.raises(RemoteFailure, match="only 3 of A"):
            await factories.reserve(harness, factories.wanted("A", 2), factories.wanted("A", 2))
        assert await factories.figures(harness, "A") == (3, 0, 3)

    async def test_an_unknown_location_is_named(self, harness: ServiceHarness) -> None:
        with pytest.raises(RemoteFailure) as refusal:
            await factories.reserve(harness, factories.wanted("A", 1, "nowhere"))
        assert refusal.value.reason == "LOCATION_NOT_FOUND"

    async def test_the_last_unit_goes_to_one_of_fifty_buyers(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        outcomes = await _reserve_at_once(harness, [factories.wanted("A", 1)] * 50)
        assert outcomes == {"granted": 1, "OUT_OF_STOCK": 49}
        assert await factories.figures(harness, "A") == (1, 1, 0)

    async def test_nothing_is_oversold_or_lost_by_five_hundred(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 100)
        lines = [factories.wanted("A", 1 + number % 3) for number in range(500)]
        outcomes = await _reserve_at_once(harness, lines)
        assert outcomes["granted"] + outcomes["OUT_OF_STOCK"] == 500
        on_hand, reserved, available = await factories.figures(harness, "A")
        assert (on_hand, reserved, available) == (100, 100, 0)

    async def test_crossing_orders_do_not_deadlock(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 200)
        await factories.receive(harness, "B", "lyon", 200)
        there = [factories.wanted("A", 1), factories.wanted("B", 1)]
        made = await asyncio.gather(
            *(
                factories.reserve(harness, *(there if number % 2 else reversed(there)))
                for number in range(100)
            )
        )
        assert len({each.id for each in made}) == 100
        assert await factories.figures(harness, "A") == (200, 100, 100)
        assert await factories.figures(harness, "B") == (200, 100, 100)


class TestExpiry:
    async def test_the_sweeper_gives_back_what_was_not_confirmed(
        self, harness: ServiceHarness
    ) -> None:
        made = await _run_out(harness)
        assert await _state(harness, made.id) == stock_pb2.Reservation.STATE_EXPIRED
        assert len(await harness.events(events_pb2.ReservationExpired)) == 1

    async def test_the_sweeper_leaves_what_was_confirmed(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 2)
        await factories.receive(harness, "B", "lyon", 1)
        made = await factories.reserve(harness, factories.wanted("A", 2))
        await factories.reserve(harness, factories.wanted("B", 1))
        await factories.confirm(harness, made.id)
        harness.clock.advance(15 * 60 + 1)
        await factories.shows(harness, "B", (1, 0, 1))  # the sweeper has been here
        assert await _state(harness, made.id) == stock_pb2.Reservation.STATE_CONFIRMED
        assert await factories.figures(harness, "A") == (2, 2, 0)

    async def test_a_reserve_takes_what_has_expired(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 2)
        await factories.reserve(harness, factories.wanted("A", 2))
        harness.clock.advance(15 * 60 + 1)
        await factories.reserve(harness, factories.wanted("A", 1))
        assert await factories.figures(harness, "A") == (2, 1, 1)

    async def test_confirming_late_takes_the_units_again(self, harness: ServiceHarness) -> None:
        made = await _run_out(harness)
        confirmed = await factories.confirm(harness, made.id)
        assert confirmed.state == stock_pb2.Reservation.STATE_CONFIRMED
        assert await factories.figures(harness, "A") == (2, 2, 0)

    async def test_who_confirms_only_what_is_held_does_not_get_them_again(
        self, harness: ServiceHarness
    ) -> None:
        made = await _run_out(harness)
        request = pb.ConfirmReservationRequest(reservation=made.id, held_only=True)
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("ConfirmReservation", request, harness.tokens.service("orders"))
        assert refusal.value.reason == "RESERVATION_EXPIRED"
        assert await factories.figures(harness, "A") == (2, 0, 2)

    async def test_confirming_late_is_refused_when_others_have_them(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 2)
        made = await factories.reserve(harness, factories.wanted("A", 2))
        harness.clock.advance(15 * 60 + 1)
        await factories.reserve(harness, factories.wanted("A", 1))
        with pytest.raises(RemoteFailure) as refusal:
            await factories.confirm(harness, made.id)
        assert refusal.value.reason == "RESERVATION_EXPIRED"
        assert await factories.figures(harness, "A") == (2, 1, 1)


class TestGoodsLeave:
    async def test_an_order_is_confirmed_and_shipped_by_events(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        placed = orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=made.id)
        await harness.deliver(placed)
        assert await _state(harness, made.id) == stock_pb2.Reservation.STATE_CONFIRMED
        await harness.deliver(_shipped(made.id, "A", 2))
        assert await factories.figures(harness, "A") == (3, 1, 2)
        await harness.deliver(_shipped(made.id, "A", 1))
        assert await _state(harness, made.id) == stock_pb2.Reservation.STATE_CONSUMED
        assert await factories.figures(harness, "A") == (2, 0, 2)
        assert await factories.differences(harness) == []

    async def test_an_order_called_off_before_its_news_keeps_nothing(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        await _release(harness, made.id)
        await harness.deliver(orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=made.id))
        assert await _state(harness, made.id) == stock_pb2.Reservation.STATE_RELEASED
        assert await factories.figures(harness, "A") == (5, 0, 5)

    async def test_more_than_was_promised_does_not_leave(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        request = pb.ConsumeReservationRequest(
            reservation=made.id, request_id=factories.key(), lines=[factories.wanted("A", 4)]
        )
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("ConsumeReservation", request, harness.tokens.service("orders"))
        assert refusal.value.reason == "NOT_RESERVED"
        assert await factories.figures(harness, "A") == (5, 3, 2)

    async def test_a_till_cannot_sell_what_is_promised(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 2)
        await factories.reserve(harness, factories.wanted("A", 1))
        sold = await _sell(harness, "A", 1)
        assert sold.state == stock_pb2.Reservation.STATE_CONSUMED
        assert await factories.figures(harness, "A") == (1, 1, 0)
        with pytest.raises(RemoteFailure, match="only 0 of A"):
            await _sell(harness, "A", 1)
        assert await factories.differences(harness) == []


class TestRevoking:
    """Staff give back what nobody needs: who did it, and why, stays with it."""

    async def test_what_is_left_can_be_promised_again(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        await factories.confirm(harness, made.id)
        revoked = await _revoke(harness, made)
        assert await factories.figures(harness, "A") == (5, 0, 5)
        assert revoked.state == stock_pb2.Reservation.STATE_RELEASED
        assert (revoked.revoked_by, revoked.revoke_reason) == ("stf_test", "S3: held twice")
        read = pb.GetReservationRequest(reservation=made.id)
        token = harness.tokens.staff("stock.read")
        assert await harness.call("GetReservation", read, token) == revoked
        [told] = await harness.events(events_pb2.ReservationReleased)
        assert told.reservation == revoked
        assert await factories.differences(harness) == []

    async def test_what_has_left_has_left(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        await harness.deliver(_shipped(made.id, "A", 2))
        revoked = await _revoke(harness, made)
        assert revoked.state == stock_pb2.Reservation.STATE_CONSUMED
        [told] = await harness.events(events_pb2.ReservationConsumed)
        assert told.reservation == revoked
        assert await factories.figures(harness, "A") == (3, 0, 3)
        assert await factories.differences(harness) == []

    async def test_a_promise_of_somebody_else_or_that_has_ended_is_refused(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        other = stock_pb2.Reservation(id=made.id, owner="order/another")
        with pytest.raises(RemoteFailure) as refusal:
            await _revoke(harness, other)
        assert [each.field for each in refusal.value.violations] == ["owner"]
        assert await factories.figures(harness, "A") == (5, 3, 2)
        await _release(harness, made.id)
        with pytest.raises(RemoteFailure) as refusal:
            await _revoke(harness, made)
        assert refusal.value.reason == "RESERVATION_ENDED"
        assert await _told(harness) == ["Held", "Released"]


class TestTelling:
    """Each state of a promise is told once, whatever its lines and however often it is asked."""

    async def test_a_promise_of_many_lines_is_one_fact(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.receive(harness, "B", "lyon", 5)
        made = await factories.reserve(
            harness, factories.wanted("A", 1), factories.wanted("B", 2), factories.wanted("A", 1)
        )
        [held] = await harness.events(events_pb2.ReservationHeld)
        assert held == events_pb2.ReservationHeld(reservation_id=made.id, reservation=made)

    async def test_a_refused_promise_tells_nothing(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        with pytest.raises(RemoteFailure):
            await factories.reserve(harness, factories.wanted("A", 2))
        assert await _told(harness) == []

    async def test_an_order_that_ships_in_two_parcels(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        await harness.deliver(orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=made.id))
        await factories.confirm(harness, made.id)
        await harness.deliver(_shipped(made.id, "A", 2))
        assert await _told(harness) == ["Confirmed", "Held"]
        await harness.deliver(_shipped(made.id, "A", 1))
        assert await _told(harness) == ["Confirmed", "Consumed", "Held"]

    async def test_a_promise_given_back_in_parts_is_told_when_nothing_is_left(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, factories.wanted("A", 3))
        await _release(harness, made.id, factories.wanted("A", 1))
        assert await _told(harness) == ["Held"]
        await _release(harness, made.id)
        await _release(harness, made.id)
        assert await _told(harness) == ["Held", "Released"]

    async def test_a_promise_that_expired_and_was_taken_up_again(
        self, harness: ServiceHarness
    ) -> None:
        made = await _run_out(harness)
        await factories.confirm(harness, made.id)
        assert await _told(harness) == ["Confirmed", "Expired", "Held"]

    async def test_a_till_sells_what_was_never_held(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 2)
        sold = await _sell(harness, "A", 1)
        [consumed] = await harness.events(events_pb2.ReservationConsumed)
        assert consumed.reservation == sold
        assert await _told(harness) == ["Consumed"]


async def _reserve_at_once(
    harness: ServiceHarness, lines: list[stock_pb2.ReservationLine]
) -> Counter[str]:
    async def attempt(line: stock_pb2.ReservationLine) -> str:
        try:
            await factories.reserve(harness, line)
        except RemoteFailure as refusal:
            return refusal.reason
        return "granted"

    # As many at once as there are connections: more would be told that the service is busy.
    gate = asyncio.Semaphore(32)

    async def guarded(line: stock_pb2.ReservationLine) -> str:
        async with gate:
            return await attempt(line)

    return Counter(await asyncio.gather(*map(guarded, lines)))


async def _run_out(harness: ServiceHarness) -> stock_pb2.Reservation:
    """All there is of A was promised, and given back by the sweeper."""
    await factories.stocked(harness, "A", 2)
    made = await factories.reserve(harness, factories.wanted("A", 2))
    harness.clock.advance(15 * 60 + 1)
    await factories.shows(harness, "A", (2, 0, 2))
    return made


async def _state(harness: ServiceHarness, reservation: str) -> int:
    found = await harness.call(
        "GetReservation",
        pb.GetReservationRequest(reservation=reservation),
        harness.tokens.service("orders"),
    )
    return int(found.state)


async def _revoke(
    harness: ServiceHarness, reservation: stock_pb2.Reservation
) -> stock_pb2.Reservation:
    request = pb.RevokeReservationRequest(
        reservation=reservation.id,
        request_id=factories.key(),
        owner=reservation.owner,
        reason="S3: held twice",
    )
    revoked: stock_pb2.Reservation = await harness.call(
        "RevokeReservation", request, harness.tokens.staff("reservations.revoke")
    )
    return revoked


async def _release(
    harness: ServiceHarness, reservation: str, *lines: stock_pb2.ReservationLine
) -> None:
    request = pb.ReleaseReservationRequest(
        reservation=reservation, request_id=factories.key(), lines=lines
    )
    await harness.call("ReleaseReservation", request, harness.tokens.service("orders"))


async def _told(harness: ServiceHarness) -> list[str]:
    """The states that were told, each as often as it was, by name."""
    facts = (
        events_pb2.ReservationHeld,
        events_pb2.ReservationConfirmed,
        events_pb2.ReservationConsumed,
        events_pb2.ReservationReleased,
        events_pb2.ReservationExpired,
    )
    told = [
        fact.DESCRIPTOR.name.removeprefix("Reservation")
        for fact in facts
        for _ in await harness.events(fact)
    ]
    return sorted(told)


async def _sell(harness: ServiceHarness, sku: str, units: int) -> stock_pb2.Reservation:
    sold: stock_pb2.Reservation = await harness.call(
        "SellStock",
        pb.SellStockRequest(
            request_id=factories.key(), owner="order/1", lines=[factories.wanted(sku, units)]
        ),
        harness.tokens.service("orders"),
    )
    return sold


def _shipped(reservation: str, sku: str, units: int) -> orders_pb2.FulfilmentShipped:
    return orders_pb2.FulfilmentShipped(
        order_id="ord_1",
        reservation_id=reservation,
        fulfilment=order_pb2.Fulfilment(
            id="ful_1",
            location="lyon",
            mode=order_pb2.Fulfilment.MODE_SHIP,
            lines=[order_pb2.FulfilmentLine(line="lin_1", sku=sku, quantity=units)],
        ),
    )
