"""Who gets what: decisions over many requests at once, with pencil and paper."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from comptoir_inventory.domain.promising import Offer, Wanted, changes_of, plan_batch
from comptoir_inventory.domain.selling import Arrival, Backorder, Beyond, Policy
from comptoir_inventory.domain.stock import Place, Quantity, summed

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=2), NOW + timedelta(days=9)
A: Place = ("A", "lyon")
PLACES: list[Place] = [("A", "lyon"), ("A", "paris"), ("B", "lyon"), ("C", "lyon")]


def want(units: int, place: Place = A, channel: str = "") -> Wanted:
    return Wanted([Quantity(*place, units)], channel)


def until(
    day: datetime, *arrivals: tuple[int, datetime], backordered: int = 0, most: int = 0
) -> Beyond:
    policy = Policy("A", Backorder.UNTIL_DATE, backorder_until=day, max_per_order=most)
    return Beyond(policy, tuple(Arrival(*each) for each in arrivals), backordered)


class TestPlanBatch:
    def test_first_come_first_served(self) -> None:
        decisions = plan_batch({A: Offer(5)}, [want(3), want(3), want(2)], NOW)
        assert [bool(each.lines) for each in decisions] == [True, False, True]
        [short] = decisions[1].shortages
        assert (short.wanted, short.available) == (3, 2)

    def test_a_refused_request_takes_nothing_of_any_line(self) -> None:
        both = Wanted([Quantity("A", "lyon", 1), Quantity("B", "lyon", 1)])
        decisions = plan_batch({A: Offer(1)}, [both, want(1)], NOW)
        assert [(bool(each.lines), bool(each.shortages)) for each in decisions] == [
            (False, True),
            (True, False),
        ]

    def test_what_is_busy_is_decided_later(self) -> None:
        offers = {A: Offer(busy=True), ("B", "lyon"): Offer(1)}
        decisions = plan_batch(offers, [want(1), want(1, ("B", "lyon"))], NOW)
        assert [each.busy for each in decisions] == [True, False]
        assert changes_of(decisions)[0].sku == "B"

    def test_a_promise_beyond_stock_says_when(self) -> None:
        offers = {A: Offer(2, until(LATER, (3, SOON), (3, LATER)))}
        first, second, third = plan_batch(offers, [want(4), want(3), want(2)], NOW)
        assert (first.lines[0].backordered, first.lines[0].expected_at) == (2, SOON)
        assert (second.lines[0].backordered, second.lines[0].expected_at) == (3, LATER)
        assert third.shortages[0].available == 1

    def test_supply_after_the_date_cannot_be_promised(self) -> None:
        offers = {A: Offer(0, until(SOON, (1, SOON), (5, LATER)))}
        [decision] = plan_batch(offers, [want(2)], NOW)
        assert decision.shortages[0].available == 1

    def test_too_many_in_one_order(self) -> None:
        offers = {A: Offer(9, until(SOON, most=3)), ("A", "paris"): Offer(9, until(SOON, most=3))}
        both = Wanted([Quantity("A", "lyon", 2), Quantity("A", "paris", 2)])
        [decision] = plan_batch(offers, [both], NOW)
        assert decision.excess == ("A", 3)

    def test_a_place_offers_nothing_to_channels_that_it_does_not_serve(self) -> None:
        shops = frozenset({"store", "app"})
        offers = {A: Offer(5, channels=shops), ("B", "lyon"): Offer(5, busy=True, channels=shops)}
        web, app, any_channel, elsewhere = plan_batch(
            offers,
            [
                want(1, channel="web"),
                want(1, channel="app"),
                want(5),
                want(1, ("B", "lyon"), channel="web"),
            ],
            NOW,
        )
        assert (web.shortages[0].available, bool(app.lines)) == (0, True)
        # What is left once the app has had its unit.
        assert any_channel.shortages[0].available == 4
        assert (elsewhere.busy, elsewhere.shortages[0].available) == (False, 0)

    @given(
        st.dictionaries(st.sampled_from(PLACES), st.integers(0, 20)),
        st.lists(
            st.lists(st.tuples(st.sampled_from(PLACES), st.integers(1, 9)), min_size=1, max_size=5),
            max_size=30,
        ),
    )
    def test_nothing_is_promised_twice_and_nobody_is_refused_without_reason(
        self, stock: dict[Place, int], wishes: list[list[tuple[Place, int]]]
    ) -> None:
        requests = [
            Wanted(summed(Quantity(*place, units) for place, units in wish)) for wish in wishes
        ]
        offers = {place: Offer(units) for place, units in stock.items()}
        decisions = plan_batch(offers, requests, NOW)
        left = Counter(stock)
        for request, decision in zip(requests, decisions, strict=True):
            fits = all(left[each.sku, each.location] >= each.units for each in request.lines)
            assert bool(decision.lines) is fits
            assert bool(decision.shortages) is not fits
            for line in decision.lines:
                left[line.place] -= line.units
        taken = {(each.sku, each.location): each.promised for each in changes_of(decisions)}
        assert all(units >= 0 for units in left.values())
        assert all(stock[place] - units == left[place] for place, units in taken.items())

    @given(st.integers(0, 9), st.integers(0, 9), st.lists(st.integers(1, 5), max_size=12))
    def test_stock_goes_first_and_beyond_it_no_more_than_is_expected(
        self, available: int, coming: int, wishes: list[int]
    ) -> None:
        arrivals = [(coming, SOON)] if coming else []
        offers = {A: Offer(available, until(SOON, *arrivals))}
        decisions = plan_batch(offers, [want(units) for units in wishes], NOW)
        promised = sum(line.units for each in decisions for line in each.lines)
        beyond = sum(line.backordered for each in decisions for line in each.lines)
        assert promised <= available + coming
        assert beyond == max(0, promised - available)
