"""Buying on account: a limit that holds, a day on which it is due, money that comes in."""

import asyncio
from datetime import UTC, timedelta
from functools import partial

import pytest

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    balances,
    call,
    capture,
    get,
    patiently,
    reason_of,
    refund,
)
from services.payments.tests.integration.purses import (
    on_account,
    pay,
    purses_follow_the_ledger,
    refused,
)


async def figures(harness: ServiceHarness) -> tuple[str, str]:
    """What is owed, and what can still be bought."""
    account = await call(harness, "GetCreditAccount", pb.GetCreditAccountRequest(owner="com_test"))
    return account.outstanding_amount.amount, account.available_amount.amount


class TestOnAccount:
    async def test_it_is_due_some_days_after_the_first_capture(
        self, harness: ServiceHarness
    ) -> None:
        await call(harness, "SetCreditAccount", factories.account(terms_days=30))
        payment = await pay(harness, on_account("42.00"))
        assert not payment.HasField("due_time")
        harness.clock.advance(3600)
        due = harness.clock.now() + timedelta(days=30)

        first = await capture(harness, payment.id, "20.00")
        harness.clock.advance(3600)
        await capture(harness, payment.id)

        assert first.due_time.ToDatetime(UTC) == due
        assert (await get(harness, payment.id)).due_time.ToDatetime(UTC) == due
        assert await figures(harness) == ("42.00", "58.00")
        assert await balances(harness) == {
            "accounts_receivable": "42.00",
            "customer_receivable": "-42.00",
        }

    async def test_what_comes_in_can_be_bought_for_again(self, harness: ServiceHarness) -> None:
        await call(harness, "SetCreditAccount", factories.account())
        payment = await pay(harness, on_account("42.00"))
        await capture(harness, payment.id)
        await refund(harness, payment.id, "2.00")
        await call(harness, "RecordAccountReceipt", factories.receipt(amount="30.00"))

        assert await figures(harness) == ("10.00", "90.00")
        assert await balances(harness) == {
            "accounts_receivable": "10.00",
            "bank": "30.00",
            "customer_receivable": "-42.00",
            "refunds": "2.00",
        }
        assert await purses_follow_the_ledger(harness)

    async def test_what_a_company_owes_becomes_no_credit_of_its_buyer(
        self, harness: ServiceHarness
    ) -> None:
        agreed = factories.consent(harness.clock.now())
        await call(harness, "SetCreditAccount", factories.account())
        payment = await pay(harness, on_account("42.00"))
        await capture(harness, payment.id)
        wish = factories.refund(payment.id, "2.00", means="store_credit", consent=agreed)
        before = await harness.snapshot()

        with pytest.raises(RemoteFailure) as refusal:
            await call(harness, "RefundPayment", wish)

        assert refusal.value.reason == "REFUND_REFUSED"
        assert refusal.value.metadata == {"provider_code": "account_of_another"}
        assert not before.changes_to(await harness.snapshot())
        # Whoever buys on an account of their own decides for themselves.
        await call(harness, "SetCreditAccount", factories.account("cus_test"))
        request = factories.authorise("", method="on_account", amount=factories.money("5.00"))
        own = await pay(harness, request)
        await capture(harness, own.id)
        wish = factories.refund(own.id, "2.00", means="store_credit", consent=agreed)
        assert (await call(harness, "RefundPayment", wish)).refunded_amount.amount == "2.00"

    async def test_a_limit_beyond_measure_still_counts(self, harness: ServiceHarness) -> None:
        most = factories.money("922337203685477.5807", "CLF")
        least = factories.money("0.0001", "CLF")
        wish = factories.account(credit_limit=most)
        await call(harness, "SetCreditAccount", wish)
        receipt = pb.RecordAccountReceiptRequest(
            owner="com_test", request_id=factories.request_id(), amount=least
        )
        await call(harness, "RecordAccountReceipt", receipt)
        request = factories.authorise("com_test", method="on_account", amount=least)
        assert (await pay(harness, request)).state == Payment.STATE_AUTHORISED

    async def test_the_limit_holds_for_many_buyers_at_once(self, harness: ServiceHarness) -> None:
        buyers = [f"cus_{number}" for number in range(16)]
        await call(harness, "SetCreditAccount", factories.account(buyers=buyers))

        answers = await asyncio.gather(
            *(
                patiently(partial(pay, harness, on_account("30.00", payer=buyer)))
                for buyer in buyers
            ),
            return_exceptions=True,
        )

        assert sum(isinstance(each, Payment) for each in answers) == 3
        declined = [each for each in answers if isinstance(each, RemoteFailure)]
        assert {each.metadata["decline_code"] for each in declined} == {"insufficient_funds"}
        assert await figures(harness) == ("0.00", "10.00")

    async def test_a_lower_limit_only_keeps_from_buying_more(self, harness: ServiceHarness) -> None:
        await call(harness, "SetCreditAccount", factories.account(limit="100.00"))
        await capture(harness, (await pay(harness, on_account("42.00"))).id)
        held = await pay(harness, on_account("10.00"))
        await call(harness, "SetCreditAccount", factories.account(limit="0.00"))

        assert await figures(harness) == ("42.00", "0.00")
        assert (await refused(harness, on_account("0.01"))).metadata["amount_left"] == "0.00"
        assert (await capture(harness, held.id)).state == Payment.STATE_CAPTURED

    async def test_who_is_no_buyer_learns_nothing(self, harness: ServiceHarness) -> None:
        await call(harness, "SetCreditAccount", factories.account(buyers=["cus_test"]))
        stranger = await refused(harness, on_account(payer="cus_other"))
        assert stranger.metadata["decline_code"] == "no_account"
        unknown = await reason_of(
            harness, "GetCreditAccount", pb.GetCreditAccountRequest(owner="com_other")
        )
        assert unknown == "CREDIT_ACCOUNT_NOT_FOUND"

    async def test_the_owner_needs_no_token(self, harness: ServiceHarness) -> None:
        await call(harness, "SetCreditAccount", factories.account("cus_test"))
        request = factories.authorise("", method="on_account", amount=factories.money("5.00"))
        assert (await pay(harness, request)).state == Payment.STATE_AUTHORISED

    async def test_a_limit_below_zero_is_refused(self, harness: ServiceHarness) -> None:
        request = factories.account(limit="-1.00")
        assert await reason_of(harness, "SetCreditAccount", request) == "INVALID_FIELDS"
