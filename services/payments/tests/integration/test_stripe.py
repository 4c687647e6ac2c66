"""The service with Stripe: what its peers make of our calls, and we of what they leave open."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Literal

import grpc
import pytest

from comptoir.payments.v1 import events_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from services.payments.tests import factories
from services.payments.tests.conftest import SERVICE
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    call,
    capture,
    get,
    reason_of,
    refund,
    void,
)
from services.payments.tests.integration.candidates import API_KEY, WEBHOOK_SECRET, card_token
from services.payments.tests.integration.peers.fronts import (
    Fault,
    Front,
    Json,
    LocalstripeFront,
    StatefulMockFront,
)
from services.payments.tests.integration.psp import until
from services.payments.tests.integration.webhooks import Listener, listening

pytestmark = pytest.mark.timeout(300)
CREATE = "/v1/payment_intents"


@pytest.fixture
def service_under_test(front: Front) -> ServiceUnderTest:
    """Payments with Stripe alone."""
    return replace(
        SERVICE,
        environment={
            "STRIPE_API_KEY": API_KEY,
            "STRIPE_WEBHOOK_SECRETS": f"{WEBHOOK_SECRET},whsec_previous",
            "STRIPE_BASE_URL": front.url,
            "PSP_TIMEOUT_SECONDS": "2",
            "RESOLVER_POLL_MILLISECONDS": "20",
        },
    )


async def reached(harness: ServiceHarness, payment: str, state: int) -> Payment:
    async def there() -> Payment | None:
        now = await get(harness, payment)
        return now if now.state == state else None

    found: Payment = await until(there)
    return found


class TestStatefulMock:
    """A peer that knows idempotency keys and declines."""

    @pytest.fixture
    async def front(self, stateful_mock_url: str) -> AsyncIterator[Front]:
        async with StatefulMockFront(stateful_mock_url).running() as front:
            yield front

    async def charges(self, front: Front, payment: str) -> list[Json]:
        """What the peer holds under our id of a payment; one, unless somebody was charged twice."""
        listed = await front.ask("GET", "/v1/charges?limit=1000")
        return [each for each in listed["data"] if each["metadata"].get("payment") == payment]

    async def test_m5_from_promise_to_refund_both_books_say_the_same(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        payment = await authorise(harness, factories.authorise("tok_visa"))
        assert (payment.state, payment.provider) == (Payment.STATE_AUTHORISED, "stripe")
        assert payment.display == "Visa •• 4242"
        assert (await capture(harness, payment.id)).state == Payment.STATE_CAPTURED
        await refund(harness, payment.id, "12.00")
        payment = await refund(harness, payment.id, "30.00")

        assert payment.refunded_amount.amount == "42.00"
        (charge,) = await self.charges(front, payment.id)
        assert (charge["amount_captured"], charge["amount_refunded"]) == (4200, 4200)
        assert await balances(harness) == {
            "customer_receivable": "-42.00",
            "provider_clearing:stripe": "0.00",
            "refunds": "42.00",
        }

    @pytest.mark.parametrize(
        ("token", "code", "retryable"),
        [
            ("tok_chargeDeclined", "card_declined", "false"),
            ("tok_chargeDeclinedInsufficientFunds", "insufficient_funds", "true"),
            ("tok_chargeDeclinedFraudulent", "card_declined", "false"),
            ("tok_chargeDeclinedIncorrectCvc", "incorrect_cvc", "true"),
            ("tok_chargeDeclinedExpiredCard", "expired_card", "false"),
            ("tok_chargeDeclinedProcessingError", "processing_error", "true"),
        ],
    )
    async def test_a_decline_tells_why_and_whether_another_try_can_help(
        self, harness: ServiceHarness, token: str, code: str, retryable: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, factories.authorise(token))
        assert refused.value.reason == "PAYMENT_DECLINED"
        assert refused.value.metadata["decline_code"] == code
        assert refused.value.metadata["retryable"] == retryable
        assert [type(each) for each in await harness.events()] == [events_pb2.PaymentFailed]

    @pytest.mark.parametrize("lags", [False, True], ids=["found", "not found yet"])
    @pytest.mark.parametrize(
        "fault",
        [
            Fault("after", "reset"),
            Fault("after", "status", 500),
            Fault("after", "status", 409),
            Fault("before", "reset"),
            Fault("before", "status", 500),
        ],
        ids=lambda fault: f"{fault.how}-{fault.status}-{fault.when}",
    )
    async def test_f22_an_answer_that_breaks_off_is_asked_for_again_at_once(
        self, harness: ServiceHarness, front: Front, fault: Fault, lags: bool
    ) -> None:
        """By search, or under the same key where search does not find it yet."""
        front.search_lags = lags
        front.faults.append(fault)
        payment = await authorise(harness, factories.authorise("tok_visa"))
        assert payment.state == Payment.STATE_AUTHORISED
        assert len(await self.charges(front, payment.id)) == 1

    @pytest.mark.parametrize("lags", [False, True], ids=["found", "not found yet"])
    async def test_f21_a_timeout_after_the_charge_is_resolved_to_exactly_one_charge(
        self, harness: ServiceHarness, front: Front, lags: bool
    ) -> None:
        front.search_lags = lags
        front.faults.append(Fault("after", "silence"))
        payment = await authorise(harness, factories.authorise("tok_visa"))
        assert payment.state == Payment.STATE_UNKNOWN
        assert await harness.events() == []

        harness.clock.advance(2)

        await reached(harness, payment.id, Payment.STATE_AUTHORISED)
        assert len(await self.charges(front, payment.id)) == 1
        assert [type(each) for each in await harness.events()] == [events_pb2.PaymentAuthorised]

    async def test_f22_turned_away_nothing_was_charged_and_the_same_request_goes_on(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        front.faults.append(Fault("before", "status", 429))
        request = factories.authorise("tok_visa")
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, request)
        assert refused.value.reason == "PROVIDER_UNAVAILABLE"
        assert refused.value.status is grpc.StatusCode.UNAVAILABLE

        payment = await authorise(harness, request)

        assert payment.state == Payment.STATE_AUTHORISED
        assert len(await self.charges(front, payment.id)) == 1

    @pytest.mark.parametrize(
        ("when", "state"),
        [("before", Payment.STATE_FAILED), ("after", Payment.STATE_AUTHORISED)],
    )
    async def test_f22_after_23_hours_stripe_is_only_asked(
        self, harness: ServiceHarness, front: Front, when: Literal["before", "after"], state: int
    ) -> None:
        front.faults.append(Fault(when, "silence"))
        payment = await authorise(harness, factories.authorise("tok_visa"))
        assert payment.state == Payment.STATE_UNKNOWN

        harness.clock.advance(23 * 3600)

        await reached(harness, payment.id, state)
        assert front.posted == [CREATE]
        assert len(await self.charges(front, payment.id)) == (when == "after")

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_f21_a_lost_capture_is_taken_once(
        self, harness: ServiceHarness, front: Front, when: Literal["before", "after"]
    ) -> None:
        payment = await authorise(harness, factories.authorise("tok_visa"))
        request = factories.capture(payment.id)
        front.faults.append(Fault(when, "silence"))
        assert await reason_of(harness, "CapturePayment", request) == "OUTCOME_UNKNOWN"

        harness.clock.advance(2)

        payment = await reached(harness, payment.id, Payment.STATE_CAPTURED)
        assert (await call(harness, "CapturePayment", request)).captured_amount.amount == "42.00"
        (charge,) = await self.charges(front, payment.id)
        assert charge["amount_captured"] == 4200

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_f21_a_lost_refund_is_given_back_once(
        self, harness: ServiceHarness, front: Front, when: Literal["before", "after"]
    ) -> None:
        payment = await authorise(harness, factories.authorise("tok_visa"))
        await capture(harness, payment.id)
        front.faults.append(Fault(when, "silence"))
        request = factories.refund(payment.id, "10.00")
        assert await reason_of(harness, "RefundPayment", request) == "OUTCOME_UNKNOWN"

        harness.clock.advance(2)

        async def known() -> bool:
            return (await get(harness, payment.id)).refunded_amount.amount == "10.00"

        await until(known)
        (charge,) = await self.charges(front, payment.id)
        assert charge["amount_refunded"] == 1000

    @pytest.mark.parametrize(
        ("changes", "currency"),
        [({"amount": 4300}, "eur"), ({}, "usd")],
        ids=["amount", "currency"],
    )
    async def test_f24_m7_what_nobody_asked_for_is_given_up(
        self, harness: ServiceHarness, front: Front, changes: Json, currency: str
    ) -> None:
        def otherwise(intent: Json) -> None:
            intent["currency"] = currency
            intent["latest_charge"].update(changes)

        front.approves = otherwise
        request = factories.authorise("tok_visa")
        assert await reason_of(harness, "AuthorisePayment", request) == "PAYMENT_AMOUNT_MISMATCH"

        async def released() -> bool:
            listed = await front.ask("GET", "/v1/charges?limit=1")
            return bool(listed["data"][0]["refunded"])

        await until(released)
        assert await balances(harness) == {}

    async def test_more_than_is_left_is_refused_before_stripe_is_asked(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        payment = await authorise(harness, factories.authorise("tok_visa"))
        await capture(harness, payment.id)
        before = list(front.posted)
        request = factories.refund(payment.id, "42.01")
        assert await reason_of(harness, "RefundPayment", request) == "REFUND_EXCEEDS_CAPTURE"
        assert front.posted == before


class TestLocalstripe:
    """A peer that asks for 3-D Secure and sends signed events."""

    @pytest.fixture
    async def front(self, localstripe_url: str) -> AsyncIterator[Front]:
        async with LocalstripeFront(localstripe_url).running() as front:
            yield front

    @pytest.fixture
    async def listener(self, harness: ServiceHarness, front: Front) -> AsyncIterator[Listener]:
        async with listening("stripe") as listener:
            listener.harness = harness
            hook = {"url": f"http://127.0.0.1:{listener.port}/hook", "secret": WEBHOOK_SECRET}
            await front.tell("/_config/webhooks/payments", hook)
            yield listener

    async def answer_challenge(self, front: Front, payment: Payment, success: str) -> None:
        """What the payer does at their bank."""
        path = f"{CREATE}/{payment.provider_reference}"
        intent = await front.ask("GET", path)
        form = {"client_secret": intent["client_secret"], "success": success}
        await front.ask("POST", f"{path}/_authenticate", form)

    async def test_what_is_offered_names_stripe(self, harness: ServiceHarness) -> None:
        offered = await harness.call("ListPaymentMethods", pb.ListPaymentMethodsRequest())
        assert {each.code: each.provider for each in offered.methods}["card"] == "stripe"

    async def test_the_payer_proves_who_they_are(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        token = await card_token(front, "4000002500003155")
        payment = await authorise(harness, factories.authorise(token))
        assert payment.state == Payment.STATE_REQUIRES_ACTION
        assert payment.display == "Visa •• 3155"
        request = pb.ConfirmPaymentRequest(payment=payment.id)
        assert (await call(harness, "ConfirmPayment", request)).state == payment.state

        await self.answer_challenge(front, payment, "true")

        confirmed = await call(harness, "ConfirmPayment", request)
        assert confirmed.state == Payment.STATE_AUTHORISED
        assert confirmed.authorised_amount.amount == "42.00"

    async def test_the_payer_fails_to_prove_it(self, harness: ServiceHarness, front: Front) -> None:
        token = await card_token(front, "4000002500003155")
        payment = await authorise(harness, factories.authorise(token))

        await self.answer_challenge(front, payment, "false")

        request = pb.ConfirmPaymentRequest(payment=payment.id)
        failed = await call(harness, "ConfirmPayment", request)
        assert failed.state == Payment.STATE_FAILED
        assert (failed.decline_code, failed.retryable) == ("authentication_failed", True)

    async def test_a_challenge_nobody_answers_is_given_up(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        token = await card_token(front, "4000002500003155")
        payment = await authorise(harness, factories.authorise(token))

        harness.clock.advance(3600)

        await reached(harness, payment.id, Payment.STATE_VOIDED)
        assert (await front.intent(payment.provider_reference))["status"] == "canceled"

    async def test_what_is_given_up_is_released(
        self, harness: ServiceHarness, front: Front
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_visa"))
        assert (await void(harness, payment.id)).state == Payment.STATE_VOIDED
        assert (await front.intent(payment.provider_reference))["status"] == "canceled"

    @pytest.mark.parametrize("when", ["before", "after"])
    async def test_f21_a_lost_release_is_released_once(
        self, harness: ServiceHarness, front: Front, when: Literal["before", "after"]
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_visa"))
        front.faults.append(Fault(when, "silence"))
        request = factories.void(payment.id)
        assert await reason_of(harness, "VoidPayment", request) == "OUTCOME_UNKNOWN"

        harness.clock.advance(2)

        await reached(harness, payment.id, Payment.STATE_VOIDED)
        assert (await call(harness, "VoidPayment", request)).state == Payment.STATE_VOIDED
        assert (await front.intent(payment.provider_reference))["status"] == "canceled"

    async def test_of_a_part_taken_the_rest_is_known_to_be_given_up(
        self, harness: ServiceHarness, listener: Listener
    ) -> None:
        """The peer's signed event makes us look, and the books agree."""
        payment = await authorise(harness, factories.authorise("pm_card_visa"))
        taken = await capture(harness, payment.id, "30.00")
        assert taken.state == Payment.STATE_PARTIALLY_CAPTURED

        settled = await reached(harness, payment.id, Payment.STATE_CAPTURED)

        assert listener.types == ["payment_intent.succeeded"]
        assert listener.new == [True]
        assert settled.authorised_amount.amount == settled.captured_amount.amount == "30.00"
        assert [type(each) for each in await harness.events()] == [
            events_pb2.PaymentAuthorised,
            events_pb2.PaymentCaptured,
            events_pb2.PaymentVoided,
        ]

    async def test_case_37_what_was_taken_in_stripes_own_interface_gets_into_the_books(
        self, harness: ServiceHarness, front: Front, listener: Listener
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_visa"))
        path = f"{CREATE}/{payment.provider_reference}"
        await front.ask("POST", f"{path}/capture", {"amount_to_capture": "4200"})
        # The peer does not say how much was taken: its front finds that in the metadata.
        await front.ask("POST", path, {"metadata[capture:by hand]": "4200"})

        await reached(harness, payment.id, Payment.STATE_CAPTURED)

        assert listener.types == ["payment_intent.succeeded"]
        assert await balances(harness) == {
            "customer_receivable": "-42.00",
            "provider_clearing:stripe": "42.00",
        }
