"""What is read of a table that has grown since its plans were made."""

from datetime import UTC, datetime

from comptoir_payments import store
from comptoir_payments.domain.statements import Line, LineKind, Statement
from comptoir_payments.operations.statements import import_report
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.reading import rows_read
from services.payments.tests.integration.calls import authorise, capture
from services.payments.tests.integration.psp import Psp
from services.payments.tests.integration.test_aftermath import happen, settled, told

OLD = 2_000
EARLY, LATE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
PAYMENTS = """
INSERT INTO payment SELECT (jsonb_populate_record(payment, jsonb_build_object(
  'id', 'pay_0' || lpad(n::text, 25, '0'), 'order_id', 'ord_old' || n,
  'provider_reference', 'ref_' || n))).*
FROM payment CROSS JOIN generate_series(1, $1::int) AS n"""
OPERATIONS = """
INSERT INTO operation SELECT (jsonb_populate_record(operation, jsonb_build_object(
  'id', 'pop_0' || lpad(n::text, 25, '0'), 'payment_id', 'pay_0' || lpad(n::text, 25, '0'),
  'request_id', 'old' || n, 'provider_reference', 'op_old' || n))).*
FROM operation CROSS JOIN generate_series(1, $1::int) AS n WHERE kind = 'authorise'"""


async def old_payments(harness: ServiceHarness) -> None:
    """Thousands of payments like the only one."""
    async with harness.transactions() as session:
        await session.execute(PAYMENTS, OLD)
        await session.execute(OPERATIONS, OLD)


async def test_payments_of_an_order_are_found_without_reading_those_of_others(
    harness: ServiceHarness,
) -> None:
    payment = await authorise(harness)
    await old_payments(harness)

    async with harness.transactions() as session:
        before = await rows_read(session, "payment")
        (found,) = await store.newest_payments(session, payment.order, "", 51)
        fetched = await rows_read(session, "payment") - before

    assert (found.id, fetched) == (payment.id, 1)


async def test_a_payment_is_found_by_its_providers_id_without_reading_others(
    harness: ServiceHarness,
) -> None:
    payment = await authorise(harness)
    await old_payments(harness)

    async with harness.transactions() as session:
        before = await rows_read(session, "payment")
        found = await store.find_by_reference(session, "sandbox", payment.provider_reference)
        fetched = await rows_read(session, "payment") - before

    assert found is not None
    assert (found.id, fetched) == (payment.id, 2)


async def test_a_report_is_matched_without_reading_what_it_does_not_name(
    harness: ServiceHarness,
) -> None:
    payment = await capture(harness, (await authorise(harness)).id)
    await old_payments(harness)
    reference = payment.operations[-1].provider_reference
    statement = Statement("sandbox", "rep_1", EARLY, LATE)
    line = Line(
        line="1",
        kind=LineKind.CAPTURE,
        reference=reference,
        currency="EUR",
        amount=4200,
        fee=0,
        booked_at=EARLY,
    )

    async with harness.transactions() as session:
        before = await rows_read(session, "operation")
        answer = await import_report(session, statement, [line])
        fetched = await rows_read(session, "operation") - before

    # By the statement that matches it, and as what the line refers to.
    assert (answer.matched, fetched) == (1, 2)


async def test_what_names_its_payment_only_is_matched_without_reading_others(
    harness: ServiceHarness, psp: Psp
) -> None:
    payment = await capture(harness, (await authorise(harness)).id)
    await told(harness, payment, await happen(psp, payment, "dispute", 1000))
    await settled(harness)
    await old_payments(harness)
    statement = Statement("sandbox", "rep_1", EARLY, LATE)
    line = Line(
        line="1",
        kind=LineKind.DISPUTE,
        reference="",
        currency="EUR",
        amount=1000,
        fee=0,
        booked_at=EARLY,
        payment=payment.provider_reference,
    )

    async with harness.transactions() as session:
        tables = ("payment", "operation")
        before = [await rows_read(session, table) for table in tables]
        answer = await import_report(session, statement, [line])
        after = [await rows_read(session, table) for table in tables]

    # Its payment; its three operations, and once more the one that the line refers to.
    assert answer.matched == 1
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 4]
