"""The money rules of a payment, with pencil and paper."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_psp_sandbox import domain
from comptoir_psp_sandbox.cards import BEHAVIOURS, READY_MADE_METHODS
from comptoir_psp_sandbox.domain import Payment, PaymentRequest, Status
from comptoir_psp_sandbox.errors import (
    AuthorisationExpired,
    CaptureExceedsAuthorised,
    NothingToVoid,
    PaymentNotAuthorised,
    PaymentVoided,
    RefundExceedsCaptured,
)

NOW = 1_800_000_000
LIFETIME = 600


def a_payment(method: str = "pm_card_visa", amount: int = 1000, capture: bool = False) -> Payment:
    return domain.open_payment(
        PaymentRequest(amount, "EUR", method, capture, "order-1", ""),
        READY_MADE_METHODS[method],
        payment_id="pay_1",
        challenge_url="http://psp/challenge/pay_1",
        now=NOW,
        lifetime=LIFETIME,
    )


class TestAuthorise:
    def test_success_holds_the_whole_amount_and_takes_nothing(self) -> None:
        payment = a_payment()
        assert (payment.status, payment.authorised_amount, payment.captured_amount) == (
            Status.AUTHORISED,
            1000,
            0,
        )

    def test_capture_at_once_takes_the_whole_amount(self) -> None:
        payment = a_payment(capture=True)
        assert (payment.status, payment.captured_amount) == (Status.CAPTURED, 1000)

    @pytest.mark.parametrize(
        ("token", "code"),
        [
            ("pm_card_declined", "card_declined"),
            ("pm_card_insufficient_funds", "insufficient_funds"),
            ("pm_card_expired", "expired_card"),
            ("pm_card_incorrect_cvc", "incorrect_cvc"),
        ],
    )
    def test_a_declined_card_holds_nothing(self, token: str, code: str) -> None:
        payment = a_payment(token)
        assert (payment.status, payment.decline_code, payment.authorised_amount) == (
            Status.DECLINED,
            code,
            0,
        )

    def test_three_d_secure_waits_for_the_buyer(self) -> None:
        payment = a_payment("pm_card_3ds")
        assert payment.status is Status.REQUIRES_ACTION
        assert payment.action == domain.Action("http://psp/challenge/pay_1")
        approved = domain.approve(payment, BEHAVIOURS["three_d_secure"])
        assert (approved.status, approved.authorised_amount, approved.action) == (
            Status.AUTHORISED,
            1000,
            None,
        )

    def test_wrong_amount_and_wrong_currency_approve_something_else(self) -> None:
        assert a_payment("pm_card_wrong_amount").authorised_amount == 1100
        assert a_payment("pm_card_wrong_currency").currency == "XTS"


class TestCapture:
    def test_two_parcels_share_one_authorisation(self) -> None:
        first, taken = domain.capture(a_payment(), 400, NOW)
        assert (first.status, taken) == (Status.PARTIALLY_CAPTURED, 400)
        second, taken = domain.capture(first, None, NOW)
        assert (second.status, second.captured_amount, taken) == (Status.CAPTURED, 1000, 600)

    def test_more_than_is_left_is_refused_with_what_is_left(self) -> None:
        first, _ = domain.capture(a_payment(), 400, NOW)
        with pytest.raises(CaptureExceedsAuthorised) as refused:
            domain.capture(first, 601, NOW)
        assert refused.value.details == {"amount_left": 600}

    def test_nothing_is_captured_after_a_void(self) -> None:
        voided, released = domain.void(a_payment())
        assert (voided.status, released) == (Status.VOIDED, 1000)
        with pytest.raises(PaymentVoided):
            domain.capture(voided, 1, NOW)

    def test_nothing_is_captured_from_a_declined_card(self) -> None:
        with pytest.raises(PaymentNotAuthorised):
            domain.capture(a_payment("pm_card_declined"), 1, NOW)

    def test_nothing_is_captured_once_the_authorisation_has_expired(self) -> None:
        domain.capture(a_payment(), 1, NOW + LIFETIME - 1)
        with pytest.raises(AuthorisationExpired):
            domain.capture(a_payment(), 1, NOW + LIFETIME)


class TestVoid:
    def test_after_a_partial_capture_only_the_rest_is_released(self) -> None:
        partly, _ = domain.capture(a_payment(), 400, NOW)
        rest, released = domain.void(partly)
        assert (rest.status, rest.captured_amount, released) == (Status.CAPTURED, 400, 600)
        with pytest.raises(CaptureExceedsAuthorised):
            domain.capture(rest, 1, NOW)

    @pytest.mark.parametrize("token", ["pm_card_3ds", "pm_card_delayed"])
    def test_an_undecided_payment_can_be_voided(self, token: str) -> None:
        assert domain.void(a_payment(token))[0].status is Status.VOIDED

    def test_there_is_nothing_to_void_once_all_is_captured(self) -> None:
        with pytest.raises(NothingToVoid):
            domain.void(a_payment(capture=True))


class TestRefund:
    def test_never_more_than_was_captured(self) -> None:
        partly, _ = domain.refund(a_payment(capture=True), 300)
        with pytest.raises(RefundExceedsCaptured) as refused:
            domain.refund(partly, 701)
        assert refused.value.details == {"amount_left": 700}
        assert domain.refund(partly, None)[0].refunded_amount == 1000


STEPS: dict[str, Callable[[Payment, int], Payment]] = {
    "capture": lambda payment, amount: domain.capture(payment, amount, NOW)[0],
    "refund": lambda payment, amount: domain.refund(payment, amount)[0],
    "void": lambda payment, _: domain.void(payment)[0],
}


class TestAnyOrder:
    @given(st.lists(st.tuples(st.sampled_from(sorted(STEPS)), st.integers(1, 1200)), max_size=12))
    def test_amounts_never_leave_their_bounds(self, moves: list[tuple[str, int]]) -> None:
        payment = a_payment()
        for step, amount in moves:
            try:
                payment = STEPS[step](payment, amount)
            except (CaptureExceedsAuthorised, PaymentVoided, NothingToVoid, RefundExceedsCaptured):
                continue
        assert 0 <= payment.refunded_amount <= payment.captured_amount
        assert payment.captured_amount + payment.voided_amount <= payment.authorised_amount == 1000


class TestJson:
    @pytest.mark.parametrize("token", sorted(READY_MADE_METHODS))
    def test_a_payment_comes_back_from_its_json_unchanged(self, token: str) -> None:
        payment = a_payment(token)
        value: dict[str, Any] = orjson.loads(orjson.dumps(payment))
        assert Payment.from_json(value) == payment
