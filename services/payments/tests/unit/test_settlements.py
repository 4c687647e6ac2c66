"""What a provider's word means for a payment."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from comptoir_payments.domain.payments import (
    MOVES,
    ForbiddenMove,
    Kind,
    Payment,
    Progress,
    State,
    claim_capture,
    claim_refund,
    claim_release,
)
from comptoir_payments.domain.reports import NeverAsked, NoAnswer, Refusal, Status
from comptoir_payments.domain.settlements import (
    Occasion,
    Settlement,
    action_is_overdue,
    may_be_repeated,
    settle,
)
from comptoir_payments.errors import (
    AuthorisationExpired,
    CaptureExceedsAuthorisation,
    OperationInProgress,
    PaymentAlreadyCaptured,
    PaymentNotCapturable,
    RefundExceedsCapture,
)
from services.payments.tests.unit import values
from services.payments.tests.unit.values import NOW, authorised, created, report


def capturing(payment: Payment, amount: int) -> tuple[Payment, Settlement]:
    """The payment with a claim, and its settlement by a good answer."""
    claimed, taken = claim_capture(payment, amount, NOW)
    asked = values.operation(claimed, Kind.CAPTURE, taken)
    claimed = claimed.having(asked)
    return claimed, settle(claimed, asked, report(moved=taken), NOW)


class TestStates:
    def test_every_state_says_where_it_leads(self) -> None:
        assert MOVES.keys() == set(State)

    def test_every_state_can_be_reached(self) -> None:
        assert {State.CREATED}.union(*MOVES.values()) == set(State)

    @pytest.mark.parametrize("end", [State.VOIDED, State.FAILED, State.CAPTURED])
    def test_o3_an_end_is_an_end(self, end: State) -> None:
        for state in set(State) - {end}:
            with pytest.raises(ForbiddenMove):
                created(state=end).next(state)

    def test_a_closed_operation_is_not_settled_again(self) -> None:
        payment = authorised()
        with pytest.raises(ForbiddenMove, match="already"):
            settle(payment, payment.operations[0], report(), NOW)


class TestAuthorisation:
    def test_a_good_answer_authorises(self) -> None:
        payment = created()
        settled = settle(payment, payment.operations[0], report(), NOW)
        assert settled.payment.state is State.AUTHORISED
        assert settled.payment.authorised == 1000
        assert settled.occasion is Occasion.AUTHORISED
        assert settled.operation.progress is Progress.SUCCEEDED
        assert settled.operation.next_attempt_at is None
        assert settled.transfer is None

    @pytest.mark.parametrize(
        "changes", [{"authorised": 1100}, {"authorised": 999}, {"currency": "XTS"}]
    )
    def test_m7_anything_else_than_asked_is_refused(self, changes: dict[str, Any]) -> None:
        payment = created()
        settled = settle(payment, payment.operations[0], report(**changes), NOW)
        assert settled.payment.state is State.FAILED
        assert settled.payment.authorised == 0
        assert settled.payment.decline_code == "amount_mismatch"
        assert settled.look_again is True

    def test_no_answer_is_never_a_failure(self) -> None:
        payment = created()
        settled = settle(payment, payment.operations[0], NoAnswer(), NOW)
        assert settled.payment.state is State.UNKNOWN
        assert settled.operation.progress is Progress.UNKNOWN
        assert settled.operation.next_attempt_at == NOW + timedelta(seconds=2)
        assert settled.occasion is None

    def test_it_is_asked_again_later_and_later(self) -> None:
        payment, waits = created(), []
        for _ in range(8):
            settled = settle(payment, payment.operations[0], NoAnswer(), NOW)
            payment = settled.payment
            due = settled.operation.next_attempt_at
            assert due is not None
            waits.append((due - NOW).seconds)
        assert waits == [2, 5, 15, 60, 120, 300, 300, 300]

    def test_a_challenge_waits_for_the_payer_and_is_told_once(self) -> None:
        payment = created()
        asked = report(Status.REQUIRES_ACTION, action_url="https://bank.example/1")
        first = settle(payment, payment.operations[0], asked, NOW)
        second = settle(first.payment, first.operation, asked, NOW)
        assert first.payment.state is State.REQUIRES_ACTION
        assert first.payment.action_url == "https://bank.example/1"
        assert (first.occasion, second.occasion) == (Occasion.ACTION_REQUIRED, None)

    def test_a_lost_answer_leaves_a_waiting_payment_waiting(self) -> None:
        payment = created()
        asked = report(Status.REQUIRES_ACTION, action_url="https://bank.example/1")
        waiting = settle(payment, payment.operations[0], asked, NOW)
        settled = settle(waiting.payment, waiting.operation, NoAnswer(), NOW)
        assert settled.payment.state is State.REQUIRES_ACTION
        assert settled.payment.action_url == "https://bank.example/1"

    def test_a_decline_fails_the_payment(self) -> None:
        payment = created()
        no = report(Status.DECLINED, decline_code="insufficient_funds", retryable=True)
        settled = settle(payment, payment.operations[0], no, NOW)
        assert settled.payment.state is State.FAILED
        assert (settled.payment.decline_code, settled.payment.retryable) == (
            "insufficient_funds",
            True,
        )
        assert settled.occasion is Occasion.FAILED

    def test_what_never_arrived_stays_created(self) -> None:
        payment = created()
        settled = settle(payment, payment.operations[0], NeverAsked(), NOW)
        assert settled.payment.state is State.CREATED
        assert settled.operation.was_never_asked
        assert settled.occasion is None

    def test_an_approval_of_what_is_being_given_up_is_not_told(self) -> None:
        payment = created(voiding=True)
        settled = settle(payment, payment.operations[0], report(), NOW)
        assert settled.payment.state is State.AUTHORISED
        assert settled.occasion is None


class TestCapture:
    def test_the_claim_becomes_money(self) -> None:
        claimed, settled = capturing(authorised(), 600)
        assert (claimed.capturing, claimed.captured, claimed.capturable) == (600, 0, 400)
        assert (settled.payment.capturing, settled.payment.captured) == (0, 600)
        assert settled.payment.state is State.PARTIALLY_CAPTURED
        assert settled.transfer is not None
        assert settled.transfer.operation == "pop_1"

    def test_m4_a_claim_leaves_less_for_others(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        with pytest.raises(CaptureExceedsAuthorisation) as refused:
            claim_capture(claimed, 401, NOW)
        assert refused.value.metadata == {"amount_left": "4.00", "currency": "EUR"}

    def test_a_refused_capture_gives_its_claim_back(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        settled = settle(claimed, claimed.operations[-1], Refusal("payment_voided"), NOW)
        assert (settled.payment.capturing, settled.payment.captured) == (0, 0)
        assert settled.transfer is None

    def test_another_amount_than_asked_is_not_believed(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        settled = settle(claimed, claimed.operations[-1], report(moved=599), NOW)
        assert settled.payment.captured == 0
        assert settled.transfer is None
        assert settled.look_again is True

    def test_f24_as_much_of_another_currency_is_not_believed(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        word = report(moved=600, currency="JPY")
        settled = settle(claimed, claimed.operations[-1], word, NOW)
        assert settled.operation.failure_code == "amount_mismatch"
        assert (settled.payment.capturing, settled.payment.captured) == (0, 0)
        assert settled.transfer is None
        assert settled.look_again is True

    def test_f24_nor_is_a_refund_of_another_currency(self) -> None:
        claimed, given = claim_refund(authorised(captured=1000, state=State.CAPTURED), 400)
        asked = values.operation(claimed, Kind.REFUND, given)
        word = report(moved=400, currency="JPY")
        settled = settle(claimed.having(asked), asked, word, NOW)
        assert (settled.payment.refunding, settled.payment.refunded) == (0, 0)
        assert settled.transfer is None
        assert settled.look_again is True

    def test_a_fee_is_posted_with_the_capture(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        settled = settle(claimed, claimed.operations[-1], report(moved=600, fee=12), NOW)
        assert settled.transfer is not None
        assert {entry.account: entry.amount for entry in settled.transfer.entries} == {
            "provider_clearing:sandbox": 588,
            "provider_fees:sandbox": 12,
            "customer_receivable": -600,
        }

    @pytest.mark.parametrize("amount", [0, -1, 1001, 2**63])
    def test_case_38_impossible_amounts_are_refused(self, amount: int) -> None:
        with pytest.raises(CaptureExceedsAuthorisation):
            claim_capture(authorised(), amount, NOW)

    def test_a_promise_ends_at_its_second(self) -> None:
        payment = authorised(expires_at=NOW)
        claim_capture(payment, 1, NOW - timedelta(seconds=1))
        with pytest.raises(AuthorisationExpired):
            claim_capture(payment, 1, NOW)

    def test_nothing_is_taken_while_it_is_being_given_up(self) -> None:
        claimed, _ = claim_release(authorised())
        with pytest.raises(PaymentNotCapturable):
            claim_capture(claimed, 1, NOW)


class TestRelease:
    def test_the_rest_is_given_up(self) -> None:
        payment = authorised(state=State.PARTIALLY_CAPTURED, captured=600)
        claimed, amount = claim_release(payment)
        asked = values.operation(claimed, Kind.VOID, amount)
        settled = settle(claimed.having(asked), asked, report(moved=400), NOW)
        assert amount == 400
        assert (settled.payment.authorised, settled.payment.captured) == (600, 600)
        assert settled.payment.state is State.CAPTURED

    def test_giving_up_closes_what_was_not_decided(self) -> None:
        payment = created(state=State.REQUIRES_ACTION, provider_reference="psp_1")
        claimed, amount = claim_release(payment)
        asked = values.operation(claimed, Kind.VOID, amount)
        settled = settle(claimed.having(asked), asked, report(Status.VOIDED, moved=0), NOW)
        assert settled.payment.state is State.VOIDED
        assert [each.progress for each in settled.operations] == [
            Progress.SUCCEEDED,
            Progress.FAILED,
        ]
        assert not any(each.is_open for each in settled.payment.operations)

    def test_what_was_taken_without_us_is_left_room_for_and_looked_into(self) -> None:
        claimed, amount = claim_release(authorised())
        asked = values.operation(claimed, Kind.VOID, amount)
        settled = settle(claimed.having(asked), asked, report(moved=700, captured=300), NOW)
        assert settled.payment.state is State.AUTHORISED
        assert (settled.payment.authorised, settled.payment.captured) == (300, 0)
        assert settled.look_again is True

    def test_what_the_provider_has_given_up_already_is_given_up(self) -> None:
        claimed, amount = claim_release(authorised())
        asked = values.operation(claimed, Kind.VOID, amount)
        settled = settle(claimed.having(asked), asked, Refusal("payment_voided"), NOW)
        assert settled.payment.state is State.VOIDED

    def test_another_refusal_makes_us_look_again(self) -> None:
        claimed, amount = claim_release(authorised())
        asked = values.operation(claimed, Kind.VOID, amount)
        settled = settle(claimed.having(asked), asked, Refusal("nothing_to_void"), NOW)
        assert settled.payment.state is State.AUTHORISED
        assert settled.payment.voiding is False
        assert settled.look_again is True

    def test_not_while_money_is_being_taken(self) -> None:
        claimed, _ = capturing(authorised(), 600)
        with pytest.raises(OperationInProgress):
            claim_release(claimed)

    def test_not_when_all_was_taken(self) -> None:
        with pytest.raises(PaymentAlreadyCaptured):
            claim_release(authorised(state=State.CAPTURED, captured=1000))


class TestRefund:
    def test_m10_parts_end_at_exactly_nothing(self) -> None:
        payment = authorised(state=State.CAPTURED, captured=1000, refunded=667)
        claimed, amount = claim_refund(payment, None)
        asked = values.operation(claimed, Kind.REFUND, amount)
        settled = settle(claimed.having(asked), asked, report(moved=amount), NOW)
        assert amount == 333
        assert settled.payment.refundable == 0
        assert settled.payment.state is State.CAPTURED

    def test_more_than_was_taken_is_refused(self) -> None:
        payment = authorised(state=State.CAPTURED, captured=1000, refunded=667)
        with pytest.raises(RefundExceedsCapture) as refused:
            claim_refund(payment, 334)
        assert refused.value.metadata == {"amount_left": "3.33", "currency": "EUR"}


class TestTimes:
    def test_a_key_is_used_again_for_23_hours(self) -> None:
        asked = created().operations[0]
        assert may_be_repeated(asked, NOW + timedelta(hours=23) - timedelta(seconds=1))
        assert not may_be_repeated(asked, NOW + timedelta(hours=23))

    def test_a_payer_has_an_hour(self) -> None:
        asked = replace(created().operations[0])
        assert not action_is_overdue(asked, NOW + timedelta(minutes=59))
        assert action_is_overdue(asked, NOW + timedelta(hours=1))
