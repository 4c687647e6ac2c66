"""The ledger: what the database itself refuses, and what the trial balance tells."""

from collections.abc import Sequence
from datetime import UTC, timedelta

import asyncpg
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime import migrations
from comptoir_runtime.database import Session
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    authorise,
    balances,
    call,
    capture,
    reason_of,
    refund,
)


async def post(session: Session, entries: Sequence[tuple[str, int]]) -> None:
    """A second transfer for the last operation, written as a careless program would."""
    operation, payment = await session.fetchrow(  # type: ignore[misc]  # there is one
        "SELECT id, payment_id FROM operation ORDER BY id DESC LIMIT 1"
    )
    await session.execute(
        "INSERT INTO ledger_transfer VALUES ($1, $2, 'capture', now())", operation, payment
    )
    for number, (currency, amount) in enumerate(entries, 1):
        await session.execute(
            "INSERT INTO ledger_account VALUES ('test', $1, now()) ON CONFLICT DO NOTHING", currency
        )
        await session.execute(
            "INSERT INTO ledger_entry VALUES ($1, $2, 'test', $3, $4, now())",
            operation,
            number,
            currency,
            amount,
        )


class TestDatabaseRules:
    @pytest.mark.parametrize(
        "entries",
        [
            [],
            [("EUR", 100)],
            [("EUR", 100), ("EUR", -99)],
            [("EUR", 100), ("USD", -100)],
        ],
        ids=["no lines", "one line", "a cent short", "two currencies"],
    )
    async def test_m1_a_transfer_that_does_not_balance_is_refused(
        self, harness: ServiceHarness, entries: list[tuple[str, int]]
    ) -> None:
        await authorise(harness)
        before = await harness.snapshot()
        with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
            async with harness.transactions() as session:
                await post(session, entries)
        assert not before.changes_to(await harness.snapshot())

    async def test_m1_a_line_added_later_is_refused(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)
        with pytest.raises(asyncpg.CheckViolationError, match="does not balance"):
            async with harness.transactions() as session:
                await session.execute(
                    """
                    INSERT INTO ledger_entry
                    SELECT operation_id, 9, account, currency, 1, posted_at FROM ledger_entry
                    LIMIT 1
                    """
                )

    async def test_a_balanced_transfer_is_accepted(self, harness: ServiceHarness) -> None:
        await authorise(harness)
        async with harness.transactions() as session:
            await post(session, [("EUR", 100), ("EUR", -100)])
        async with harness.transactions() as session:
            written = "SELECT amount FROM ledger_entry WHERE account = 'test' ORDER BY amount"
            assert [row["amount"] for row in await session.fetch(written)] == [-100, 100]

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_entry SET amount = amount + 1",
            "DELETE FROM ledger_entry",
            "TRUNCATE ledger_entry",
            "UPDATE ledger_transfer SET posted_at = now()",
            "DELETE FROM ledger_transfer",
            "TRUNCATE ledger_transfer CASCADE",
        ],
    )
    async def test_m2_nothing_that_was_posted_is_changed(
        self, harness: ServiceHarness, owner_url: str, statement: str
    ) -> None:
        """Not by the owner of the tables either, who may do more than the service."""
        payment = await authorise(harness)
        await capture(harness, payment.id)
        before = await harness.snapshot()
        owner = await asyncpg.connect(owner_url)
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(statement)
        await owner.close()
        assert not before.changes_to(await harness.snapshot())

    @pytest.mark.parametrize(
        "change",
        [
            "captured_amount = 4201",
            "captured_amount = 4200, capturing_amount = 1",
            "authorised_amount = 4201",
            "captured_amount = 100, refunded_amount = 101",
            "captured_amount = 100, refunded_amount = 60, refunding_amount = 41",
            "captured_amount = -1",
        ],
    )
    async def test_m4_impossible_amounts_are_refused(
        self, harness: ServiceHarness, change: str
    ) -> None:
        await authorise(harness)
        with pytest.raises(asyncpg.CheckViolationError):
            async with harness.transactions() as session:
                await session.execute(f"UPDATE payment SET {change}")

    async def test_code_and_database_have_the_same_tables(self, database_url: str) -> None:
        migrations.check("comptoir_payments", database_url)


class TestTrialBalance:
    async def test_it_tells_any_moment(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        start = harness.clock.now()
        harness.clock.advance(60)
        await capture(harness, payment.id, "30.00")
        harness.clock.advance(60)
        await refund(harness, payment.id, "10.00")

        def at(seconds: int) -> Timestamp:
            return factories.stamp(start + timedelta(seconds=seconds))

        assert await balances(harness, as_of_time=at(59)) == {}
        assert await balances(harness, as_of_time=at(60)) == {
            "customer_receivable": "-30.00",
            "provider_clearing:sandbox": "30.00",
        }
        assert await balances(harness) == {
            "customer_receivable": "-30.00",
            "provider_clearing:sandbox": "20.00",
            "refunds": "10.00",
        }

    async def test_each_currency_has_its_own(self, harness: ServiceHarness) -> None:
        for amount, currency in (("42.00", "EUR"), ("4200", "JPY")):
            request = factories.authorise(amount=factories.money(amount, currency))
            await capture(harness, (await authorise(harness, request)).id)

        assert (await balances(harness))["provider_clearing:sandbox"] == "42.00"
        yen = await balances(harness, currency="JPY")
        assert yen == {"customer_receivable": "-4200", "provider_clearing:sandbox": "4200"}

    async def test_a_sum_may_be_larger_than_any_amount(self, harness: ServiceHarness) -> None:
        for _ in range(10):
            card = factories.gift_card()
            card.amount.CopyFrom(factories.money("999999999999999.999", "KWD"))
            await call(harness, "IssueGiftCard", card)

        assert await balances(harness, currency="KWD") == {
            "gift_cards": "-9999999999999999.990",
            "goodwill": "9999999999999999.990",
        }

    async def test_the_answer_names_its_moment(self, harness: ServiceHarness) -> None:
        answer = await harness.call(
            "GetTrialBalance", pb.GetTrialBalanceRequest(), harness.tokens.staff("ledger.read")
        )
        assert answer.as_of_time.ToDatetime(UTC) == harness.clock.now()

    async def test_an_unknown_currency_is_refused(self, harness: ServiceHarness) -> None:
        request = pb.GetTrialBalanceRequest(currency="ABC")
        token = harness.tokens.staff("ledger.read")
        with pytest.raises(Exception, match="not an ISO 4217 currency"):
            await harness.call("GetTrialBalance", request, token)


class TestReading:
    async def test_payments_of_one_order_are_listed_newest_first(
        self, harness: ServiceHarness
    ) -> None:
        first = await authorise(harness, factories.authorise(order="ord_1"))
        await authorise(harness, factories.authorise(order="ord_2"))
        second = await authorise(harness, factories.authorise(order="ord_1"))

        listed = await call(harness, "ListPayments", pb.ListPaymentsRequest(order="ord_1"))

        assert [each.id for each in listed.payments] == [second.id, first.id]
        assert listed.payments[0] == second

    @pytest.mark.parametrize("page_token", ["garbage", "AAAA", "!" * 3000])
    async def test_a_made_up_page_token_is_refused(
        self, harness: ServiceHarness, page_token: str
    ) -> None:
        request = pb.ListPaymentsRequest(page_token=page_token[:1000])
        assert await reason_of(harness, "ListPayments", request) == "INVALID_PAGE_TOKEN"

    @pytest.mark.parametrize(
        ("channel", "codes"),
        [
            ("", ["card", "gift_card", "store_credit"]),
            ("web", ["card", "gift_card", "store_credit"]),
            ("mobile", ["card", "gift_card", "store_credit"]),
            ("store", ["card", "gift_card", "store_credit", "cash", "terminal"]),
            ("b2b", ["card", "on_account"]),
            ("elsewhere", ["card", "gift_card", "store_credit"]),
        ],
    )
    async def test_the_tenders_of_a_till_are_offered_in_stores_only(
        self, harness: ServiceHarness, channel: str, codes: list[str]
    ) -> None:
        listed = await harness.call(
            "ListPaymentMethods", pb.ListPaymentMethodsRequest(channel=channel)
        )
        assert [each.code for each in listed.methods] == codes
