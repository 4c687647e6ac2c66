import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir.type.v1.money_pb2 import Money
from comptoir_runtime.errors import InvalidArgument
from comptoir_runtime.money import (
    _EXPONENTS,
    allocate,
    exponent,
    from_minor,
    round_half_up,
    to_minor,
)

CURRENCIES = st.sampled_from(sorted(_EXPONENTS))
AMOUNTS = st.integers(-(10**15) + 1, 10**15 - 1)


class TestExponent:
    @pytest.mark.parametrize(
        ("currency", "digits"), [("EUR", 2), ("JPY", 0), ("KWD", 3), ("CLF", 4), ("USD", 2)]
    )
    def test_is_that_of_iso_4217(self, currency: str, digits: int) -> None:
        assert exponent(currency) == digits

    @pytest.mark.parametrize("currency", ["", "eur", "EURO", "XXX", "ZZZ"])
    def test_an_unknown_currency_is_refused_by_field(self, currency: str) -> None:
        with pytest.raises(InvalidArgument) as caught:
            exponent(currency)

        assert [violation.field for violation in caught.value.violations] == ["currency"]


class TestConversion:
    @pytest.mark.parametrize(
        ("amount", "currency", "minor"),
        [
            ("19.99", "EUR", 1999),
            ("-5.00", "EUR", -500),
            ("0.05", "EUR", 5),
            ("-0.05", "EUR", -5),
            ("0.00", "EUR", 0),
            ("1200", "JPY", 1200),
            ("-1", "JPY", -1),
            ("0.500", "KWD", 500),
            ("-1.005", "KWD", -1005),
            ("1.2345", "CLF", 12345),
            ("922337203685477.5807", "CLF", 2**63 - 1),
        ],
    )
    def test_is_exact_both_ways(self, amount: str, currency: str, minor: int) -> None:
        assert to_minor(Money(currency=currency, amount=amount)) == minor
        assert from_minor(minor, currency) == Money(currency=currency, amount=amount)

    @given(AMOUNTS, CURRENCIES)
    def test_there_and_back_changes_nothing(self, minor: int, currency: str) -> None:
        money = from_minor(minor, currency)

        assert to_minor(money) == minor
        assert re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,4})?", money.amount)

    @pytest.mark.parametrize(
        ("amount", "currency"),
        [
            ("19.999", "EUR"),
            ("19.9", "EUR"),
            ("19", "EUR"),
            ("0.5", "JPY"),
            ("12.00", "JPY"),
            ("0.50", "KWD"),
            ("", "EUR"),
            (".50", "EUR"),
            ("1.", "EUR"),
            ("+1.00", "EUR"),
            ("1e2", "JPY"),
            ("1 000.00", "EUR"),
            ("NaN", "EUR"),
            ("١.٠٠", "EUR"),  # digits, but not ours
            ("1.00\n", "EUR"),
            ("1234567890123456.00", "EUR"),
            ("922337203685477.5808", "CLF"),
            ("-999999999999999.9999", "CLF"),
        ],
    )
    def test_other_digits_than_the_currencys_or_too_many_are_refused(
        self, amount: str, currency: str
    ) -> None:
        with pytest.raises(InvalidArgument) as caught:
            to_minor(Money(currency=currency, amount=amount))

        assert [violation.field for violation in caught.value.violations] == ["amount"]

    @pytest.mark.parametrize(
        ("amount", "currency", "field"),
        [("1.0", "EUR", "lines[3].fee.amount"), ("1.00", "XXX", "lines[3].fee.currency")],
    )
    def test_a_field_within_others_is_named_whole(
        self, amount: str, currency: str, field: str
    ) -> None:
        with pytest.raises(InvalidArgument) as caught:
            to_minor(Money(currency=currency, amount=amount), "lines[3].fee")

        assert [violation.field for violation in caught.value.violations] == [field]


class TestAllocate:
    @pytest.mark.parametrize(
        ("total", "weights", "parts"),
        [
            (100, [1, 1, 1], [34, 33, 33]),
            (101, [1, 1, 1], [34, 34, 33]),
            (5, [3, 7], [2, 3]),
            (-100, [1, 1, 1], [-34, -33, -33]),
            (10, [0, 0], [5, 5]),
            (11, [0, 0], [6, 5]),
            (7, [0, 1], [0, 7]),
            (0, [2, 3], [0, 0]),
            (1, [1, 1000], [0, 1]),
        ],
    )
    def test_goes_by_largest_remainder_and_then_by_place(
        self, total: int, weights: list[int], parts: list[int]
    ) -> None:
        assert allocate(total, weights) == parts

    @given(AMOUNTS, st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
    def test_parts_sum_to_the_total_and_are_off_by_less_than_one(
        self, total: int, weights: list[int]
    ) -> None:
        parts = allocate(total, weights)

        assert sum(parts) == total
        assert len(parts) == len(weights)
        whole = sum(weights) or len(weights)
        for part, weight in zip(parts, weights if any(weights) else [1] * whole, strict=True):
            assert abs(part * whole - total * weight) < whole

    @given(st.integers(0, 10**9), st.lists(st.integers(1, 10**6), min_size=2, max_size=20))
    def test_no_part_has_the_wrong_sign(self, total: int, weights: list[int]) -> None:
        assert min(allocate(total, weights)) >= 0
        assert max(allocate(-total, weights)) <= 0

    @pytest.mark.parametrize("weights", [[], [1, -1]])
    def test_refuses_weights_without_meaning(self, weights: list[int]) -> None:
        with pytest.raises(ValueError, match="weight"):
            allocate(100, weights)


class TestRoundHalfUp:
    @pytest.mark.parametrize(
        ("numerator", "denominator", "rounded"),
        [
            (5, 2, 3),
            (4, 2, 2),
            (7, 3, 2),
            (8, 3, 3),
            (-5, 2, -3),
            (5, -2, -3),
            (-5, -2, 3),
            (0, 7, 0),
        ],
    )
    def test_halves_go_away_from_zero(self, numerator: int, denominator: int, rounded: int) -> None:
        assert round_half_up(numerator, denominator) == rounded

    @given(st.integers(), st.integers().filter(bool))
    def test_is_never_off_by_more_than_a_half(self, numerator: int, denominator: int) -> None:
        difference = round_half_up(numerator, denominator) * denominator - numerator

        assert 2 * abs(difference) <= abs(denominator)

    def test_nothing_divides_by_zero(self) -> None:
        with pytest.raises(ZeroDivisionError):
            round_half_up(1, 0)
