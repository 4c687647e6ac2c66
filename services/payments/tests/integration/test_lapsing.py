"""Promises that nobody took in time: given back at the provider, and over for good."""

from comptoir.payments.v1 import events_pb2
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Operation,
    Payment,
    authorise,
    balances,
    capture,
    get,
    reason_of,
    refund,
)
from services.payments.tests.integration.psp import Psp, until

LIFETIME = 7 * 24 * 3600
_PENDING = Operation.STATE_PENDING


async def ended(harness: ServiceHarness, payment: str) -> Payment:
    async def lapsed() -> Payment | None:
        found = await get(harness, payment)
        return found if found.lapsed and found.operations[-1].state != _PENDING else None

    found: Payment = await until(lapsed)
    return found


class TestLapsing:
    async def test_it_is_given_back_and_told_once(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await authorise(harness)
        harness.clock.advance(LIFETIME + 60)

        found = await ended(harness, payment.id)

        assert found.state == Payment.STATE_VOIDED
        assert found.authorised_amount.amount == "0.00"
        release = found.operations[-1]
        assert (release.kind, release.state) == (Operation.KIND_VOID, Operation.STATE_SUCCEEDED)
        assert (await psp.payment(payment.provider_reference))["status"] == "voided"
        assert len(await harness.events(events_pb2.PaymentVoided)) == 1
        late = await reason_of(harness, "CapturePayment", factories.capture(payment.id))
        assert late == "AUTHORISATION_EXPIRED"
        again = await reason_of(harness, "VoidPayment", factories.void(payment.id))
        assert again == ""

    async def test_what_was_taken_stays_and_can_be_given_back(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id, "30.00")
        harness.clock.advance(LIFETIME + 60)

        found = await ended(harness, payment.id)

        assert (found.state, found.captured_amount.amount) == (Payment.STATE_CAPTURED, "30.00")
        assert found.authorised_amount.amount == "30.00"
        late = await reason_of(harness, "CapturePayment", factories.capture(payment.id, "1.00"))
        assert late == "AUTHORISATION_EXPIRED"
        await refund(harness, payment.id)
        held = await psp.payment(payment.provider_reference)
        assert (held["captured_amount"], held["voided_amount"]) == (3000, 1200)
        assert held["refunded_amount"] == 3000
        assert (await balances(harness))["provider_clearing:sandbox"] == "0.00"

    async def test_what_was_taken_whole_never_lapses(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        whole = await authorise(harness)
        await capture(harness, whole.id)
        other = await authorise(harness)
        harness.clock.advance(LIFETIME + 60)
        await ended(harness, other.id)
        assert not (await get(harness, whole.id)).lapsed

    async def test_f21_a_lost_answer_is_found_out(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await authorise(harness)
        await psp.script(operation="void", action="timeout", when="after")
        harness.clock.advance(LIFETIME + 60)

        async def known() -> Payment | None:
            # What is unknown is asked for again after some seconds.
            harness.clock.advance(30)
            found = await get(harness, payment.id)
            return found if found.state == Payment.STATE_VOIDED else None

        found = await until(known)
        assert found.lapsed
        assert [each.kind for each in found.operations] == [
            Operation.KIND_AUTHORISE,
            Operation.KIND_VOID,
        ]
