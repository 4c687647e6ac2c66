"""Our books against the provider's: what is to be done when they differ."""

from dataclasses import replace
from typing import Any

import pytest

from comptoir_payments.domain.payments import Kind, Payment, Progress, State
from comptoir_payments.domain.reconciliation import (
    Step,
    adopted,
    claim,
    is_foreign,
    is_settled,
    next_step,
)
from comptoir_payments.domain.reports import Report, Status
from comptoir_payments.domain.settlements import settle
from services.payments.tests.unit import values
from services.payments.tests.unit.values import NOW, authorised, created, report


def captured(amount: int = 1000, **changes: Any) -> Payment:
    whole = amount == 1000
    state = State.CAPTURED if whole else State.PARTIALLY_CAPTURED
    return authorised(state=state, captured=amount, **changes)


def ended(state: State) -> Payment:
    payment = authorised(state=state, authorised=0)
    closed = replace(payment.operations[0], progress=Progress.FAILED)
    return payment.having(closed)


class TestNextStep:
    @pytest.mark.parametrize(
        ("payment", "told", "step"),
        [
            (authorised(), report(), Step.NOTHING),
            (authorised(), report(captured=300), Step.ADOPT_CAPTURE),
            (captured(300), report(captured=300), Step.NOTHING),
            (captured(300), report(captured=300, refunded=100), Step.ADOPT_REFUND),
            (captured(300), report(captured=300, voided=700), Step.ADOPT_RELEASE),
            # Refunded before captured, as far as we know: the capture comes first.
            (authorised(), report(captured=300, refunded=100), Step.ADOPT_CAPTURE),
            # A refund could not be delivered.
            (
                captured(1000, refunded=200),
                report(captured=1000, refunded=100),
                Step.ADOPT_REVERSAL,
            ),
            (captured(), report(captured=1000, disputed=400), Step.ADOPT_DISPUTE),
            (captured(disputed=400), report(captured=1000, disputed=400), Step.NOTHING),
            (captured(disputed=400), report(captured=1000), Step.ADOPT_WIN),
            (captured(disputed=400), report(captured=1000, charged_back=400), Step.ADOPT_LOSS),
            # Lost before we have heard of it: it was taken first.
            (captured(), report(captured=1000, charged_back=400), Step.ADOPT_DISPUTE),
            # One was lost, another one begun.
            (
                captured(disputed=100, charged_back=400),
                report(captured=1000, disputed=300, charged_back=400),
                Step.ADOPT_DISPUTE,
            ),
            (captured(charged_back=400), report(captured=1000), Step.REVIEW),
            (
                captured(refunded=800),
                report(captured=1000, refunded=800, disputed=400),
                Step.ADOPT_DISPUTE,
            ),
            (captured(), report(captured=1000, disputed=1001), Step.REVIEW),
            (authorised(), report(Status.VOIDED, authorised=1000, voided=1000), Step.ADOPT_RELEASE),
            (created(), report(), Step.DECIDE),
            (created(), report(Status.DECLINED), Step.DECIDE),
            (created(), report(Status.REQUIRES_ACTION), Step.NOTHING),
            (ended(State.VOIDED), report(), Step.RELEASE),
            (ended(State.FAILED), report(authorised=1100), Step.RELEASE),
            (ended(State.FAILED), report(currency="XTS"), Step.RELEASE),
            (ended(State.VOIDED), report(Status.VOIDED), Step.NOTHING),
            (ended(State.FAILED), report(Status.DECLINED), Step.NOTHING),
            (ended(State.VOIDED), report(captured=1000), Step.REVIEW),
            # What is kept is given up before anybody looks at what was taken.
            (ended(State.FAILED), report(captured=300), Step.RELEASE),
            (ended(State.FAILED), report(captured=300, voided=700), Step.REVIEW),
            (ended(State.VOIDED), report(captured=1000, refunded=1000), Step.NOTHING),
            (captured(), report(captured=1000, authorised=1200), Step.RELEASE),
            (authorised(), report(captured=1100, authorised=1100), Step.REVIEW),
            (authorised(), report(currency="XTS", captured=1), Step.REVIEW),
        ],
    )
    def test_the_first_difference_decides(self, payment: Payment, told: Report, step: Step) -> None:
        assert next_step(payment, told) is step

    def test_an_operation_under_way_comes_first(self) -> None:
        asked = values.operation(authorised(), Kind.CAPTURE, 300)
        payment = replace(authorised(), capturing=300).having(asked)
        assert next_step(payment, report(captured=300)) is Step.WAIT


class TestClaim:
    def test_differences_are_taken_over_one_by_one_until_none_is_left(self) -> None:
        payment, told, steps = authorised(), report(captured=600, refunded=200, voided=400), []
        while (step := next_step(payment, told)) is not Step.NOTHING:
            steps.append(step)
            name = f"pop_{len(steps)}"
            payment, asked = claim(payment, told, step, operation_id=name, cause="evt_1", now=NOW)
            settled = settle(payment.having(asked), asked, adopted(told, asked), NOW)
            payment = replace(settled.payment, version=payment.version + 1)
        assert steps == [Step.ADOPT_CAPTURE, Step.ADOPT_REFUND, Step.ADOPT_RELEASE]
        assert payment.state is State.CAPTURED
        assert (payment.authorised, payment.captured, payment.refunded) == (600, 600, 200)

    def test_what_is_held_for_an_ended_payment_is_given_back_and_it_stays_ended(self) -> None:
        payment, asked = claim(
            ended(State.VOIDED),
            report(),
            Step.RELEASE,
            operation_id="pop_9",
            cause="evt_1",
            now=NOW,
        )
        settled = settle(payment.having(asked), asked, report(moved=1000), NOW)
        assert (asked.kind, asked.amount) == (Kind.VOID, 1000)
        assert settled.payment.state is State.VOIDED
        assert settled.occasion is None
        assert settled.payment.voiding is False

    def test_one_cause_makes_one_operation(self) -> None:
        made = [
            claim(
                ended(State.VOIDED),
                report(),
                Step.RELEASE,
                operation_id=name,
                cause="evt_1",
                now=NOW,
            )[1]
            for name in ("pop_8", "pop_9")
        ]
        assert made[0].request == made[1].request


class TestForeign:
    def test_another_payment_with_our_reference_is_foreign(self) -> None:
        assert is_foreign(authorised(), report(reference="psp_2"))

    def test_a_payment_that_is_not_ours_is_foreign(self) -> None:
        assert is_foreign(authorised(), report(payment="pay_2"))

    def test_before_the_answer_any_reference_may_be_ours(self) -> None:
        assert not is_foreign(created(), report(reference="psp_2"))


class TestSettled:
    def test_a_report_without_news_is_settled(self) -> None:
        assert is_settled(authorised(), report())

    def test_a_payment_without_an_outcome_is_not(self) -> None:
        assert not is_settled(created(), report(Status.PENDING))


class TestLateNews:
    def test_f23_what_was_given_up_unknown_is_given_up_by_the_reference_it_turns_out_to_have(
        self,
    ) -> None:
        payment = replace(ended(State.VOIDED), provider_reference="")
        claimed, release = claim(
            payment, report(), Step.RELEASE, operation_id="pop_9", cause="evt", now=NOW
        )
        assert (release.kind, release.amount) == (Kind.VOID, 1000)
        assert claimed.provider_reference == "psp_1"

    def test_what_went_back_by_another_means_is_not_looked_for_at_the_provider(self) -> None:
        refund = replace(
            values.operation(captured(), Kind.REFUND, 400),
            progress=Progress.SUCCEEDED,
            next_attempt_at=None,
            means="store_credit",
        )
        payment = captured(refunded=400).having(refund)
        assert payment.refunded_elsewhere == 400
        assert next_step(payment, report(captured=1000)) is Step.NOTHING
        assert next_step(payment, report(captured=1000, refunded=100)) is Step.ADOPT_REFUND
        assert next_step(payment, report(captured=1000, refunded=700)) is Step.REVIEW
        both = report(captured=1000, refunded=700, disputed=300)
        assert next_step(payment, both) is Step.ADOPT_DISPUTE

    def test_which_was_heard_of_first_makes_no_difference(self) -> None:
        both = report(captured=1000, refunded=300, disputed=1000)
        assert next_step(captured(), both) is Step.ADOPT_REFUND
        assert next_step(captured(refunded=300), both) is Step.ADOPT_DISPUTE
        assert next_step(captured(disputed=1000), both) is Step.ADOPT_REFUND
        assert next_step(captured(refunded=300, disputed=1000), both) is Step.NOTHING


class TestAftermath:
    @pytest.mark.parametrize(
        ("payment", "told", "figures", "entries"),
        [
            (
                captured(refunded=300),
                report(captured=1000, refunded=100),
                (100, 0, 0),
                {"provider_clearing:sandbox": 200, "refunds": -200},
            ),
            (
                captured(),
                report(captured=1000, disputed=400),
                (0, 400, 0),
                {"disputes": 400, "provider_clearing:sandbox": -400},
            ),
            (
                captured(disputed=400),
                report(captured=1000),
                (0, 0, 0),
                {"disputes": -400, "provider_clearing:sandbox": 400},
            ),
            (
                captured(disputed=400),
                report(captured=1000, charged_back=400),
                (0, 0, 400),
                {"chargebacks": 400, "disputes": -400},
            ),
        ],
    )
    def test_what_happened_is_written_down_with_its_entries(
        self,
        payment: Payment,
        told: Report,
        figures: tuple[int, int, int],
        entries: dict[str, int],
    ) -> None:
        step = next_step(payment, told)
        claimed, asked = claim(
            payment, told, step, operation_id="pop_9", cause="evt_1", now=values.NOW
        )
        settled = settle(claimed.having(asked), asked, adopted(told, asked), NOW)

        after = settled.payment
        assert (after.refunded, after.disputed, after.charged_back) == figures
        assert settled.transfer is not None
        assert {each.account: each.amount for each in settled.transfer.entries} == entries
        assert settled.operation.progress is Progress.SUCCEEDED
        assert next_step(after, told) is Step.NOTHING

    def test_what_is_disputed_or_lost_cannot_be_given_back(self) -> None:
        assert captured(disputed=300, charged_back=200).refundable == 500
