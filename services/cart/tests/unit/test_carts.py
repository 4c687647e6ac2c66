import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.carts import (
    MAX_COUPONS,
    MAX_LINES,
    MAX_QUANTITY,
    MOVES,
    Line,
    State,
    by_sku,
    changed,
    merged,
    moved,
    with_coupon,
    with_delivery,
    with_quantity,
    with_units,
    without_coupon,
    without_line,
)
from comptoir_cart.errors import (
    CartFull,
    CartNotOpen,
    CouponNotFound,
    LineNotFound,
    QuantityAboveLimit,
    TooManyCoupons,
)
from services.cart.tests.factories import NOW, cart, line, shipped

skus = st.sampled_from("ABCDE")
lines = st.dictionaries(skus, st.integers(1, 20)).map(
    lambda units: tuple(line(sku, quantity) for sku, quantity in units.items())
)


class TestMoves:
    @pytest.mark.parametrize("to", list(State))
    @pytest.mark.parametrize("state", list(State))
    def test_only_listed_moves_are_allowed(self, state: State, to: State) -> None:
        if to in MOVES[state]:
            assert moved(cart(state=state), to, NOW).state is to
        else:
            with pytest.raises(CartNotOpen) as refused:
                moved(cart(state=state), to, NOW)
            assert refused.value.metadata == {"state": state.name}

    @pytest.mark.parametrize("state", [state for state in State if state is not State.OPEN])
    def test_only_an_open_cart_can_be_changed(self, state: State) -> None:
        with pytest.raises(CartNotOpen):
            changed(cart(state=state), NOW)


class TestWithUnits:
    def test_a_line_of_the_same_sku_grows(self) -> None:
        before = cart(line("A", 2, note="blue"), line("B"))
        after = with_units(before, Line("lin_new", "A", 3), "")
        assert after.lines == (line("A", 5, note="blue"), line("B"))

    def test_a_new_sku_comes_last(self) -> None:
        after = with_units(cart(line("B")), line("A"), "store")
        assert (after.lines, after.channel) == ((line("B"), line("A")), "store")

    def test_growing_above_the_limit_is_refused(self) -> None:
        with pytest.raises(QuantityAboveLimit) as refused:
            with_units(cart(line("A", MAX_QUANTITY)), line("A"), "")
        assert refused.value.metadata == {"limit": "9999"}

    def test_a_full_cart_takes_no_other_sku(self) -> None:
        full = cart(*(line(f"S{number}") for number in range(MAX_LINES)))
        with pytest.raises(CartFull):
            with_units(full, line("one-more"), "")
        assert with_units(full, line("S0"), "").lines[0].quantity == 2


class TestLines:
    def test_a_quantity_is_set(self) -> None:
        assert with_quantity(cart(line("A"), line("B")), "lin_B", 7).lines[1].quantity == 7

    def test_a_line_is_removed(self) -> None:
        assert without_line(cart(line("A"), line("B")), "lin_A").lines == (line("B"),)

    def test_an_unknown_line_is_refused(self) -> None:
        with pytest.raises(LineNotFound):
            with_quantity(cart(line("A")), "lin_B", 1)
        with pytest.raises(LineNotFound):
            without_line(cart(line("A")), "lin_B")

    def test_one_line_per_sku_with_all_units(self) -> None:
        given_twice = (line("A", 2), line("B"), line("A", 3))
        assert by_sku(given_twice) == (line("A", 5), line("B"))


class TestCoupons:
    def test_the_same_code_twice_is_one_coupon(self) -> None:
        once = with_coupon(cart(), "C")
        assert with_coupon(once, "C").coupons == ("C",)

    def test_the_number_of_coupons_is_limited(self) -> None:
        full = cart(coupons=tuple(f"C{number}" for number in range(MAX_COUPONS)))
        with pytest.raises(TooManyCoupons):
            with_coupon(full, "ONE-MORE")

    def test_a_coupon_that_is_not_there_cannot_be_taken_off(self) -> None:
        with pytest.raises(CouponNotFound):
            without_coupon(cart(coupons=("A",)), "B")
        assert without_coupon(cart(coupons=("A", "B")), "A").coupons == ("B",)


class TestWithDelivery:
    def test_the_country_follows_the_address(self) -> None:
        assert with_delivery(cart(country="BE"), shipped()).country == "FR"


class TestMerged:
    @given(lines, lines)
    def test_each_sku_keeps_its_larger_quantity(
        self, theirs: tuple[Line, ...], ours: tuple[Line, ...]
    ) -> None:
        expected: dict[str, int] = {}
        for each in (*ours, *theirs):
            expected[each.sku] = max(expected.get(each.sku, 0), each.quantity)
        after = merged(cart(*ours), cart(*theirs))
        assert {each.sku: each.quantity for each in after.lines} == expected
        assert len(after.lines) == len(expected)

    @given(lines, lines)
    def test_twice_is_once(self, theirs: tuple[Line, ...], ours: tuple[Line, ...]) -> None:
        source = cart(*theirs, coupons=("A", "B"))
        once = merged(cart(*ours, coupons=("B", "C")), source)
        assert once.coupons == ("B", "C", "A")
        assert merged(once, source) == once

    def test_the_delivery_of_the_target_stays(self) -> None:
        assert merged(cart(), cart(delivery=shipped())).delivery == shipped()
        target = cart(delivery=shipped("express"))
        assert merged(target, cart(delivery=shipped())).delivery == shipped("express")
