from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.carts import MAX_LINES, MAX_QUANTITY
from comptoir_cart.domain.prices import (
    MOST,
    ListedPrice,
    Price,
    PriceList,
    require_settable,
    resolve,
    resolve_all,
)
from comptoir_runtime.errors import InvalidFields, Violation
from services.cart.tests.factories import JACKET, NOW, listed

BASE = listed(JACKET, 12_900)
MOBILE = listed(JACKET, 12_500, price_list="mobile_app", for_channel=True, priority=10)
PROFESSIONAL = listed(JACKET, 11_000, price_list="professionals", for_group=True)


class TestResolve:
    def test_nothing_is_listed(self) -> None:
        assert resolve([], 1) is None

    def test_a_list_of_the_channel_beats_one_for_all(self) -> None:
        assert resolve([BASE, MOBILE], 1) is MOBILE

    def test_a_list_of_the_group_beats_one_of_the_channel(self) -> None:
        assert resolve([BASE, MOBILE, PROFESSIONAL], 1) is PROFESSIONAL

    def test_the_more_specific_list_wins_even_when_it_is_dearer(self) -> None:
        dear = listed(JACKET, 20_000, price_list="store", for_channel=True)
        assert resolve([BASE, dear], 1) is dear

    def test_among_equally_specific_lists_the_priority_decides(self) -> None:
        sale = listed(JACKET, 13_500, price_list="sale", priority=20)
        assert resolve([BASE, sale], 1) is sale

    def test_among_equal_lists_the_lower_price_decides(self) -> None:
        other = listed(JACKET, 12_800, price_list="other")
        assert resolve([BASE, other], 1) is other

    def test_the_best_tier_that_is_reached_decides(self) -> None:
        tiers = [
            BASE,
            listed(JACKET, 12_000, min_quantity=3),
            listed(JACKET, 11_500, min_quantity=10),
        ]
        assert [resolve(tiers, quantity) for quantity in (1, 2, 3, 9, 10, 11)] == [
            tiers[0],
            tiers[0],
            tiers[1],
            tiers[1],
            tiers[2],
            tiers[2],
        ]

    def test_a_specific_list_without_a_price_for_the_quantity_leaves_it_to_the_next(self) -> None:
        from_ten = listed(
            JACKET, 9_900, price_list="professionals", for_group=True, min_quantity=10
        )
        assert resolve([BASE, from_ten], 9) is BASE
        assert resolve([BASE, from_ten], 10) is from_ten

    @given(
        st.lists(
            st.builds(
                ListedPrice,
                sku=st.just(JACKET),
                min_quantity=st.integers(1, 5),
                amount=st.integers(0, 50),
                price_list=st.sampled_from("abc"),
                tax_included=st.just(True),
                for_group=st.booleans(),
                for_channel=st.booleans(),
                priority=st.integers(0, 2),
            ),
            max_size=8,
        ),
        st.randoms(use_true_random=False),
    )
    def test_the_order_of_the_candidates_does_not_matter(
        self, candidates: list[ListedPrice], random: Random
    ) -> None:
        shuffled = random.sample(candidates, len(candidates))
        for quantity in range(1, 6):
            first, second = resolve(candidates, quantity), resolve(shuffled, quantity)
            assert first == second or (
                first is not None and second is not None and first.amount == second.amount
            )


class TestResolveAll:
    def test_tiers_begin_where_the_buyer_gets_them(self) -> None:
        resolved = resolve_all(
            JACKET,
            [
                BASE,
                listed(JACKET, 12_000, min_quantity=3),
                listed(JACKET, 11_000, min_quantity=5, price_list="group", for_group=True),
                listed(JACKET, 10_000, min_quantity=8),
            ],
        )
        assert resolved.price is BASE
        # From five on the group's list wins: the eight of the base list are never reached.
        assert [(tier.min_quantity, tier.amount) for tier in resolved.tiers] == [
            (3, 12_000),
            (5, 11_000),
        ]

    def test_a_sku_sold_from_two_units_on_has_no_price_for_one(self) -> None:
        resolved = resolve_all(JACKET, [listed(JACKET, 500, min_quantity=2)])
        assert resolved.price is None
        assert [(tier.min_quantity, tier.amount) for tier in resolved.tiers] == [(2, 500)]

    def test_an_unknown_sku_has_no_price(self) -> None:
        resolved = resolve_all(JACKET, [])
        assert (resolved.price, resolved.tiers) == (None, ())


class TestOpenToEverybody:
    def test_from_its_first_moment_until_its_last(self) -> None:
        sale = PriceList("sale", "EUR", True, valid_from=NOW, valid_to=NOW + timedelta(seconds=10))
        moments = (-1, 0, 9, 10)
        assert [sale.open_to_everybody(NOW + timedelta(seconds=at)) for at in moments] == [
            False,
            True,
            True,
            False,
        ]

    def test_a_list_of_a_group_never_is(self) -> None:
        assert not PriceList("pro", "EUR", True, customer_group="pro").open_to_everybody(NOW)


class TestRequireSettable:
    def test_another_currency_and_a_price_given_twice_are_named(self) -> None:
        prices = [
            Price(JACKET, 1, 100, "EUR"),
            Price(JACKET, 1, 200, "EUR"),
            Price(JACKET, 2, 300, "JPY"),
        ]
        with pytest.raises(InvalidFields) as refused:
            require_settable(prices, "EUR")
        assert refused.value.violations == (
            Violation("prices[1]", "is given twice"),
            Violation("prices[2].amount.currency", "the currency of the list is EUR"),
        )

    def test_24_what_no_cart_could_count_is_named(self) -> None:
        require_settable([Price(JACKET, 1, MOST, "JPY")], "JPY")
        with pytest.raises(InvalidFields) as refused:
            require_settable([Price(JACKET, 1, MOST + 1, "JPY")], "JPY")
        assert [each.field for each in refused.value.violations] == ["prices[0].amount.amount"]
        assert 2 * MAX_LINES * MAX_QUANTITY * MOST < 2**63  # twice: no tax doubles a price
