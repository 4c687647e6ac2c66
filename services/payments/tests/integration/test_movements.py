"""Capture, void and refund, alone and against each other."""

import asyncio

import pytest

from comptoir.payments.v1 import events_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Operation,
    Payment,
    authorise,
    balances,
    call,
    capture,
    get,
    lasting_reason_of,
    reason_of,
    refund,
    void,
)
from services.payments.tests.integration.psp import Psp, until


class TestCapture:
    async def test_parts_are_taken_until_all_is(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await authorise(harness)

        first = await capture(harness, payment.id, "30.00")
        second = await capture(harness, payment.id)

        assert (first.state, first.captured_amount.amount) == (
            Payment.STATE_PARTIALLY_CAPTURED,
            "30.00",
        )
        assert (second.state, second.captured_amount.amount) == (Payment.STATE_CAPTURED, "42.00")
        assert (await psp.payment(payment.provider_reference))["captured_amount"] == 4200
        told = await harness.events(events_pb2.PaymentCaptured)
        assert [each.amount.amount for each in told] == ["30.00", "12.00"]
        assert [each.request_id for each in told] == [
            each.request_id for each in second.operations[1:]
        ]
        assert await balances(harness) == {
            "customer_receivable": "-42.00",
            "provider_clearing:sandbox": "42.00",
        }

    async def test_case_38_more_than_is_authorised_is_refused_with_what_is_left(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id, "30.00")
        before = await harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await capture(harness, payment.id, "12.01")

        assert refused.value.reason == "CAPTURE_EXCEEDS_AUTHORISATION"
        assert refused.value.metadata == {"amount_left": "12.00", "currency": "EUR"}
        assert not before.changes_to(await harness.snapshot())

    async def test_case_27_another_currency_is_refused(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        before = await harness.snapshot()
        request = factories.capture(payment.id, "4200", "JPY")
        with pytest.raises(RemoteFailure) as refusal:
            await call(harness, "CapturePayment", request)
        assert refusal.value.reason == "CURRENCY_MISMATCH"
        assert [each.field for each in refusal.value.violations] == ["amount.currency"]
        assert not before.changes_to(await harness.snapshot())

    @pytest.mark.parametrize("token", ["pm_card_3ds", "pm_card_declined"])
    async def test_what_is_not_authorised_is_not_captured(
        self, harness: ServiceHarness, token: str
    ) -> None:
        request = factories.authorise(token)
        await reason_of(harness, "AuthorisePayment", request)
        async with harness.transactions.reading() as session:
            payment = await session.fetchval("SELECT id FROM payment")
        refused = await reason_of(harness, "CapturePayment", factories.capture(payment))
        assert refused == "PAYMENT_NOT_CAPTURABLE"

    async def test_case_38_a_promise_that_has_expired_is_not_captured(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        harness.clock.advance(8 * 24 * 3600)
        refused = await reason_of(harness, "CapturePayment", factories.capture(payment.id))
        assert refused == "AUTHORISATION_EXPIRED"

    async def test_m4_fifty_captures_of_the_full_amount_at_once_take_it_once(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)

        reasons = await asyncio.gather(
            *(
                lasting_reason_of(harness, "CapturePayment", factories.capture(payment.id, "42.00"))
                for _ in range(50)
            )
        )

        assert reasons.count("") == 1
        assert reasons.count("CAPTURE_EXCEEDS_AUTHORISATION") == 49
        assert (await get(harness, payment.id)).captured_amount.amount == "42.00"
        assert (await psp.payment(payment.provider_reference))["captured_amount"] == 4200
        assert len(await harness.events(events_pb2.PaymentCaptured)) == 1

    async def test_m4_fifty_parts_at_once_never_take_more_than_there_is(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)

        reasons = await asyncio.gather(
            *(
                lasting_reason_of(harness, "CapturePayment", factories.capture(payment.id, "1.00"))
                for _ in range(50)
            )
        )

        assert reasons.count("") == 42
        assert (await get(harness, payment.id)).state == Payment.STATE_CAPTURED
        assert (await psp.payment(payment.provider_reference))["captured_amount"] == 4200

    async def test_no_answer_is_no_success_and_is_found_out_later(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        request = factories.capture(payment.id, "30.00")
        await psp.script(operation="capture", action="timeout", when="after")

        assert await reason_of(harness, "CapturePayment", request) == "OUTCOME_UNKNOWN"

        known = await get(harness, payment.id)
        assert known.captured_amount.amount == "0.00"
        assert known.operations[1].state == Operation.STATE_UNKNOWN
        # What may have been taken is not there for others.
        rest = await reason_of(harness, "CapturePayment", factories.capture(payment.id, "12.01"))
        assert rest == "CAPTURE_EXCEEDS_AUTHORISATION"
        harness.clock.advance(2)

        async def captured() -> bool:
            return (await get(harness, payment.id)).captured_amount.amount == "30.00"

        await until(captured)
        assert (await call(harness, "CapturePayment", request)).captured_amount.amount == "30.00"
        assert (await psp.payment(payment.provider_reference))["captured_amount"] == 3000
        assert len(await harness.events(events_pb2.PaymentCaptured)) == 1

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_an_answer_that_breaks_off_is_asked_for_again(
        self, harness: ServiceHarness, psp: Psp, when: str
    ) -> None:
        payment = await authorise(harness)
        await psp.script(operation="capture", action="reset", when=when)

        assert (await capture(harness, payment.id)).state == Payment.STATE_CAPTURED

        assert (await psp.payment(payment.provider_reference))["captured_amount"] == 4200


class TestVoid:
    async def test_the_promise_is_given_back(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await authorise(harness)

        voided = await void(harness, payment.id)

        assert voided.state == Payment.STATE_VOIDED
        assert voided.authorised_amount.amount == "0.00"
        assert (await psp.payment(payment.provider_reference))["status"] == "voided"
        assert len(await harness.events(events_pb2.PaymentVoided)) == 1
        assert await balances(harness) == {}

    async def test_giving_back_twice_changes_nothing(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        voided = await void(harness, payment.id)
        before = await harness.snapshot()
        assert await void(harness, payment.id) == voided
        assert not before.changes_to(await harness.snapshot())

    async def test_case_38_what_was_taken_is_not_given_up(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)
        before = await harness.snapshot()
        refused = await reason_of(harness, "VoidPayment", factories.void(payment.id))
        assert refused == "PAYMENT_ALREADY_CAPTURED"
        assert not before.changes_to(await harness.snapshot())

    async def test_case_38_what_was_given_up_is_not_taken(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        await void(harness, payment.id)
        refused = await reason_of(harness, "CapturePayment", factories.capture(payment.id))
        assert refused == "PAYMENT_NOT_CAPTURABLE"

    async def test_the_rest_of_a_payment_is_given_up(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id, "30.00")

        voided = await void(harness, payment.id)

        assert voided.state == Payment.STATE_CAPTURED
        assert voided.authorised_amount.amount == "30.00"
        assert voided.captured_amount.amount == "30.00"
        held = await psp.payment(payment.provider_reference)
        assert (held["captured_amount"], held["voided_amount"]) == (3000, 1200)

    async def test_a_payment_that_waits_for_its_payer_is_given_up(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_3ds"))

        voided = await void(harness, payment.id)

        assert voided.state == Payment.STATE_VOIDED
        assert voided.action_url == ""
        await psp.answer_challenge(payment.action_url)
        assert (await psp.payment(payment.provider_reference))["status"] == "voided"

    async def test_f21_giving_up_first_finds_out_what_there_is_to_give_up(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_timeout_after_charge"))
        assert payment.state == Payment.STATE_UNKNOWN

        voided = await void(harness, payment.id)

        assert voided.state == Payment.STATE_VOIDED
        (held,) = await psp.payments_of(payment.id)
        assert held["status"] == "voided"
        assert await harness.events(events_pb2.PaymentAuthorised) == []

    async def test_a_release_never_ends_while_the_outcome_is_unknown(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_timeout_after_charge"))
        await psp.script(operation="fetch", action="timeout")
        request = factories.void(payment.id)

        assert await reason_of(harness, "VoidPayment", request) == "OUTCOME_UNKNOWN"
        assert (await get(harness, payment.id)).state == Payment.STATE_UNKNOWN
        harness.clock.advance(5)

        async def voided() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_VOIDED

        await until(voided)
        (held,) = await psp.payments_of(payment.id)
        assert held["status"] == "voided"
        assert (await call(harness, "VoidPayment", request)).state == Payment.STATE_VOIDED

    async def test_capture_and_void_at_once_end_in_one_of_the_two(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        for _ in range(5):
            payment = await authorise(harness)
            await asyncio.gather(
                reason_of(harness, "CapturePayment", factories.capture(payment.id)),
                reason_of(harness, "VoidPayment", factories.void(payment.id)),
            )
            known = await get(harness, payment.id)
            held = await psp.payment(payment.provider_reference)
            assert known.state in (Payment.STATE_CAPTURED, Payment.STATE_VOIDED)
            assert held["captured_amount"] == (4200 if known.state == Payment.STATE_CAPTURED else 0)


class TestRefund:
    async def test_m10_parts_sum_to_what_was_taken(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)

        first = await refund(harness, payment.id, "14.01")
        second = await refund(harness, payment.id)

        assert first.refunded_amount.amount == "14.01"
        assert second.refunded_amount.amount == "42.00"
        assert second.state == Payment.STATE_CAPTURED
        assert (await psp.payment(payment.provider_reference))["refunded_amount"] == 4200
        told = await harness.events(events_pb2.PaymentRefunded)
        assert [each.amount.amount for each in told] == ["14.01", "27.99"]
        assert await balances(harness) == {
            "customer_receivable": "-42.00",
            "provider_clearing:sandbox": "0.00",
            "refunds": "42.00",
        }

    async def test_more_than_was_taken_is_refused_with_what_is_left(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id, "30.00")
        await refund(harness, payment.id, "10.00")
        before = await harness.snapshot()

        with pytest.raises(RemoteFailure) as refused:
            await refund(harness, payment.id, "20.01")

        assert refused.value.reason == "REFUND_EXCEEDS_CAPTURE"
        assert refused.value.metadata == {"amount_left": "20.00", "currency": "EUR"}
        assert not before.changes_to(await harness.snapshot())

    async def test_case_37_fifty_full_refunds_at_once_give_it_back_once(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)

        reasons = await asyncio.gather(
            *(
                reason_of(harness, "RefundPayment", factories.refund(payment.id, "42.00"))
                for _ in range(50)
            )
        )

        assert reasons.count("") == 1
        assert reasons.count("REFUND_EXCEEDS_CAPTURE") == 49
        assert (await psp.payment(payment.provider_reference))["refunded_amount"] == 4200


class TestTill:
    @pytest.mark.parametrize(
        ("tender", "account"), [("cash", "till_cash:LYO"), ("terminal", "terminal_clearing:LYO")]
    )
    async def test_money_in_the_till_is_in_the_books_at_once(
        self, harness: ServiceHarness, tender: str, account: str
    ) -> None:
        payment = await call(harness, "RecordTillPayment", factories.till(tender))

        assert payment.state == Payment.STATE_CAPTURED
        assert payment.provider == "till"
        assert payment.captured_amount.amount == "12.50"
        assert await balances(harness) == {"customer_receivable": "-12.50", account: "12.50"}
        (event,) = await harness.events()
        assert isinstance(event, events_pb2.PaymentCaptured)
        assert event.amount.amount == "12.50"

    async def test_it_goes_back_the_way_it_came(self, harness: ServiceHarness) -> None:
        payment = await call(harness, "RecordTillPayment", factories.till("cash"))

        refunded = await refund(harness, payment.id, "2.50")

        assert refunded.refunded_amount.amount == "2.50"
        assert await balances(harness) == {
            "customer_receivable": "-12.50",
            "refunds": "2.50",
            "till_cash:LYO": "10.00",
        }

    async def test_it_cannot_be_given_up(self, harness: ServiceHarness) -> None:
        payment = await call(harness, "RecordTillPayment", factories.till())
        refused = await reason_of(harness, "VoidPayment", factories.void(payment.id))
        assert refused == "PAYMENT_ALREADY_CAPTURED"
