"""The amount guard: what was taken for goods that left is compared with what was agreed."""

import pytest

from comptoir_orders.domain.processes import CaptureData

# 54.90 of a payment that pays 74.90 of the order.
ASKED = CaptureData("ful_1", "pay_1", 5490, "EUR", 7490)


class TestTheAmountGuard:
    @pytest.mark.parametrize("captured", [5490, 7490])
    def test_what_was_asked_for_and_all_that_was_agreed_is_right(self, captured: int) -> None:
        assert ASKED.agrees(7490, captured, "EUR")

    @pytest.mark.parametrize(
        ("authorised", "captured", "currency"),
        [
            (7491, 5490, "EUR"),
            (7489, 5490, "EUR"),
            (7490, 7491, "EUR"),
            (7490, 5489, "EUR"),
            (7490, 0, "EUR"),
            (7490, 5490, "USD"),
        ],
        ids=[
            "more was kept than agreed",
            "less was kept than agreed",
            "more was taken than agreed",
            "less was taken than asked for",
            "nothing was taken",
            "another currency",
        ],
    )
    def test_anything_else_is_not(self, authorised: int, captured: int, currency: str) -> None:
        assert not ASKED.agrees(authorised, captured, currency)

    def test_a_row_of_before_there_were_several_payments_knows_no_share(self) -> None:
        old = CaptureData("ful_1", "pay_1", 5490, "EUR")

        assert old.agrees(9990, 5490, "EUR")
        assert not old.agrees(9990, 9991, "EUR")
