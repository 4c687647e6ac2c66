"""Stripe's events: genuine or not, and what they are about."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import stripe

from comptoir_payments.domain.reports import Status
from comptoir_payments.errors import WebhookMalformed, WebhookSignatureInvalid
from comptoir_payments.providers.contract import Notice
from comptoir_payments.providers.stripe.notices import parse
from services.payments.tests.stripe_objects import charge, event, intent, taken

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRETS = ("whsec_new", "whsec_old")


def signature(body: bytes, secret: str = "whsec_new", at: datetime = NOW) -> str:
    """As the SDK signs."""
    header: str = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, int(at.timestamp())
    )
    return header


def read(body: bytes, header: str, secrets: tuple[str, ...] = SECRETS) -> Notice:
    return parse("stripe", body, {"stripe-signature": header}, secrets, NOW)


def notice(about: dict[str, Any], kind: str = "payment_intent.succeeded") -> Notice:
    body = orjson.dumps(event(about, kind))
    return read(body, signature(body))


class TestGenuine:
    """F25."""

    BODY = orjson.dumps(event(intent()))

    @pytest.mark.parametrize("secret", SECRETS)
    def test_either_secret_is_good_while_one_replaces_the_other(self, secret: str) -> None:
        assert read(self.BODY, signature(self.BODY, secret)).event == "evt_1"

    def test_stripe_signs_with_both_while_one_replaces_the_other(self) -> None:
        two = f"{signature(self.BODY, 'whsec_next')},v1={signature(self.BODY)[-64:]}"
        assert read(self.BODY, two).event == "evt_1"

    @pytest.mark.parametrize("seconds", [-300, 300])
    def test_five_minutes_are_tolerated(self, seconds: int) -> None:
        at = NOW + timedelta(seconds=seconds)
        assert read(self.BODY, signature(self.BODY, at=at)).event == "evt_1"

    @pytest.mark.parametrize("seconds", [-301, 301])
    def test_a_second_more_is_not(self, seconds: int) -> None:
        at = NOW + timedelta(seconds=seconds)
        with pytest.raises(WebhookSignatureInvalid, match="too old"):
            read(self.BODY, signature(self.BODY, at=at))

    def test_a_body_written_anew_is_refused(self) -> None:
        anew = orjson.dumps(orjson.loads(self.BODY), option=orjson.OPT_INDENT_2)
        with pytest.raises(WebhookSignatureInvalid):
            read(anew, signature(self.BODY))

    def test_a_forged_one_is_refused(self) -> None:
        with pytest.raises(WebhookSignatureInvalid):
            read(self.BODY, signature(self.BODY, "whsec_guess"))

    @pytest.mark.parametrize("secrets", [(), ("",)])
    def test_without_a_secret_nothing_is_good(self, secrets: tuple[str, ...]) -> None:
        with pytest.raises(WebhookSignatureInvalid):
            read(self.BODY, signature(self.BODY, ""), secrets)

    @pytest.mark.parametrize(
        "header", ["", "t=1", "v1=00", "t=x,v1=00", "t=1,v1=é", "t=1,t=2,v1=00", "é" * 2000]
    )
    def test_what_is_no_signature_is_refused(self, header: str) -> None:
        with pytest.raises(WebhookSignatureInvalid):
            read(self.BODY, header)

    def test_an_older_scheme_is_refused(self) -> None:
        with pytest.raises(WebhookSignatureInvalid):
            read(self.BODY, signature(self.BODY).replace("v1=", "v0="))

    def test_a_body_that_is_no_text_is_refused(self) -> None:
        with pytest.raises(WebhookSignatureInvalid):
            read(b"\xff\xfe", signature(b""))

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b'{"id":"evt_1"}', b'{"data":{"object":[]}}', b"null", b"1"]
    )
    def test_a_signed_body_of_another_kind_is_refused(self, body: bytes) -> None:
        with pytest.raises(WebhookMalformed):
            read(body, signature(body))


class TestContent:
    def test_an_intent_names_our_payment(self) -> None:
        about = notice(intent(latest_charge="ch_1"), "payment_intent.amount_capturable_updated")
        assert about.provider == "stripe"
        assert about.type == "payment_intent.amount_capturable_updated"
        assert (about.report.payment, about.report.reference) == ("pay_1", "pi_1")
        assert (about.report.status, about.report.held) == (Status.APPROVED, 1000)

    def test_an_intent_tells_what_was_taken(self) -> None:
        report = notice(taken(400, latest_charge="ch_1")).report
        assert (report.captured, report.voided, report.held) == (400, 600, 0)

    def test_a_charge_tells_what_was_given_back(self) -> None:
        given = charge(amount_captured=1000, captured=True, amount_refunded=300)
        report = notice(given, "charge.refunded").report
        assert (report.payment, report.reference) == ("pay_1", "pi_1")
        assert (report.captured, report.refunded, report.held) == (1000, 300, 0)

    @pytest.mark.parametrize(
        ("about", "kind"),
        [
            ({"object": "refund", "id": "re_1", "status": "failed"}, "refund.failed"),
            ({"object": "refund", "id": "re_1", "status": "failed"}, "charge.refund.updated"),
            ({"object": "dispute", "id": "dp_1", "status": "lost"}, "charge.dispute.closed"),
        ],
    )
    def test_a_refund_or_a_dispute_is_a_hint_to_ask(self, about: dict[str, Any], kind: str) -> None:
        report = notice(about | {"payment_intent": "pi_1"}, kind).report
        assert (report.payment, report.reference, report.is_hint) == ("", "pi_1", True)
        assert not notice(about | {"payment_intent": None}, kind).report.is_hint

    def test_fields_that_old_versions_do_not_have_are_no_harm(self) -> None:
        old = intent(status="succeeded")
        del old["amount_received"], old["amount_capturable"]
        assert notice(old).report.payment == "pay_1"

    @pytest.mark.parametrize(
        "about",
        [
            {"object": "customer", "id": "cus_1", "metadata": {}},
            {"object": "balance", "available": []},
            intent(metadata={"order": "1234"}),
        ],
    )
    def test_what_is_no_payment_of_ours_names_none(self, about: dict[str, Any]) -> None:
        assert notice(about, "anything.happened").report.payment == ""
