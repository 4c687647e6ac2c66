"""Notices that are forged, old, written anew or no notices at all."""

from datetime import timedelta

import orjson
import pytest

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_testing.harness import ServiceHarness
from services.payments.tests.integration.calls import authorise, reason_of
from services.payments.tests.integration.psp import SECRET
from services.payments.tests.integration.webhooks import (
    handle,
    notice_about,
    signed,
    signed_bytes,
)


class TestSignature:
    """F25."""

    async def refused(self, harness: ServiceHarness, request: pb.HandleWebhookRequest) -> str:
        before = await harness.snapshot()
        reason = await reason_of(harness, "HandleWebhook", request)
        assert not before.changes_to(await harness.snapshot())
        return reason

    async def test_a_forged_notice_has_no_effect(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now(), "whsec_guess")
        assert await self.refused(harness, request) == "WEBHOOK_SIGNATURE_INVALID"

    async def test_a_body_written_anew_has_no_effect(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now())
        request.body = orjson.dumps(orjson.loads(request.body), option=orjson.OPT_INDENT_2)
        assert await self.refused(harness, request) == "WEBHOOK_SIGNATURE_INVALID"

    @pytest.mark.parametrize("minutes", [-6, 6])
    async def test_a_notice_from_another_time_has_no_effect(
        self, harness: ServiceHarness, minutes: int
    ) -> None:
        payment = await authorise(harness)
        at = harness.clock.now() + timedelta(minutes=minutes)
        request = signed(notice_about(payment), at)
        assert await self.refused(harness, request) == "WEBHOOK_SIGNATURE_INVALID"

    @pytest.mark.parametrize("header", ["", "t=1", "v1=00", "t=x,v1=00", "t=1,t=2,v1=00", "ü=ü"])
    async def test_a_broken_signature_has_no_effect(
        self, harness: ServiceHarness, header: str
    ) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now())
        request.headers["sandbox-signature"] = header
        assert await self.refused(harness, request) == "WEBHOOK_SIGNATURE_INVALID"

    async def test_no_signature_at_all_has_no_effect(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now())
        request.headers.clear()
        assert await self.refused(harness, request) == "WEBHOOK_SIGNATURE_INVALID"

    @pytest.mark.parametrize("secret", [SECRET, "whsec_previous"])
    async def test_both_secrets_are_good_while_one_replaces_the_other(
        self, harness: ServiceHarness, secret: str
    ) -> None:
        payment = await authorise(harness)
        assert await handle(harness, signed(notice_about(payment), harness.clock.now(), secret))

    @pytest.mark.parametrize(
        "body", [b"", b"[]", b"{", b'{"id":"evt_1"}', b'{"data":{"payment":[]}}', b"null"]
    )
    async def test_a_signed_body_of_another_kind_has_no_effect(
        self, harness: ServiceHarness, body: bytes
    ) -> None:
        request = signed_bytes(body, harness.clock.now())
        assert await self.refused(harness, request) == "WEBHOOK_MALFORMED"

    async def test_an_unknown_provider_has_no_effect(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now(), provider="paypal")
        assert await self.refused(harness, request) == "PROVIDER_NOT_FOUND"

    async def test_tills_send_no_notices(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now(), provider="till")
        assert await self.refused(harness, request) == "WEBHOOK_MALFORMED"
