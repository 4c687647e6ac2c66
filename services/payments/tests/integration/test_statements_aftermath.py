"""Lines of settlement reports about what happened to payments at their provider."""

from typing import Any

import pytest

from comptoir.payments.v1 import events_pb2, report_pb2
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    capture,
    get,
    refund,
)
from services.payments.tests.integration.psp import Psp
from services.payments.tests.integration.test_aftermath import happen, settled, told
from services.payments.tests.integration.test_discrepancies import Difference, walk
from services.payments.tests.integration.test_statements import Kind, reference, take_in, taken

CLEARING = "provider_clearing:sandbox"


def about(
    payment: Payment, kind: report_pb2.ReportLine.Kind.ValueType, amount: str, **more: Any
) -> report_pb2.ReportLine:
    """A line that names the payment and no operation."""
    told_of = {"kind": kind, "provider_payment": payment.provider_reference, **more}
    return factories.line(amount=amount, **told_of)


async def happened(
    harness: ServiceHarness, psp: Psp, payment: Payment, verb: str, amount: int | None = None
) -> None:
    """At the provider, which tells us so."""
    await told(harness, payment, await happen(psp, payment, verb, amount))
    await settled(harness)


async def found(harness: ServiceHarness) -> list[tuple[str, str, str]]:
    """Kind, line and payment of each difference, whatever the size of a page."""
    pages = [await walk(harness, size) for size in (1, 2, 50)]
    assert pages[0] == pages[1] == pages[2]
    names = [Difference.Kind.Name(each.kind).removeprefix("KIND_") for each in pages[0]]
    return [(name, each.line, each.payment) for name, each in zip(names, pages[0], strict=True)]


async def taken_and_given_back(
    harness: ServiceHarness,
) -> tuple[Payment, Payment]:
    """A payment of which 12.00 was refunded: before that, and after it."""
    payment = await taken(harness)
    await refund(harness, payment.id, "12.00")
    return payment, await get(harness, payment.id)


class TestMatching:
    async def test_m5_all_that_happened_is_matched_and_booked_once(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment, refunded = await taken_and_given_back(harness)
        await happened(harness, psp, payment, "fail_refund", 500)
        await happened(harness, psp, payment, "dispute", 1000)
        await happened(harness, psp, payment, "win_dispute")
        lines = (
            factories.line(reference(payment)),
            factories.line(reference(refunded), "12.00", kind=Kind.KIND_REFUND),
            about(payment, Kind.KIND_REVERSAL, "5.00"),
            about(payment, Kind.KIND_DISPUTE, "10.00", fee="15.00"),
            about(payment, Kind.KIND_DISPUTE_WON, "10.00", fee="-15.00"),
        )

        answer = await take_in(harness, *lines)

        assert (answer.new_count, answer.matched_count, answer.booked_count) == (5, 5, 0)
        assert await found(harness) == []
        # 42 taken, 7 given back for good; what the dispute cost came back with it.
        now = await balances(harness)
        assert now == {
            CLEARING: "35.00",
            "customer_receivable": "-42.00",
            "disputes": "0.00",
            "provider_fees:sandbox": "0.00",
            "refunds": "7.00",
        }
        again = await take_in(harness, *lines)
        assert (again.new_count, again.matched_count, await balances(harness)) == (0, 5, now)

    async def test_what_a_dispute_cost_is_booked(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await taken(harness)
        await happened(harness, psp, payment, "dispute")
        await happened(harness, psp, payment, "lose_dispute")
        line = about(payment, Kind.KIND_DISPUTE, "42.00", fee="15.00")

        await take_in(harness, factories.line(reference(payment)), line)

        assert await found(harness) == []
        assert await balances(harness) == {
            CLEARING: "-15.00",
            "chargebacks": "42.00",
            "customer_receivable": "-42.00",
            "disputes": "0.00",
            "provider_fees:sandbox": "15.00",
        }

    async def test_a_refund_made_at_the_provider_itself_is_no_difference(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        await happened(harness, psp, payment, "refund", 300)
        await take_in(
            harness,
            factories.line(reference(payment)),
            about(payment, Kind.KIND_REFUND, "3.00", provider_reference="re_of_theirs"),
        )

        assert await found(harness) == []

    @pytest.mark.parametrize("named", [True, False])
    async def test_captures_that_bear_the_id_of_their_payment_are_told_apart(
        self, harness: ServiceHarness, named: bool
    ) -> None:
        """As Stripe's do."""
        payment = await authorise(harness)
        for amount in ("10.00", "32.00"):
            await capture(harness, payment.id, amount)
        async with harness.transactions() as session:
            await session.execute(
                "UPDATE operation SET provider_reference = $1 WHERE kind = 'capture'",
                payment.provider_reference,
            )
        known = payment.provider_reference
        ids = ["txn_1", "txn_2"] if named else [known, known]
        more = {"provider_payment": known} if named else {}
        second, first = (
            factories.line(each, amount, "0.10", **more)
            for each, amount in zip(ids, ("32.00", "10.00"), strict=True)
        )

        await take_in(harness, factories.line(kind=Kind.KIND_PAYOUT))
        assert await found(harness) == [("MISSING", "", payment.id)] * 2
        answer = await take_in(harness, second, first)

        assert answer.matched_count == 2
        assert await found(harness) == []
        third = factories.line(known, "10.00")
        await take_in(harness, third)
        assert await found(harness) == [("UNEXPECTED", third.line, payment.id)]

    async def test_as_many_as_there_were_are_matched_and_not_one_more(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment, refunded = await taken_and_given_back(harness)
        for _ in range(2):
            await happened(harness, psp, payment, "fail_refund", 400)
        first, second, third = (about(payment, Kind.KIND_REVERSAL, "4.00") for _ in range(3))
        await take_in(
            harness,
            factories.line(reference(payment)),
            factories.line(reference(refunded), "12.00", kind=Kind.KIND_REFUND),
            first,
        )
        assert await found(harness) == [("MISSING", "", payment.id)]

        answer = await take_in(harness, second, third)

        assert answer.matched_count == 1
        assert await found(harness) == [("UNEXPECTED", third.line, payment.id)]

    @pytest.mark.parametrize("amount", ["9.99", "10.01"])
    async def test_another_amount_is_two_differences(
        self, harness: ServiceHarness, psp: Psp, amount: str
    ) -> None:
        payment = await taken(harness)
        await happened(harness, psp, payment, "dispute", 1000)
        line = about(payment, Kind.KIND_DISPUTE, amount)
        await take_in(harness, factories.line(reference(payment)), line)

        before = await balances(harness)
        assert await found(harness) == [
            ("UNEXPECTED", line.line, payment.id),
            ("MISSING", "", payment.id),
        ]
        assert await balances(harness) == before


class TestUnheardOf:
    async def test_f23_a_dispute_whose_notice_never_came_is_asked_about(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        await happen(psp, payment, "dispute", 1000)
        captured = factories.line(reference(payment))
        line = about(payment, Kind.KIND_DISPUTE, "10.00", fee="15.00")

        for _ in range(2):
            await take_in(harness, captured, line)
            await settled(harness)

        assert await found(harness) == []
        assert (await get(harness, payment.id)).disputed_amount.amount == "10.00"
        (event,) = await harness.events(events_pb2.PaymentDisputed)
        assert event.amount.amount == "10.00"
        now = await balances(harness)
        assert (now["disputes"], now["provider_fees:sandbox"]) == ("10.00", "15.00")

    async def test_names_that_hold_colons_are_not_mistaken_for_each_other(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        for report, line in (("day:1", "2"), ("day", "1:2")):
            payment = await taken(harness)
            await happen(psp, payment, "dispute", 1000)
            told_of = about(payment, Kind.KIND_DISPUTE, "10.00", line=line)
            await take_in(harness, told_of, report=report)
            await settled(harness)
            assert (await get(harness, payment.id)).disputed_amount.amount == "10.00"

    async def test_a_line_that_is_wrong_changes_nothing(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        line = about(payment, Kind.KIND_DISPUTE, "10.00")
        before = await balances(harness)

        await take_in(harness, factories.line(reference(payment)), line)
        await settled(harness)

        assert await found(harness) == [("UNEXPECTED", line.line, payment.id)]
        assert await balances(harness) == before
        assert await harness.events(events_pb2.PaymentDisputed) == []


class TestLater:
    async def test_a_line_that_an_older_version_took_in_is_matched_when_it_comes_again(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        line = factories.line(payment.provider_reference, "10.00", "0.10")
        await take_in(harness, line)
        await capture(harness, payment.id, "10.00")
        async with harness.transactions() as session:
            await session.execute("UPDATE provider_report_line SET provider_payment = ''")
            await session.execute(
                "UPDATE operation SET provider_reference = $1 WHERE kind = 'capture'",
                payment.provider_reference,
            )

        answer = await take_in(harness, line)

        assert (answer.new_count, answer.matched_count) == (0, 1)
        assert await found(harness) == []
        assert (await balances(harness))["provider_fees:sandbox"] == "0.10"

    async def test_lines_that_came_first_are_explained_in_their_order(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment, refunded = await taken_and_given_back(harness)
        known = (
            factories.line(reference(payment)),
            factories.line(reference(refunded), "12.00", kind=Kind.KIND_REFUND),
        )
        first, second, third = (about(payment, Kind.KIND_REVERSAL, "4.00") for _ in range(3))
        await take_in(harness, *known, first, second, third)
        unexpected = [("UNEXPECTED", each.line, payment.id) for each in (first, second, third)]
        assert await found(harness) == unexpected

        for left in (2, 1):
            await happened(harness, psp, payment, "fail_refund", 400)
            assert await found(harness) == unexpected[-left:]

        # Another report that tells of the same takes none of it away.
        answer = await take_in(harness, about(payment, Kind.KIND_REVERSAL, "4.00"), report="rep_2")
        assert answer.matched_count == 0
        assert await found(harness) == unexpected[-1:]
        await happened(harness, psp, payment, "fail_refund", 400)
        assert await found(harness) == []
