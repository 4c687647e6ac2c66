"""Settlement reports: matched to operations, fees booked, differences listed and left alone."""

import asyncio

import pytest

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.payments.v1 import report_pb2
from comptoir.payments.v1.payment_pb2 import Operation
from comptoir_payments import convert
from comptoir_payments.operations.statements import import_report
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    call,
    capture,
    get,
    refund,
)
from services.payments.tests.integration.psp import Psp, until
from services.payments.tests.integration.test_aftermath import happen, settled, told

Kind = report_pb2.ReportLine

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""
Difference = report_pb2.Discrepancy


async def take_in(
    harness: ServiceHarness, *lines: report_pb2.ReportLine, report: str = "rep_1"
) -> pb.ImportProviderReportResponse:
    request = factories.provider_report(harness.clock.now(), *lines, report=report)
    answer: pb.ImportProviderReportResponse = await harness.call(
        "ImportProviderReport", request, harness.tokens.staff("ledger.write")
    )
    return answer


async def differences(
    harness: ServiceHarness, report: str = "rep_1"
) -> list[report_pb2.Discrepancy]:
    listed = await harness.call(
        "ListDiscrepancies",
        pb.ListDiscrepanciesRequest(provider="sandbox", report=report),
        harness.tokens.staff("ledger.read"),
    )
    return list(listed.discrepancies)


async def taken(harness: ServiceHarness, amount: str = "42.00") -> Payment:
    request = factories.authorise(amount=factories.money(amount))
    return await capture(harness, (await authorise(harness, request)).id)


def reference(payment: Payment) -> str:
    """The provider's id of the last operation."""
    return str(payment.operations[-1].provider_reference)


async def settled_by(psp: Psp, *payments: Payment) -> list[report_pb2.ReportLine]:
    """What the provider's own journal says about these payments, as a report tells it."""
    known = {payment.provider_reference for payment in payments}
    kinds = {"capture": Kind.KIND_CAPTURE, "refund": Kind.KIND_REFUND}
    lines = []
    for entry in await psp.journal():
        # Others tell of cards, refusals and events.
        if entry.get("payment_id") in known and entry.get("kind") in kinds:
            moved = entry["answer"]["operation"]
            lines.append(
                factories.line(
                    moved["id"], f"{moved['amount'] / 100:.2f}", "0.25", kind=kinds[entry["kind"]]
                )
            )
    return lines


class TestImport:
    async def test_m5_the_providers_own_journal_matches_and_its_fees_are_booked(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        first, second = await taken(harness), await taken(harness, "10.00")
        await refund(harness, first.id, "2.00")
        lines = await settled_by(psp, first, second)

        answer = await take_in(harness, *lines)

        assert (answer.new_count, answer.matched_count, answer.booked_count) == (3, 3, 0)
        assert await differences(harness) == []
        assert await balances(harness) == {
            "customer_receivable": "-52.00",
            "provider_clearing:sandbox": "49.25",
            "provider_fees:sandbox": "0.75",
            "refunds": "2.00",
        }

    async def test_lines_that_are_known_change_nothing(self, harness: ServiceHarness) -> None:
        line = factories.line(reference(await taken(harness)), fee="0.25")
        payout = factories.line(kind=Kind.KIND_PAYOUT, amount="41.75")
        await take_in(harness, line, payout)
        before = await balances(harness)

        again = await take_in(harness, line, payout)

        assert (again.new_count, again.matched_count, again.booked_count) == (0, 1, 1)
        assert await balances(harness) == before
        assert before == {
            "bank": "41.75",
            "customer_receivable": "-42.00",
            "provider_clearing:sandbox": "0.00",
            "provider_fees:sandbox": "0.25",
        }

    async def test_a_line_that_says_something_else_now_is_refused_whole(
        self, harness: ServiceHarness
    ) -> None:
        line = factories.line("unknown", line="1")
        await take_in(harness, line)
        before = await harness.snapshot()
        changed = factories.line("unknown", "41.00", line="1")
        with pytest.raises(RemoteFailure) as refusal:
            await take_in(harness, factories.line("other"), changed)
        assert refusal.value.reason == "REPORT_LINE_CHANGED"
        assert refusal.value.metadata == {"line": "1"}
        assert not before.changes_to(await harness.snapshot())

    async def test_another_period_for_the_same_report_is_refused(
        self, harness: ServiceHarness
    ) -> None:
        await take_in(harness, factories.line("unknown"))
        harness.clock.advance(60)
        with pytest.raises(RemoteFailure) as refusal:
            await take_in(harness, factories.line("unknown"))
        assert refusal.value.reason == "REPORT_PERIOD_DIFFERS"

    @pytest.mark.parametrize(
        ("line", "field"),
        [
            (factories.line(""), "lines[0].provider_reference"),
            (factories.line("op", kind=Kind.KIND_PAYOUT), "lines[0].provider_reference"),
            (factories.line("op", "0.00"), "lines[0].amount"),
            (factories.line("op", "1.0"), "lines[0].amount.amount"),
            (factories.line("op", fee="0.3"), "lines[0].fee.amount"),
            (factories.line(kind=Kind.KIND_FEE, fee="1.00"), "lines[0].fee"),
            (factories.line(kind=Kind.KIND_DISPUTE), "lines[0].provider_payment"),
            (
                factories.line(kind=Kind.KIND_PAYOUT, provider_payment="pay_1"),
                "lines[0].provider_payment",
            ),
            (
                factories.line("op", kind=Kind.KIND_REVERSAL, provider_payment="pay_1"),
                "lines[0].provider_reference",
            ),
            (
                factories.line(amount="-1.00", kind=Kind.KIND_DISPUTE, provider_payment="pay_1"),
                "lines[0].amount",
            ),
        ],
    )
    async def test_a_bad_line_names_its_field(
        self, harness: ServiceHarness, line: report_pb2.ReportLine, field: str
    ) -> None:
        with pytest.raises(RemoteFailure) as refusal:
            await take_in(harness, line)
        assert [each.field for each in refusal.value.violations] == [field]

    async def test_a_fee_of_its_own_and_a_payout_are_booked(self, harness: ServiceHarness) -> None:
        await take_in(
            harness,
            factories.line(kind=Kind.KIND_FEE, amount="5.00"),
            factories.line(kind=Kind.KIND_PAYOUT, amount="30.00"),
        )
        assert await balances(harness) == {
            "bank": "30.00",
            "provider_clearing:sandbox": "-35.00",
            "provider_fees:sandbox": "5.00",
        }

    async def test_two_reports_at_once_book_the_fee_of_one_operation_once(
        self, harness: ServiceHarness
    ) -> None:
        line = factories.line(reference(await taken(harness)), fee="0.25", line="1")

        async def import_under(report: str) -> None:
            request = factories.provider_report(harness.clock.now(), line, report=report)
            async with harness.transactions() as session:
                await import_report(session, *convert.provider_report(request))

        async with harness.transactions() as session:
            request = factories.provider_report(harness.clock.now(), line, report="rep_1")
            await import_report(session, *convert.provider_report(request))
            other = asyncio.create_task(import_under("rep_2"))

            async def other_waits() -> bool:
                async with harness.transactions.reading() as looking:
                    return other.done() or bool(await looking.fetchval(_WAITING))

            await until(other_waits)
        await other

        assert (await balances(harness))["provider_fees:sandbox"] == "0.25"
        assert await differences(harness) == []
        (second,) = await differences(harness, "rep_2")
        assert second.kind == Difference.KIND_DUPLICATE


class TestDiscrepancies:
    async def test_each_difference_is_named_and_none_is_repaired(
        self, harness: ServiceHarness
    ) -> None:
        same, other, missing = [await taken(harness) for _ in range(3)]
        await take_in(
            harness,
            factories.line(reference(same), line="1"),
            factories.line(reference(other), "41.00", line="2"),
            factories.line("op_nobody_knows", "7.00", line="3"),
            factories.line(reference(same), fee="0.30", line="4"),
        )
        before = await balances(harness)

        found = {each.kind: each for each in await differences(harness)}

        assert found.keys() == {
            Difference.KIND_AMOUNT,
            Difference.KIND_UNEXPECTED,
            Difference.KIND_DUPLICATE,
            Difference.KIND_MISSING,
        }
        amount = found[Difference.KIND_AMOUNT]
        assert (amount.line, amount.payment) == ("2", other.id)
        assert (amount.reported_amount.amount, amount.booked_amount.amount) == ("41.00", "42.00")
        unexpected = found[Difference.KIND_UNEXPECTED]
        assert (unexpected.line, unexpected.operation) == ("3", "")
        assert found[Difference.KIND_DUPLICATE].line == "4"
        assert found[Difference.KIND_MISSING].operation == missing.operations[-1].id
        assert "provider_fees:sandbox" not in before
        assert await balances(harness) == before

    async def test_what_another_report_settles_is_not_missing(
        self, harness: ServiceHarness
    ) -> None:
        first, second = await taken(harness), await taken(harness)
        await take_in(harness, factories.line(reference(first)), report="rep_1")
        assert [each.payment for each in await differences(harness)] == [second.id]
        await take_in(harness, factories.line(reference(second)), report="rep_2")
        assert await differences(harness) == []

    async def test_a_refund_by_another_means_is_not_missed_at_the_provider(
        self, harness: ServiceHarness
    ) -> None:
        payment = await taken(harness)
        line = factories.line(reference(payment))
        consent = factories.consent(harness.clock.now())
        request = factories.refund(payment.id, means="store_credit", consent=consent)
        await call(harness, "RefundPayment", request)
        await take_in(harness, line)
        assert await differences(harness) == []

    async def test_what_is_lost_was_moved_when_it_was_disputed(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        await take_in(harness, factories.line(reference(payment)))
        await happen(psp, payment, "dispute")
        await told(harness, payment, await happen(psp, payment, "lose_dispute"))
        await settled(harness)
        kinds = [each.kind for each in (await get(harness, payment.id)).operations[-2:]]
        assert kinds == [Operation.KIND_DISPUTE, Operation.KIND_DISPUTE_LOST]

        (missing,) = await differences(harness)

        assert missing.kind == Difference.KIND_MISSING
        disputed = (await get(harness, payment.id)).operations[-2]
        assert (missing.operation, missing.booked_amount.amount) == (disputed.id, "42.00")
