"""Stripe's objects, amounts and reasons in our words, without a network."""

from datetime import UTC, datetime
from typing import Any

import pytest

from comptoir_payments.domain.reports import Status
from comptoir_payments.providers.stripe.amounts import NotRepresentable, from_stripe, to_stripe
from comptoir_payments.providers.stripe.declines import Decline, read_decline
from comptoir_payments.providers.stripe.reading import (
    UNREADABLE,
    captured_under,
    read_intent,
    takes_parts,
    with_disputes,
    without_failed_refunds,
)
from services.payments.tests.stripe_objects import challenged, charge, declined, intent, taken


class TestAmounts:
    @pytest.mark.parametrize(
        ("minor", "currency", "stripe"),
        [
            (1999, "EUR", 1999),
            (1200, "JPY", 1200),
            (5, "ISK", 500),
            (5, "UGX", 500),
            (1000, "MGA", 10),
            (10100, "HUF", 10100),
            (80045, "TWD", 80045),
            (5120, "KWD", 5120),
            (5120, "TND", 5120),
        ],
    )
    def test_both_count_the_same_money(self, minor: int, currency: str, stripe: int) -> None:
        assert to_stripe(minor, currency) == stripe
        assert from_stripe(stripe, currency) == minor

    @pytest.mark.parametrize(("minor", "currency"), [(5124, "KWD"), (1, "BHD"), (150, "MGA")])
    def test_what_stripe_would_round_is_refused(self, minor: int, currency: str) -> None:
        with pytest.raises(NotRepresentable):
            to_stripe(minor, currency)

    def test_what_we_would_round_is_refused(self) -> None:
        with pytest.raises(NotRepresentable):
            from_stripe(550, "ISK")

    @pytest.mark.parametrize("amount", [None, "10", 10.0, -1, True])
    def test_what_is_no_amount_is_refused(self, amount: object) -> None:
        with pytest.raises(ValueError, match="whole number"):
            from_stripe(amount, "EUR")


class TestDeclines:
    @pytest.mark.parametrize(
        ("error", "decline"),
        [
            ({"code": "expired_card"}, Decline("expired_card", False)),
            ({"code": "incorrect_cvc"}, Decline("incorrect_cvc", True)),
            (
                {"code": "card_declined", "decline_code": "insufficient_funds"},
                Decline("insufficient_funds", True),
            ),
            (
                {"code": "payment_intent_authentication_failure"},
                Decline("authentication_failed", True),
            ),
            (
                {"code": "card_declined", "decline_code": "do_not_honor"},
                Decline("card_declined", False),
            ),
            ({}, Decline("card_declined", False)),
        ],
    )
    def test_the_reason_is_told_in_our_words(self, error: Any, decline: Decline) -> None:
        assert read_decline(error) == decline

    @pytest.mark.parametrize("code", ["stolen_card", "lost_card", "pickup_card", "fraudulent"])
    def test_a_thief_is_told_nothing(self, code: str) -> None:
        error = {"code": "card_declined", "decline_code": code}
        assert read_decline(error) == Decline("card_declined", False)

    @pytest.mark.parametrize(
        ("advice", "retryable"),
        [("try_again_later", True), ("confirm_card_data", True), ("do_not_try_again", False)],
    )
    def test_the_issuers_advice_outweighs_the_reason(self, advice: str, retryable: bool) -> None:
        for code in ("insufficient_funds", "do_not_honor"):
            error = {"code": "card_declined", "decline_code": code, "advice_code": advice}
            assert read_decline(error).retryable is retryable


class TestIntents:
    def test_an_approval(self) -> None:
        report = read_intent(intent())
        assert (report.status, report.currency) == (Status.APPROVED, "EUR")
        assert (report.authorised, report.held) == (1000, 1000)
        assert (report.payment, report.reference) == ("pay_1", "pi_1")
        assert report.display == "Visa •• 4242"
        assert report.expires_at == datetime(2096, 10, 2, 7, 6, 40, tzinfo=UTC)

    def test_what_was_really_approved_counts(self) -> None:
        """F24: the charge tells, not what was asked for."""
        assert read_intent(intent(latest_charge=charge(amount=900))).authorised == 900

    def test_a_challenge_tells_where_the_payer_has_to_go(self) -> None:
        report = read_intent(challenged("https://bank.example/1"))
        assert (report.status, report.authorised) == (Status.REQUIRES_ACTION, 0)
        assert report.action_url == "https://bank.example/1"

    def test_a_decline_tells_why(self) -> None:
        report = read_intent(declined())
        assert (report.status, report.authorised) == (Status.DECLINED, 0)
        assert (report.decline_code, report.retryable) == ("insufficient_funds", True)
        assert report.display == "Mastercard •• 4444"

    def test_of_a_part_taken_the_rest_is_given_up(self) -> None:
        report = read_intent(taken(400))
        assert (report.captured, report.voided, report.held) == (400, 600, 0)

    def test_of_a_part_taken_the_rest_is_kept_where_that_is_allowed(self) -> None:
        report = read_intent(
            taken(
                400,
                amount_capturable=600,
                latest_charge=charge(amount_captured=400),
                status="requires_capture",
            )
        )
        assert (report.captured, report.voided, report.held) == (400, 0, 600)

    def test_what_was_given_back(self) -> None:
        given = charge(amount_captured=1000, captured=True, amount_refunded=300)
        report = read_intent(taken(1000, latest_charge=given))
        assert (report.captured, report.refunded) == (1000, 300)

    def test_given_up_before_it_was_decided(self) -> None:
        report = read_intent(intent(amount_capturable=0, latest_charge=None, status="canceled"))
        assert (report.status, report.authorised, report.voided) == (Status.VOIDED, 0, 0)

    def test_given_up_after_a_part_was_taken(self) -> None:
        report = read_intent(taken(400, status="canceled"))
        assert (report.status, report.captured, report.held) == (Status.APPROVED, 400, 0)

    @pytest.mark.parametrize(
        ("status", "ours"),
        [("processing", Status.PENDING), ("requires_confirmation", Status.PENDING)],
    )
    def test_what_is_not_decided_yet(self, status: str, ours: Status) -> None:
        made = intent(amount_capturable=0, latest_charge=None, status=status)
        assert read_intent(made).status is ours

    @pytest.mark.parametrize(
        "changes",
        [
            {"status": "partially_dreamt"},
            {"amount_received": None},
            {"amount_capturable": "1000"},
            {"metadata": {}},
            {"currency": None},
            {"latest_charge": "ch_1"},
            {"next_action": {"redirect_to_url": {"url": 1}}, "status": "requires_action"},
        ],
    )
    def test_what_cannot_be_read_tells_nothing(self, changes: dict[str, Any]) -> None:
        with pytest.raises(UNREADABLE):
            read_intent(intent(**changes))


class TestCaptures:
    def test_a_capture_is_found_by_its_key(self) -> None:
        assert captured_under(taken(400, "pop_2"), "pop_2") == 400
        assert captured_under(taken(400, "pop_2"), "pop_3") is None

    def test_others_are_not_counted(self) -> None:
        metadata = {"payment": "pay_1", "capture:pop_2": "400", "capture:pop_3": "600"}
        both = taken(1000, metadata=metadata)
        assert captured_under(both, "pop_3") == 600

    def test_f24_another_amount_than_asked_shows(self) -> None:
        assert captured_under(taken(400, amount_received=500), "pop_2") == 500

    @pytest.mark.parametrize(("status", "parts"), [("available", True), ("unavailable", False)])
    def test_whether_parts_may_be_taken(self, status: str, parts: bool) -> None:
        details = {"card": {"multicapture": {"status": status}}}
        made = intent(latest_charge=charge(payment_method_details=details))
        assert takes_parts(made) is parts

    def test_no_word_about_parts_means_no(self) -> None:
        assert not takes_parts(intent(latest_charge=charge(payment_method_details=None)))


def refund(amount: int, status: str = "succeeded") -> dict[str, Any]:
    return {"object": "refund", "amount": amount, "currency": "eur", "status": status}


def dispute(amount: int, status: str) -> dict[str, Any]:
    return {"object": "dispute", "amount": amount, "currency": "eur", "status": status}


class TestAftermath:
    @pytest.mark.parametrize("still_counted", [500, 300])
    def test_a_refund_that_failed_does_not_count_whatever_the_charge_says(
        self, still_counted: int
    ) -> None:
        given = charge(amount_captured=1000, captured=True, amount_refunded=still_counted)
        report = read_intent(taken(1000, latest_charge=given))
        refunds = [refund(300), refund(200, "failed")]
        assert without_failed_refunds(report, refunds).refunded == 300

    def test_refunds_under_way_count(self) -> None:
        given = charge(amount_captured=1000, captured=True, amount_refunded=500)
        report = read_intent(taken(1000, latest_charge=given))
        assert without_failed_refunds(report, [refund(300), refund(200, "pending")]) == report

    @pytest.mark.parametrize(
        ("disputes", "figures"),
        [
            ([dispute(400, "needs_response")], (400, 0)),
            ([dispute(400, "under_review")], (400, 0)),
            ([dispute(400, "won")], (0, 0)),
            ([dispute(400, "lost")], (0, 400)),
            ([dispute(400, "lost"), dispute(100, "under_review")], (100, 400)),
            # An inquiry takes nothing.
            ([dispute(400, "warning_needs_response")], (0, 0)),
            ([dispute(400, "warning_closed")], (0, 0)),
        ],
    )
    def test_what_banks_have_taken_back(
        self, disputes: list[dict[str, Any]], figures: tuple[int, int]
    ) -> None:
        disputed = charge(amount_captured=1000, captured=True, disputed=True)
        report = with_disputes(read_intent(taken(1000, latest_charge=disputed)), disputes)
        assert (report.disputed, report.charged_back) == figures
