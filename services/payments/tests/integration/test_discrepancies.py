"""Differences between reports and books: all of them, once, and what a page of them reads."""

import asyncio
import operator
from collections.abc import Sequence
from datetime import datetime

import psycopg
import pytest

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.payments.v1 import report_pb2
from comptoir_payments import store
from comptoir_payments.domain import ledger
from comptoir_payments.domain.ledger import Transfer, TransferKind
from comptoir_payments.operations.statements import list_discrepancies
from comptoir_runtime import migrations
from comptoir_runtime.database import Session
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.reading import rows_read
from services.payments.tests import factories
from services.payments.tests.integration.calls import authorise, balances, capture, reason_of
from services.payments.tests.integration.psp import Psp, until

Difference = report_pb2.Discrepancy
Kind = report_pb2.ReportLine
FEE = 25
PAYMENTS = """
INSERT INTO payment SELECT (jsonb_populate_record(payment, jsonb_build_object(
  'id', 'pay_' || n, 'order_id', 'ord_' || n, 'provider_reference', 'ref_' || n))).*
FROM payment CROSS JOIN generate_series(1, $1::int) AS n"""
CAPTURES = """
INSERT INTO operation SELECT (jsonb_populate_record(operation, jsonb_build_object(
  'id', 'pop_' || n, 'payment_id', 'pay_' || n, 'request_id', 'many' || n,
  'provider_reference', 'op_' || n))).*
FROM operation CROSS JOIN generate_series(1, $1::int) AS n WHERE kind = 'capture'"""

# Everything compared with everything, as whoever trusts nothing would.
ALL = """
WITH known AS (
  SELECT line.*, operation.id, operation.amount AS booked, payment.currency AS booked_in,
    row_number() OVER (PARTITION BY operation.id ORDER BY line.number) AS place
  FROM provider_report_line line
  LEFT JOIN (operation JOIN payment ON payment.id = operation.payment_id)
    ON operation.provider_reference = line.provider_reference AND operation.kind = line.kind
    AND operation.state = 'succeeded' AND payment.provider = line.provider
  WHERE line.kind IN ('capture', 'refund')
), found (report_id, kind, line, operation) AS (
  SELECT report_id, 'UNEXPECTED', line, '' FROM known WHERE id IS NULL
  UNION ALL SELECT report_id, 'DUPLICATE', line, id FROM known WHERE id IS NOT NULL AND place > 1
  UNION ALL SELECT report_id, 'AMOUNT', line, id FROM known
  WHERE place = 1 AND (amount, currency) <> (booked, booked_in)
  UNION ALL SELECT report_id, 'FEE', line, id FROM known JOIN ledger_entry entry
    ON entry.operation_id = id AND account = 'provider_fees:sandbox'
  WHERE place = 1 AND (known.fee, known.currency) <> (entry.amount, entry.currency)
  UNION ALL SELECT report.id, 'MISSING', '', transfer.operation_id
  FROM provider_report report JOIN ledger_transfer transfer
    ON posted_at >= starts_at AND posted_at < ends_at AND transfer.payment_id IS NOT NULL
  WHERE transfer.operation_id NOT IN (SELECT id FROM known WHERE id IS NOT NULL)
)
SELECT kind, line, operation FROM found WHERE report_id = $1"""


async def many_captures(harness: ServiceHarness, count: int) -> None:
    """`op_1` to `op_<count>` at the provider, of 42.00 each, which told its fee; and one more."""
    await capture(harness, (await authorise(harness)).id)
    async with harness.transactions() as session:
        await session.execute(PAYMENTS, count)
        await session.execute(CAPTURES, count)
        clearing = ledger.clearing_account("sandbox")
        for number in range(1, count + 1):
            moved = Transfer(
                kind=TransferKind.CAPTURE,
                payment=f"pay_{number}",
                operation=f"pop_{number}",
                currency="EUR",
                at=harness.clock.now(),
                entries=ledger.capture_entries(clearing, "sandbox", 4200, FEE),
            )
            store.post_transfer(session, moved)


async def take_in(
    harness: ServiceHarness,
    *lines: report_pb2.ReportLine,
    report: str = "rep_1",
    around: datetime | None = None,
) -> None:
    request = factories.provider_report(around or harness.clock.now(), *lines, report=report)
    token = harness.tokens.staff("ledger.write")
    await harness.call("ImportProviderReport", request, token)


async def walk(harness: ServiceHarness, size: int, report: str = "rep_1") -> list[Difference]:
    """All pages of a size."""
    token = harness.tokens.staff("ledger.read")
    request = pb.ListDiscrepanciesRequest(provider="sandbox", report=report, page_size=size)
    found: list[Difference] = []
    while True:
        page = await harness.call("ListDiscrepancies", request, token)
        found += page.discrepancies
        if not page.next_page_token:
            return found
        assert len(page.discrepancies) == size
        request.page_token = page.next_page_token


def told(found: Sequence[Difference]) -> list[tuple[str, str, str]]:
    names = [Difference.Kind.Name(each.kind).removeprefix("KIND_") for each in found]
    return [(name, each.line, each.operation) for name, each in zip(names, found, strict=True)]


async def all_differences(session: Session, report: str) -> list[tuple[str, str, str]]:
    rows = await session.fetch(ALL, report)
    return sorted((row["kind"], row["line"], row["operation"]) for row in rows)


_KEPT = """
SELECT (SELECT array_agg(operation_id ORDER BY operation_id) FROM unreported_operation),
  (SELECT array_agg(agrees ORDER BY number) FROM provider_report_line)"""


def forget_where_to_look(owner_url: str) -> None:
    """The database as it was when nothing was noted or marked."""
    with psycopg.connect(owner_url) as owner:
        owner.execute("DELETE FROM unreported_operation")
        owner.execute("UPDATE provider_report_line SET agrees = false")
        owner.execute("UPDATE alembic_version SET version_num = '0005'")


class TestPages:
    @pytest.mark.parametrize("size", [1, 3, 100])
    async def test_together_they_are_all_that_differs_and_nothing_twice(
        self, harness: ServiceHarness, size: int
    ) -> None:
        await many_captures(harness, 24)
        in_yen = factories.line("op_13")
        in_yen.amount.CopyFrom(factories.money("4200", "JPY"))
        agreeing = [factories.line(f"op_{n}", fee="0.25") for n in range(1, 9)]
        wrong = [
            factories.line("op_9", "41.00", "0.25"),
            factories.line("op_10", "41.00", "0.30"),
            factories.line("op_11", fee="0.30"),
            factories.line("op_12"),
            in_yen,
            factories.line("op_nobody_knows"),
            factories.line("op_14", kind=Kind.KIND_REFUND),
            factories.line("op_1", fee="0.25"),
            factories.line("op_15", fee="0.25"),
            factories.line("op_15", fee="0.25"),
            factories.line(kind=Kind.KIND_FEE, amount="5.00"),
        ]
        again = [factories.line("op_2", "1.00"), factories.line("op_16", fee="0.25")]
        await take_in(harness, *agreeing, *wrong)
        await take_in(harness, *again, report="rep_2")

        for report in ("rep_1", "rep_2"):
            found = told(await walk(harness, size, report))
            async with harness.transactions.reading() as session:
                expected = await all_differences(session, report)
            assert sorted(found) == expected
            # Lines first, in the order they came.
            lines = [each.line for each in (*agreeing, *wrong, *again)]
            places = [lines.index(line) if line else len(lines) for _, line, _ in found]
            assert places == sorted(places)
        assert len(expected) == 11

    async def test_what_there_was_before_is_marked_and_noted_by_the_migration(
        self, harness: ServiceHarness, owner_url: str
    ) -> None:
        await many_captures(harness, 6)
        await take_in(
            harness,
            factories.line("op_1", fee="0.25"),
            factories.line("op_2", "41.00", "0.25"),
            factories.line("op_3", fee="0.30"),
            factories.line("op_1", fee="0.25"),
            factories.line("op_nobody_knows"),
        )
        async with harness.transactions.reading() as session:
            kept = await session.fetchrow(_KEPT)
        assert kept is not None
        assert kept[1] == [True, False, False, False, False]
        await asyncio.to_thread(forget_where_to_look, owner_url)

        await asyncio.to_thread(migrations.run, "comptoir_payments", owner_url)

        async with harness.transactions.reading() as session:
            assert await session.fetchrow(_KEPT) == kept

    async def test_one_reads_what_it_tells_and_not_what_agrees(
        self, harness: ServiceHarness
    ) -> None:
        await many_captures(harness, 300)
        await take_in(
            harness,
            *(factories.line(f"op_{n}", fee="0.25") for n in range(1, 281)),
            factories.line("op_281", "41.00", "0.25"),
            factories.line("op_nobody_knows"),
        )

        async with harness.transactions() as session:
            tables = ("provider_report_line", "operation", "ledger_transfer")
            before = [await rows_read(session, table) for table in tables]
            found = await list_discrepancies(session, "sandbox", "rep_1", None, 5)
            after = [await rows_read(session, table) for table in tables]
            read = dict(zip(tables, map(operator.sub, after, before), strict=True))

        assert [str(each.kind) for each in found] == ["amount", "unexpected", *["missing"] * 3]
        assert read == {"provider_report_line": 2, "operation": 4, "ledger_transfer": 0}


async def unanswered_capture(harness: ServiceHarness, psp: Psp) -> str:
    """The provider's id of a capture that nobody here knows to have happened."""
    payment = await authorise(harness)
    await psp.script(operation="capture", action="timeout", when="after")
    request = factories.capture(payment.id)
    assert await reason_of(harness, "CapturePayment", request) == "OUTCOME_UNKNOWN"
    moved = [each for each in await psp.journal() if each.get("kind") == "capture"][-1]
    return str(moved["answer"]["operation"]["id"])


class TestLater:
    async def test_a_line_is_explained_once_its_operation_has_ended_and_its_fee_is_booked_once(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        began = harness.clock.now()
        reference = await unanswered_capture(harness, psp)
        early, late = (factories.line(reference, fee="0.25") for _ in range(2))
        await take_in(harness, early, around=began)
        assert told(await walk(harness, 10)) == [("UNEXPECTED", early.line, "")]

        harness.clock.advance(2)

        async def explained() -> bool:
            return not await walk(harness, 10)

        await until(explained)
        # Another report tells of it as well, and is matched before the first one is taken in again.
        await take_in(harness, late, report="rep_2", around=began)
        await take_in(harness, early, around=began)
        assert await walk(harness, 10) == []
        (second,) = await walk(harness, 10, "rep_2")
        assert (second.kind, second.line) == (Difference.KIND_DUPLICATE, late.line)
        assert (await balances(harness))["provider_fees:sandbox"] == "0.25"

    async def test_what_is_moved_after_the_import_is_missing_until_a_line_tells_of_it(
        self, harness: ServiceHarness
    ) -> None:
        await take_in(harness, factories.line(kind=Kind.KIND_PAYOUT))
        assert await walk(harness, 10) == []
        payment = await capture(harness, (await authorise(harness)).id)
        operation = payment.operations[-1]
        assert told(await walk(harness, 10)) == [("MISSING", "", operation.id)]
        await take_in(harness, factories.line(operation.provider_reference), report="rep_2")
        assert await walk(harness, 10) == []
