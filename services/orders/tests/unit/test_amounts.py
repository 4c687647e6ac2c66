"""What each parcel costs: to the cent, whatever is split how."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from comptoir_orders.domain import assembly, departures
from comptoir_orders.domain.fulfilments import (
    FULFILMENT_MOVES,
    Fulfilment,
    FulfilmentMode,
    FulfilmentState,
    Share,
    goods_by_parcel,
    with_shipping_on,
)
from comptoir_orders.domain.orders import ORDER_MOVES, Order, OrderState
from comptoir_orders.domain.sourcing import Allocation, parcels_of
from services.orders.tests import factories
from services.orders.tests.factories import NOW


@st.composite
def splits(draw: st.DrawFn) -> tuple[dict[str, int], list[Share], int]:
    """Lines with any total, each split over some of the parcels."""
    parcels = draw(st.integers(min_value=1, max_value=5))
    totals, shares = {}, []
    for number in range(draw(st.integers(min_value=1, max_value=6))):
        line = f"lin_{number}"
        totals[line] = draw(st.integers(min_value=0, max_value=10**9))
        chosen = draw(
            st.lists(
                st.integers(min_value=0, max_value=parcels - 1),
                min_size=1,
                max_size=parcels,
                unique=True,
            )
        )
        shares += [
            Share(parcel, line, draw(st.integers(min_value=1, max_value=9999))) for parcel in chosen
        ]
    return totals, shares, parcels


class TestGoodsByParcel:
    def test_a_line_is_divided_by_units(self) -> None:
        shares = [Share(0, "a", 2), Share(1, "a", 1), Share(1, "b", 4)]

        assert goods_by_parcel({"a": 1000, "b": 333}, shares, 2) == [667, 333 + 333]

    @given(splits())
    def test_the_parts_sum_to_the_whole(
        self, split: tuple[dict[str, int], list[Share], int]
    ) -> None:
        totals, shares, parcels = split

        amounts = goods_by_parcel(totals, shares, parcels)

        assert sum(amounts) == sum(totals.values())
        assert len(amounts) == parcels
        assert min(amounts) >= 0


def two_parcels() -> Order:
    quote = factories.quote()
    plan = (
        Allocation("lin_KETTLE", "KETTLE", "LYON", 1),
        Allocation("lin_KETTLE", "KETTLE", "PARIS", 1),
        Allocation("lin_LAMP", "LAMP", "PARIS", 1),
    )
    parcels = assembly.fulfilments("ord_1", quote, parcels_of(plan), ["ful_1", "ful_2"], NOW)
    return replace(factories.order(), fulfilments=parcels)


class TestAssembly:
    def test_one_fulfilment_per_location_in_the_order_of_the_plan(self) -> None:
        first, second = two_parcels().fulfilments

        assert [(each.location, each.goods, each.shipping) for each in (first, second)] == [
            ("LYON", 2500, 490),
            ("PARIS", 4500, 0),
        ]
        assert first.amount + second.amount == 7490


class TestDepartures:
    def test_delivery_moves_to_the_parcel_that_leaves_first(self) -> None:
        order = two_parcels()

        after = departures.leave(order, order.fulfilments[1], FulfilmentState.SHIPPED, NOW)

        assert [each.amount for each in after.fulfilments] == [2500, 4990]
        assert after.state is OrderState.PARTIALLY_FULFILLED
        assert [each.id for each in departures.changed(order.fulfilments, after.fulfilments)] == [
            "ful_1",
            "ful_2",
        ]

    def test_it_stays_where_it_was_charged(self) -> None:
        order = two_parcels()
        once = departures.leave(order, order.fulfilments[1], FulfilmentState.SHIPPED, NOW)

        twice = departures.leave(once, once.fulfilments[0], FulfilmentState.HANDED_OVER, NOW)

        assert [each.amount for each in twice.fulfilments] == [2500, 4990]
        assert twice.state is OrderState.FULFILLED
        assert [each.id for each in departures.changed(once.fulfilments, twice.fulfilments)] == [
            "ful_1"
        ]

    @given(st.permutations(range(4)), st.integers(min_value=0, max_value=10**6))
    def test_whatever_leaves_when_the_whole_is_charged_once(
        self, sequence: list[int], shipping: int
    ) -> None:
        parcels = [parcel(number, 100 * number) for number in range(4)]
        parcels[0] = replace(parcels[0], shipping=shipping)
        order = replace(factories.order(), fulfilments=tuple(parcels))
        charged = 0
        for number in sequence:
            order = departures.leave(order, order.fulfilments[number], FulfilmentState.SHIPPED, NOW)
            charged += order.fulfilments[number].amount

        assert charged == 600 + shipping
        assert order.state is OrderState.FULFILLED

    def test_called_off_is_called_off(self) -> None:
        order = departures.call_off(two_parcels(), "changed my mind", NOW)

        assert (order.state, order.cancel_reason) == (OrderState.CANCELLED, "changed my mind")
        assert {each.state for each in order.fulfilments} == {FulfilmentState.CANCELLED}


def parcel(number: int, goods: int) -> Fulfilment:
    return Fulfilment(
        id=f"ful_{number}",
        order="ord_1",
        position=number,
        location="LYON",
        state=FulfilmentState.PROPOSED,
        mode=FulfilmentMode.SHIP,
        lines=(),
        goods=goods,
        shipping=0,
        currency="EUR",
    )


class TestMoves:
    def test_every_state_of_every_mode_has_its_row(self) -> None:
        assert set(FULFILMENT_MOVES) == set(FulfilmentMode)
        assert all(set(rows) == set(FulfilmentState) for rows in FULFILMENT_MOVES.values())
        assert set(ORDER_MOVES) == set(OrderState)

    def test_what_has_left_or_was_called_off_stays_so(self) -> None:
        for rows in FULFILMENT_MOVES.values():
            for state in (
                FulfilmentState.SHIPPED,
                FulfilmentState.HANDED_OVER,
                FulfilmentState.CANCELLED,
            ):
                assert rows[state] == frozenset()

    def test_delivery_without_parcels_that_left_is_charged_once(self) -> None:
        parcels = (replace(parcel(0, 1), shipping=490), parcel(1, 2))

        assert [each.shipping for each in with_shipping_on(parcels, "ful_1")] == [0, 490]
