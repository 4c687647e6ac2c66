"""Authorising by the cards of the provider, through gRPC, PostgreSQL and HTTP."""

import asyncio
from dataclasses import replace

import grpc
import pytest

from comptoir.payments.v1 import events_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_payments.domain import methods
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Operation,
    Payment,
    authorise,
    get,
    only_payment,
    reason_of,
)
from services.payments.tests.integration.psp import Psp, until


async def not_offered(
    harness: ServiceHarness, request: pb.AuthorisePaymentRequest
) -> dict[str, str]:
    """What the refusal tells of a method that is not offered; nothing has happened."""
    before = await harness.snapshot()
    with pytest.raises(RemoteFailure) as refused:
        await authorise(harness, request)
    assert refused.value.reason == "PAYMENT_METHOD_NOT_OFFERED"
    assert not before.changes_to(await harness.snapshot())
    return dict(refused.value.metadata)


def offer_cards_from(least: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a merchant would who takes cards for such amounts in EUR only."""
    cards = replace(methods.METHODS[0], amounts={"EUR": (least, most)})
    monkeypatch.setattr(methods, "METHODS", (cards, *methods.METHODS[1:]))


async def outcome_of(
    harness: ServiceHarness, request: pb.AuthorisePaymentRequest
) -> tuple[Payment | None, str]:
    """The payment, or the reason of its refusal."""
    try:
        return await authorise(harness, request), ""
    except RemoteFailure as refused:
        return None, refused.reason


class TestAuthorise:
    @pytest.mark.parametrize(
        ("token", "display"),
        [
            ("pm_card_visa", "Visa •• 4242"),
            ("pm_card_mastercard", "Mastercard •• 4444"),
            ("pm_card_duplicate_webhook", "Visa •• 0026"),
            ("pm_card_late_webhook", "Visa •• 0034"),
            ("pm_card_early_webhook", "Visa •• 0075"),
        ],
    )
    async def test_a_good_card_is_authorised_and_told_once(
        self, harness: ServiceHarness, psp: Psp, token: str, display: str
    ) -> None:
        payment = await authorise(harness, factories.authorise(token))

        assert payment.state == Payment.STATE_AUTHORISED
        assert payment.display == display
        assert payment.authorised_amount == factories.money("42.00")
        assert payment.captured_amount == factories.money("0.00")
        (operation,) = payment.operations
        assert operation.kind == Operation.KIND_AUTHORISE
        assert operation.state == Operation.STATE_SUCCEEDED
        (event,) = await harness.events()
        assert event == events_pb2.PaymentAuthorised(payment_id=payment.id, payment=payment)
        (charged,) = await psp.payments_of(payment.id)
        assert (charged["status"], charged["authorised_amount"]) == ("authorised", 4200)
        assert charged["id"] == payment.provider_reference

    @pytest.mark.parametrize(
        ("token", "code", "retryable"),
        [
            ("pm_card_declined", "card_declined", "false"),
            ("pm_card_insufficient_funds", "insufficient_funds", "true"),
            ("pm_card_expired", "expired_card", "false"),
            ("pm_card_incorrect_cvc", "incorrect_cvc", "true"),
            ("pm_unknown", "invalid_request", "false"),
        ],
    )
    async def test_a_decline_tells_why_and_whether_to_try_again(
        self, harness: ServiceHarness, token: str, code: str, retryable: str
    ) -> None:
        request = factories.authorise(token)
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, request)

        assert refused.value.reason == "PAYMENT_DECLINED"
        assert refused.value.status is grpc.StatusCode.FAILED_PRECONDITION
        payment = await only_payment(harness)
        assert refused.value.metadata == {
            "payment": payment.id,
            "decline_code": code,
            "retryable": retryable,
        }
        assert payment.state == Payment.STATE_FAILED
        assert [type(each) for each in await harness.events()] == [events_pb2.PaymentFailed]
        with pytest.raises(RemoteFailure) as again:
            await authorise(harness, request)
        assert again.value.metadata == refused.value.metadata

    @pytest.mark.parametrize("token", ["pm_card_wrong_amount", "pm_card_wrong_currency"])
    async def test_f24_what_was_not_asked_for_is_refused_and_given_back(
        self, harness: ServiceHarness, psp: Psp, token: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, factories.authorise(token))

        assert refused.value.reason == "PAYMENT_AMOUNT_MISMATCH"
        payment = await only_payment(harness)
        assert payment.state == Payment.STATE_FAILED
        assert payment.authorised_amount == factories.money("0.00")

        async def given_back() -> bool:
            (held,) = await psp.payments_of(payment.id)
            return bool(held["status"] == "voided")

        await until(given_back)
        assert [type(each) for each in await harness.events()] == [events_pb2.PaymentFailed]

    async def test_the_method_must_be_offered_and_taken_by_token(
        self, harness: ServiceHarness
    ) -> None:
        for method in ("cash", "terminal", "cheque"):
            request = factories.authorise(method=method)
            assert await not_offered(harness, request) == {"method": method, "field": "method"}

    @pytest.mark.parametrize(
        ("method", "channel"),
        [("on_account", "web"), ("gift_card", "b2b"), ("on_account", "kiosk")],
    )
    async def test_12_a_method_of_another_channel_is_refused(
        self, harness: ServiceHarness, method: str, channel: str
    ) -> None:
        request = factories.authorise(method=method, channel=channel)
        assert await not_offered(harness, request) == {"method": method, "field": "channel"}

    async def test_an_amount_out_of_its_range_is_refused(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        offer_cards_from(20_00, 40_00, monkeypatch)
        for amount in ("19.99", "40.01"):
            request = factories.authorise(amount=factories.money(amount))
            assert await not_offered(harness, request) == {"method": "card", "field": "amount"}
        least, most = (factories.authorise(amount=factories.money(n)) for n in ("20.00", "40.00"))
        assert (await authorise(harness, least)).state == Payment.STATE_AUTHORISED
        assert (await authorise(harness, most)).state == Payment.STATE_AUTHORISED

    @pytest.mark.parametrize("token", ["pm_card_visa", "pm_card_declined"])
    async def test_what_was_asked_for_while_it_was_offered_has_its_answer(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch, token: str
    ) -> None:
        request = factories.authorise(token)
        first = await outcome_of(harness, request)
        offer_cards_from(1, 40_00, monkeypatch)
        assert await outcome_of(harness, request) == first
        reused = factories.authorise(token, request_id=request.request_id, payer="cus_other")
        assert await reason_of(harness, "AuthorisePayment", reused) == "IDEMPOTENCY_KEY_REUSED"

    @pytest.mark.parametrize("amount", ["0.00", "-1.00", "1.0", "1"])
    async def test_case_26_no_amount_below_or_beside_the_minor_unit(
        self, harness: ServiceHarness, amount: str
    ) -> None:
        before = await harness.snapshot()
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, factories.authorise(amount=factories.money(amount)))
        assert refused.value.reason == "INVALID_FIELDS"
        assert not before.changes_to(await harness.snapshot())

    @pytest.mark.parametrize(
        ("currency", "amount", "minor"), [("JPY", "4200", 4200), ("KWD", "4.200", 4200)]
    )
    async def test_m3_currencies_with_other_digits_are_exact(
        self, harness: ServiceHarness, psp: Psp, currency: str, amount: str, minor: int
    ) -> None:
        request = factories.authorise(amount=factories.money(amount, currency))
        payment = await authorise(harness, request)

        assert payment.authorised_amount == factories.money(amount, currency)
        (charged,) = await psp.payments_of(payment.id)
        assert (charged["amount"], charged["currency"]) == (minor, currency)


class TestCardNumbers:
    @pytest.mark.parametrize(
        "token", ["4242424242424242", "4242 4242 4242 4242", "card=4242-4242-4242-4242"]
    )
    async def test_e7_a_card_number_is_refused_kept_nowhere_and_never_repeated(
        self,
        harness: ServiceHarness,
        token: str,
        capfd: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        before = await harness.snapshot()
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, factories.authorise(token))

        assert refused.value.reason == "CARD_NUMBER_REFUSED"
        assert not before.changes_to(await harness.snapshot())
        written = capfd.readouterr()
        said = refused.value.message + caplog.text + written.out + written.err
        assert "4242" not in said

    @pytest.mark.parametrize("field", ["reason", "consent.given_by", "consent.text_version"])
    async def test_72_free_text_of_a_refund_is_looked_at_too(
        self, harness: ServiceHarness, field: str
    ) -> None:
        text = "card 4242424242424242 was charged twice"
        consent = factories.consent(harness.clock.now())
        request = factories.refund("pay_none", means="store_credit", consent=consent)
        within, _, name = field.rpartition(".")
        setattr(request.consent if within else request, name, text)

        with pytest.raises(RemoteFailure) as refused:
            await harness.call("RefundPayment", request, harness.tokens.service("orders"))

        assert refused.value.reason == "CARD_NUMBER_REFUSED"
        assert [each.field for each in refused.value.violations] == [field]


class TestThreeDSecure:
    async def test_the_payer_confirms_and_the_payment_is_authorised(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        request = factories.authorise("pm_card_3ds")
        payment = await authorise(harness, request)
        assert payment.state == Payment.STATE_REQUIRES_ACTION
        assert payment.action_url.startswith(psp.url)
        confirm = pb.ConfirmPaymentRequest(payment=payment.id)
        payer = harness.tokens.customer("cus_test")
        waiting = await harness.call("ConfirmPayment", confirm, payer)
        assert waiting.state == Payment.STATE_REQUIRES_ACTION

        await psp.answer_challenge(payment.action_url)
        confirmed = await harness.call("ConfirmPayment", confirm, payer)

        assert confirmed.state == Payment.STATE_AUTHORISED
        assert confirmed.action_url == ""
        assert [type(each) for each in await harness.events()] == [
            events_pb2.PaymentActionRequired,
            events_pb2.PaymentAuthorised,
        ]
        assert await authorise(harness, request) == confirmed

    async def test_a_failed_challenge_fails_the_payment(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_3ds"))
        await psp.answer_challenge(payment.action_url, "fail")

        confirmed = await harness.call(
            "ConfirmPayment",
            pb.ConfirmPaymentRequest(payment=payment.id),
            harness.tokens.service("orders"),
        )

        assert confirmed.state == Payment.STATE_FAILED
        assert confirmed.decline_code == "authentication_failed"
        assert confirmed.retryable is True

    async def test_case_10_nobody_confirms_or_sees_the_payment_of_another(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_3ds"))
        stranger = harness.tokens.customer("cus_stranger")
        before = await harness.snapshot()
        for name, request in (
            ("ConfirmPayment", pb.ConfirmPaymentRequest(payment=payment.id)),
            ("GetPayment", pb.GetPaymentRequest(payment=payment.id)),
        ):
            with pytest.raises(RemoteFailure) as refused:
                await harness.call(name, request, stranger)
            assert refused.value.reason == "PAYMENT_NOT_FOUND"
        assert not before.changes_to(await harness.snapshot())

    async def test_a_payment_without_a_payer_belongs_to_nobody(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness, factories.authorise(payer=""))
        with pytest.raises(RemoteFailure) as refused:
            await harness.call(
                "GetPayment",
                pb.GetPaymentRequest(payment=payment.id),
                harness.tokens.visitor(""),
            )
        assert refused.value.reason in {"PAYMENT_NOT_FOUND", "UNAUTHENTICATED"}

    async def test_a_payer_who_never_acts_keeps_nothing_open(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_3ds"))

        harness.clock.advance(3700)

        async def given_up() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_VOIDED

        await until(given_up)
        (held,) = await psp.payments_of(payment.id)
        assert held["status"] == "voided"


class TestConcurrency:
    async def test_the_same_request_twenty_times_at_once_is_one_charge_and_one_answer(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        request = factories.authorise()

        async def ask() -> Payment:
            """Until it is told: one that waits for another's outcome may hear "unknown" first."""
            while (answer := await authorise(harness, request)).state == Payment.STATE_UNKNOWN:  # noqa: ASYNC110 - a database's state
                await asyncio.sleep(0.05)
            return answer

        answers = await asyncio.gather(*(ask() for _ in range(20)))

        assert {each.id for each in answers} == {answers[0].id}
        assert {each.state for each in answers} == {Payment.STATE_AUTHORISED}
        assert {each.SerializeToString() for each in answers} == {answers[0].SerializeToString()}
        assert len(await psp.payments_of(answers[0].id)) == 1
        assert len(await harness.events(events_pb2.PaymentAuthorised)) == 1
