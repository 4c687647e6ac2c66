"""When the provider's answer is lost, or the provider is not there at all."""

import asyncio
import socket
from pathlib import Path

import grpc
import pytest

from comptoir.payments.v1 import events_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Operation,
    Payment,
    authorise,
    get,
    only_payment,
    void,
)
from services.payments.tests.integration.psp import Psp, until


class TestUnknownOutcome:
    async def test_f21_a_timeout_after_the_charge_is_resolved_to_exactly_one_charge(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        request = factories.authorise("pm_card_timeout_after_charge")
        payment = await authorise(harness, request)
        assert payment.state == Payment.STATE_UNKNOWN
        assert payment.operations[0].state == Operation.STATE_UNKNOWN
        assert await harness.events() == []

        harness.clock.advance(2)

        async def known() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_AUTHORISED

        await until(known)
        (charged,) = await psp.payments_of(payment.id)
        assert charged["authorised_amount"] == 4200
        assert [type(each) for each in await harness.events()] == [events_pb2.PaymentAuthorised]
        assert (await authorise(harness, request)).state == Payment.STATE_AUTHORISED

    async def test_f21_the_same_request_again_learns_the_outcome_at_once(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        request = factories.authorise("pm_card_timeout_after_charge")
        assert (await authorise(harness, request)).state == Payment.STATE_UNKNOWN

        payment = await authorise(harness, request)

        assert payment.state == Payment.STATE_AUTHORISED
        assert len(await psp.payments_of(payment.id)) == 1

    @pytest.mark.parametrize(
        "fault",
        [
            {"action": "status", "status": 500, "when": "before"},
            {"action": "status", "status": 500, "when": "after"},
            {"action": "status", "status": 429, "when": "before"},
            {"action": "reset", "when": "before"},
            {"action": "reset", "when": "after"},
        ],
        ids=lambda fault: f"{fault['action']}-{fault.get('status', '')}-{fault['when']}",
    )
    async def test_f22_an_answer_that_breaks_off_is_asked_for_again_at_once(
        self, harness: ServiceHarness, psp: Psp, fault: dict[str, str]
    ) -> None:
        await psp.script(operation="authorise", **fault)

        payment = await authorise(harness, factories.authorise())

        assert payment.state == Payment.STATE_AUTHORISED
        assert len(await psp.payments_of(payment.id)) == 1

    async def test_a_call_that_had_no_effect_is_made_again_under_the_same_key(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        await psp.script(operation="authorise", action="timeout", when="before")
        payment = await authorise(harness, factories.authorise())
        assert payment.state == Payment.STATE_UNKNOWN
        assert await psp.payments_of(payment.id) == []

        harness.clock.advance(2)

        async def known() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_AUTHORISED

        await until(known)
        assert len(await psp.payments_of(payment.id)) == 1

    async def test_f22_after_23_hours_nothing_is_sent_any_more(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        await psp.script(operation="authorise", action="timeout", when="before")
        payment = await authorise(harness, factories.authorise())

        harness.clock.advance(23 * 3600)

        async def known() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_FAILED

        await until(known)
        assert (await get(harness, payment.id)).decline_code == "never_received"
        assert await psp.payments_of(payment.id) == []

    async def test_the_issuer_that_takes_its_time_is_waited_for(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness, factories.authorise("pm_card_delayed"))
        assert payment.state == Payment.STATE_UNKNOWN
        await asyncio.sleep(0.4)

        async def known() -> bool:
            harness.clock.advance(31)
            return (await get(harness, payment.id)).state == Payment.STATE_AUTHORISED

        await until(known)

    async def test_the_token_is_forgotten_once_the_outcome_is_known(
        self, harness: ServiceHarness
    ) -> None:
        await authorise(harness, factories.authorise())
        async with harness.transactions.reading() as session:
            assert await session.fetchval("SELECT token || return_url FROM operation") == ""


class TestProviderDown:
    @pytest.fixture
    def psp_url(self) -> str:
        with socket.create_server(("127.0.0.1", 0)) as server:
            return f"http://127.0.0.1:{server.getsockname()[1]}"

    async def test_unavailable_means_that_nothing_was_charged(
        self, harness: ServiceHarness
    ) -> None:
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, factories.authorise())

        assert refused.value.reason == "PROVIDER_UNAVAILABLE"
        assert refused.value.status is grpc.StatusCode.UNAVAILABLE
        payment = await only_payment(harness)
        assert payment.state == Payment.STATE_CREATED
        assert payment.operations[0].state == Operation.STATE_FAILED
        assert await harness.events() == []

    async def test_the_same_request_goes_on_when_the_provider_is_back(
        self, harness: ServiceHarness, psp_url: str, journal_path: Path
    ) -> None:
        request = factories.authorise()
        for _ in range(2):
            with pytest.raises(RemoteFailure):
                await authorise(harness, request)
        back = Psp.start(journal_path, PSP_LISTEN=psp_url.removeprefix("http://"))
        try:
            payment = await authorise(harness, request)
            assert payment.state == Payment.STATE_AUTHORISED
            assert len(await back.payments_of(payment.id)) == 1
            assert await authorise(harness, request) == payment
        finally:
            back.stop()

    async def test_what_was_never_asked_for_can_be_given_up(self, harness: ServiceHarness) -> None:
        request = factories.authorise()
        with pytest.raises(RemoteFailure):
            await authorise(harness, request)
        payment = await only_payment(harness)

        voided = await void(harness, payment.id)

        assert voided.state == Payment.STATE_VOIDED
        with pytest.raises(RemoteFailure) as refused:
            await authorise(harness, request)
        assert refused.value.reason == "PAYMENT_DECLINED"
        assert refused.value.metadata["decline_code"] == "payment_voided"
