"""Who is asked for money, and who it is offered to."""

import pytest

from comptoir_payments.domain import methods


class TestProviders:
    @pytest.mark.parametrize(
        ("configured", "asked"),
        [
            ({"sandbox", "till"}, "sandbox"),
            ({"stripe", "till"}, "stripe"),
            ({"sandbox", "stripe", "till"}, "stripe"),
        ],
    )
    def test_cards_go_to_stripe_wherever_there_is_stripe(
        self, configured: set[str], asked: str
    ) -> None:
        method = methods.by_token("card", "EUR")
        assert method is not None
        assert method.provider_among(configured) == asked
        shown = {
            each.code: each.provider
            for each in methods.offered("web", "FR", "EUR", None, configured)
        }
        assert shown["card"] == asked

    def test_a_till_stays_a_till(self) -> None:
        offered = methods.offered("store", "FR", "EUR", None, {"sandbox", "stripe", "till"})
        assert {each.code: each.provider for each in offered if not each.by_token} == {
            "cash": "till",
            "terminal": "till",
        }
