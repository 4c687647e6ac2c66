"""What every sourcing policy owes; then what the default one chooses."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_orders.domain.sourcing import (
    Allocation,
    Beyond,
    Demand,
    Late,
    Parcel,
    Plan,
    Shortage,
    Site,
    parcels_of,
    units_by_sku,
)
from comptoir_orders.policies.sourcing import SourcingPolicy
from comptoir_orders.policies.sourcing.departments import CENTRES, point_of
from comptoir_orders.policies.sourcing.fewest_parcels import FewestParcels
from comptoir_runtime.addresses import Address, Point

LYON, PARIS, LILLE = Point(45.76, 4.84), Point(48.86, 2.35), Point(50.63, 3.06)

# The exact search, and what is left of it when it may not look at anything.
POLICIES: list[SourcingPolicy] = [FewestParcels(), FewestParcels(max_visits=0)]


@st.composite
def problems(draw: st.DrawFn) -> tuple[tuple[Demand, ...], tuple[Site, ...]]:
    """A few lines, perhaps of one sku, and a few sites with any stock, oversold ones too."""
    skus = ["A", "B", "C"]
    demand = tuple(
        Demand(f"lin_{number}", draw(st.sampled_from(skus)), draw(st.integers(1, 6)))
        for number in range(draw(st.integers(1, 4)))
    )
    sites = tuple(
        Site(
            f"site_{number}",
            draw(st.sampled_from([LYON, PARIS, LILLE, None])),
            {sku: draw(st.integers(-2, 8)) for sku in draw(st.sets(st.sampled_from(skus)))},
        )
        for number in range(draw(st.integers(0, 6)))
    )
    return demand, sites


def can_cover(demand: Sequence[Demand], sites: Sequence[Site]) -> bool:
    return all(
        sum(max(0, site.available.get(sku, 0)) for site in sites) >= units
        for sku, units in units_by_sku(tuple(demand)).items()
    )


def planned(policy: SourcingPolicy, demand: Sequence[Demand], sites: Sequence[Site]) -> Plan:
    plan = policy.plan(demand, sites, LYON)
    assert isinstance(plan, tuple)
    return plan


def places_of(plan: Plan) -> set[str]:
    return {parcel.location for parcel in parcels_of(plan)}


@pytest.mark.parametrize("policy", POLICIES, ids=["exact", "greedy"])
class TestEveryPolicy:
    @given(problem=problems())
    def test_covers_every_unit_and_takes_no_more_than_there_is(
        self, policy: SourcingPolicy, problem: tuple[tuple[Demand, ...], tuple[Site, ...]]
    ) -> None:
        demand, sites = problem
        plan = policy.plan(demand, sites, LYON)
        if isinstance(plan, Shortage):
            assert not can_cover(demand, sites)
            return
        for each in demand:
            units = sum(part.quantity for part in plan if part.line == each.line)
            assert units == each.quantity
        taken: dict[tuple[str, str], int] = {}
        for part in plan:
            assert part.quantity > 0
            taken[part.location, part.sku] = taken.get((part.location, part.sku), 0) + part.quantity
        stock = {site.code: site.available for site in sites}
        assert all(units <= stock[site][sku] for (site, sku), units in taken.items())

    @given(problem=problems())
    def test_says_what_is_short_and_by_how_much(
        self, policy: SourcingPolicy, problem: tuple[tuple[Demand, ...], tuple[Site, ...]]
    ) -> None:
        demand, sites = problem
        asked = units_by_sku(demand)
        there = {sku: sum(max(0, site.available.get(sku, 0)) for site in sites) for sku in asked}
        plan = policy.plan(demand, sites, LYON)
        short = {sku: units for sku, units in asked.items() if there[sku] < units}
        assert isinstance(plan, Shortage) == bool(short)
        if isinstance(plan, Shortage):
            assert plan.asked == short
            assert plan.available == {sku: there[sku] for sku in short}

    @given(problem=problems())
    def test_the_same_input_gives_the_same_plan_in_any_order_of_the_sites(
        self, policy: SourcingPolicy, problem: tuple[tuple[Demand, ...], tuple[Site, ...]]
    ) -> None:
        demand, sites = problem

        assert policy.plan(demand, sites, LYON) == policy.plan(demand, sites[::-1], LYON)

    @given(problem=problems())
    def test_parcels_are_not_interleaved(
        self, policy: SourcingPolicy, problem: tuple[tuple[Demand, ...], tuple[Site, ...]]
    ) -> None:
        plan = policy.plan(*problem, LYON)
        if not isinstance(plan, Shortage):
            in_order = [part for parcel in parcels_of(plan) for part in parcel.allocations]
            assert in_order == list(plan)


SOON, LATER = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize("policy", POLICIES, ids=["exact", "greedy"])
class TestSellingAhead:
    """What no site has is promised before it has come, where that is offered."""

    def test_what_is_there_goes_first(self, policy: SourcingPolicy) -> None:
        sites = [
            Site("lyon", LYON, {"A": 1}, {"A": Beyond(9, SOON)}),
            Site("paris", PARIS, {"A": 2}),
        ]

        plan = planned(policy, [Demand("lin_1", "A", 4)], sites)

        units = {part.location: part.quantity for part in plan}
        assert units == {"lyon": 2, "paris": 2}

    def test_what_is_there_is_never_sold_ahead(self, policy: SourcingPolicy) -> None:
        sites = [Site("lyon", LYON, {}, {"A": Beyond(9, SOON)}), Site("lille", LILLE, {"A": 3})]

        assert places_of(planned(policy, [Demand("lin_1", "A", 3)], sites)) == {"lille"}

    def test_whoever_expects_all_of_it_first(self, policy: SourcingPolicy) -> None:
        sites = [
            Site("little", LYON, {}, {"A": Beyond(1, SOON)}),
            Site("near", LYON, {}, {"A": Beyond(9, LATER)}),
            Site("unknown", LYON, {}, {"A": Beyond(9)}),
            Site("soon", LILLE, {}, {"A": Beyond(9, SOON)}),
        ]

        assert places_of(planned(policy, [Demand("lin_1", "A", 3)], sites)) == {"soon"}

    def test_several_promise_together_what_none_can_alone(self, policy: SourcingPolicy) -> None:
        sites = [
            Site("lyon", LYON, {}, {"A": Beyond(2, SOON)}),
            Site("paris", PARIS, {}, {"A": Beyond(2, SOON)}),
        ]

        plan = planned(policy, [Demand("lin_1", "A", 3)], sites)

        assert {part.location: part.quantity for part in plan} == {"lyon": 2, "paris": 1}

    def test_too_little_ahead_is_a_shortage_that_counts_it(self, policy: SourcingPolicy) -> None:
        sites = [Site("lyon", LYON, {"A": 1}, {"A": Beyond(2, SOON)})]

        plan = policy.plan([Demand("lin_1", "A", 4)], sites, LYON)

        assert plan == Shortage({"A": 4}, {"A": 3})


class TestParcels:
    def test_what_is_there_does_not_wait_for_what_is_late(self) -> None:
        plan = (
            Allocation("lin_1", "A", "lyon", 3),
            Allocation("lin_2", "B", "lyon", 1),
            Allocation("lin_3", "A", "paris", 1),
        )
        late = (Late("A", "lyon", 2, SOON), Late("B", "lyon", 1, LATER))

        assert parcels_of(plan, late) == [
            Parcel("lyon", (Allocation("lin_1", "A", "lyon", 1),)),
            Parcel("paris", (Allocation("lin_3", "A", "paris", 1),)),
            Parcel(
                "lyon",
                (Allocation("lin_1", "A", "lyon", 2), Allocation("lin_2", "B", "lyon", 1)),
                late=True,
                expected_at=LATER,
            ),
        ]

    def test_nobody_knows_when_all_is_there_if_one_date_is_missing(self) -> None:
        plan = (Allocation("lin_1", "A", "lyon", 1), Allocation("lin_2", "B", "lyon", 1))
        late = (Late("A", "lyon", 1, SOON), Late("B", "lyon", 1))

        (parcel,) = parcels_of(plan, late)

        assert (parcel.late, parcel.expected_at) == (True, None)

    def test_of_two_lines_of_one_sku_the_last_waits(self) -> None:
        plan = (Allocation("lin_1", "A", "lyon", 2), Allocation("lin_2", "A", "lyon", 2))

        there, waiting = parcels_of(plan, (Late("A", "lyon", 3, SOON),))

        assert there.allocations == (Allocation("lin_1", "A", "lyon", 1),)
        assert waiting.allocations == (
            Allocation("lin_1", "A", "lyon", 1),
            Allocation("lin_2", "A", "lyon", 2),
        )


class TestFewestParcels:
    @given(problem=problems())
    def test_no_plan_has_fewer_parcels(
        self, problem: tuple[tuple[Demand, ...], tuple[Site, ...]]
    ) -> None:
        demand, sites = problem
        plan = FewestParcels().plan(demand, sites, LYON)
        if isinstance(plan, Shortage):
            return
        parcels = len(parcels_of(plan))
        for fewer in range(parcels):
            assert not any(can_cover(demand, chosen) for chosen in combinations(sites, fewer))

    def test_one_location_that_has_all_comes_before_two_that_are_nearer(self) -> None:
        demand = [Demand("1", "A", 1), Demand("2", "B", 1)]
        sites = [
            Site("lyon_a", LYON, {"A": 1}),
            Site("lyon_b", LYON, {"B": 1}),
            Site("lille", LILLE, {"A": 1, "B": 1}),
        ]

        assert places_of(planned(FewestParcels(), demand, sites)) == {"lille"}

    def test_of_two_that_have_all_the_nearer_one_sends_it(self) -> None:
        demand = [Demand("1", "A", 1)]
        sites = [Site("a_far", LILLE, {"A": 9}), Site("z_near", PARIS, {"A": 9})]

        assert places_of(planned(FewestParcels(), demand, sites)) == {"z_near"}

    def test_without_a_destination_the_code_decides(self) -> None:
        demand = [Demand("1", "A", 1)]
        sites = [Site("b", LYON, {"A": 9}), Site("a", LILLE, {"A": 9})]

        plan = FewestParcels().plan(demand, sites, None)

        assert isinstance(plan, tuple)
        assert places_of(plan) == {"a"}

    def test_a_location_whose_place_is_not_known_is_the_last_choice(self) -> None:
        demand = [Demand("1", "A", 1)]
        sites = [Site("a_nowhere", None, {"A": 9}), Site("lille", LILLE, {"A": 9})]

        assert places_of(planned(FewestParcels(), demand, sites)) == {"lille"}

    def test_a_line_is_split_when_it_must_be_nearest_first(self) -> None:
        demand = [Demand("1", "A", 5)]
        sites = [Site("lille", LILLE, {"A": 4}), Site("lyon", LYON, {"A": 3})]

        plan = planned(FewestParcels(), demand, sites)

        assert [(part.location, part.quantity) for part in plan] == [("lyon", 3), ("lille", 2)]

    @pytest.mark.parametrize("per_site", [1, 2, 3])
    def test_a_thousand_locations_do_not_keep_a_customer_waiting(self, per_site: int) -> None:
        """Each has a little of a few skus: many parcels, and no quick way to prove it."""
        sites = [
            Site(
                f"s{number:04d}",
                LYON,
                {f"sku{(number * 7 + other * 3) % 10}": 1 for other in range(per_site)},
            )
            for number in range(1000)
        ]
        demand = [Demand(f"l{number}", f"sku{number}", 2) for number in range(10)]
        started = time.process_time()

        plan = planned(FewestParcels(), demand, sites)

        assert len(parcels_of(plan)) <= 20
        assert time.process_time() - started < 0.5  # about 0.04; slow machines are slow


class TestWhereAnAddressIs:
    @pytest.mark.parametrize(
        ("postal_code", "department"),
        [
            ("69003", "69"),
            ("01000", "01"),
            ("20000", "2A"),
            ("20200", "2B"),
            ("97400", "974"),
            ("75 011", "75"),
        ],
    )
    def test_a_french_address_lies_in_its_department(
        self, postal_code: str, department: str
    ) -> None:
        address = Address(postal_code=postal_code, country="FR")

        assert point_of(address) == CENTRES[department]

    def test_the_address_knows_better(self) -> None:
        assert point_of(Address(postal_code="69003", country="FR", point=LILLE)) == LILLE

    @pytest.mark.parametrize(
        "address",
        [
            None,
            Address(postal_code="69003", country="CH"),
            Address(postal_code="", country="FR"),
            Address(postal_code="2A004", country="FR"),
            Address(postal_code="00000", country="FR"),
        ],
    )
    def test_elsewhere_nobody_knows(self, address: Address | None) -> None:
        assert point_of(address) is None

    def test_every_department_is_where_france_is(self) -> None:
        metropolitan = {code: point for code, point in CENTRES.items() if len(code) == 2}

        assert len(metropolitan) == 96
        assert all(
            41 < point.latitude < 51.2 and -5.2 < point.longitude < 9.6
            for point in metropolitan.values()
        )
