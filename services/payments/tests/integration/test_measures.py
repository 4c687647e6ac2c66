"""What is told about operations whose outcome is not known."""

from comptoir_payments.operations import resolver
from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import names
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import Payment, authorise, get
from services.payments.tests.integration.psp import Psp, until

UNKNOWN = ("authorise", "unknown")


async def test_an_authorisation_without_an_answer_is_told_until_it_has_one(
    harness: ServiceHarness, psp: Psp
) -> None:
    payment = await authorise(harness, factories.authorise("pm_card_timeout_after_charge"))
    assert payment.state == Payment.STATE_UNKNOWN
    harness.clock.advance(1)

    async with harness.transactions.reading() as session:
        await resolver.measure(session)

    open_, age = telemetry.gauge(names.PROCESS_OPEN), telemetry.gauge(names.PROCESS_AGE)
    assert open_.read()[UNKNOWN] == 1
    assert age.read()[UNKNOWN] >= 1

    async def known() -> bool:
        harness.clock.advance(5)
        return (await get(harness, payment.id)).state == Payment.STATE_AUTHORISED

    await until(known)
    async with harness.transactions.reading() as session:
        await resolver.measure(session)
    assert (open_.read()[UNKNOWN], age.read()[UNKNOWN]) == (0, 0)
