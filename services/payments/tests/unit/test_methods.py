"""Who is asked for money, and who it is offered to."""

from typing import Any

import pytest

from comptoir_payments.domain import methods
from comptoir_payments.errors import PaymentMethodNotOffered


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
        method = methods.to_authorise("card", "web", "EUR", 4200)
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


class TestWhatIsOffered:
    @pytest.mark.parametrize("channel", ["web", "mobile", "kiosk", "call_centre", "ecommerce"])
    def test_whatever_a_channel_is_called_it_has_what_the_web_has(self, channel: str) -> None:
        assert methods.offered(channel, "FR", "EUR") == methods.offered("web", "FR", "EUR")

    @pytest.mark.parametrize(
        ("channel", "others"),
        [
            ("web", {"on_account"}),
            ("kiosk", {"on_account"}),
            ("store", {"on_account"}),
            ("b2b", {"gift_card", "store_credit"}),
        ],
    )
    def test_what_is_listed_is_what_can_be_authorised(self, channel: str, others: set[str]) -> None:
        """12: no method that the channel does not offer."""
        listed = {each.code for each in methods.offered(channel, "FR", "EUR") if each.by_token}
        refused = {}
        for code in {each.code for each in methods.METHODS if each.by_token} - listed:
            with pytest.raises(PaymentMethodNotOffered) as refusal:
                methods.to_authorise(code, channel, "EUR", 4200)
            refused[code] = dict(refusal.value.metadata)

        assert {methods.to_authorise(code, channel, "EUR", 4200).code for code in listed} == listed
        assert refused == {code: {"method": code, "field": "channel"} for code in others}

    @pytest.mark.parametrize(
        ("asked", "field"),
        [
            ({}, ""),
            ({"amount": 500}, ""),
            ({"amount": 100_00}, ""),
            ({"amount": 499}, "amount"),
            ({"amount": 100_01}, "amount"),
            ({"currency": "USD", "amount": 1}, ""),
            ({"currency": "JPY"}, "currency"),
            ({"country": "US"}, "country"),
            ({"channel": "web", "amount": 1}, "channel"),
            ({"channel": "", "country": "", "amount": None}, ""),
        ],
    )
    def test_the_first_thing_it_is_not_for_is_named(
        self, asked: dict[str, Any], field: str
    ) -> None:
        later = methods.Method(
            code="later",
            provider="sandbox",
            names={"fr": "Plus tard"},
            channels=frozenset({"b2b"}),
            countries=frozenset({"FR"}),
            currencies=frozenset({"EUR", "USD"}),
            amounts={"EUR": (5_00, 100_00)},
        )
        usual: dict[str, Any] = {
            "channel": "b2b",
            "country": "FR",
            "currency": "EUR",
            "amount": 50_00,
        }
        assert later.refusal(**usual | asked) == field
