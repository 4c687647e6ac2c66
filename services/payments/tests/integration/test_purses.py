"""Gift cards and store credit: spent like any other means, held and given back."""

import asyncio
from datetime import timedelta
from functools import partial

import asyncpg
import pytest

from comptoir.payments.v1 import events_pb2, purse_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
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
    only_payment,
    patiently,
    reason_of,
    refund,
    void,
)
from services.payments.tests.integration.psp import until
from services.payments.tests.integration.purses import (
    by_card,
    by_credit,
    issue,
    left_on,
    pay,
    purses_follow_the_ledger,
    refused,
)


class TestGiftCard:
    async def test_its_code_is_told_once_and_kept_nowhere(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        payment = await pay(harness, by_card(code))
        await capture(harness, payment.id)

        written = str(await harness.snapshot()) + str(await harness.events())
        assert len(code) == 19
        assert code not in written
        assert code.replace("-", "") not in written
        assert payment.display == f"•••• {code[-4:]}"

    async def test_the_same_request_is_told_the_same_code(self, harness: ServiceHarness) -> None:
        request = factories.gift_card()
        first, *others = await asyncio.gather(
            *(patiently(partial(call, harness, "IssueGiftCard", request)) for _ in range(5))
        )
        assert all(each == first for each in others)
        (event,) = await harness.events()
        assert event == events_pb2.GiftCardIssued(
            gift_card_id=first.gift_card.id, gift_card=first.gift_card
        )

    async def test_who_pays_for_it_is_in_the_books(self, harness: ServiceHarness) -> None:
        await issue(harness, "50.00", order="ord_1")
        await issue(harness, "20.00")
        assert await balances(harness) == {
            "customer_receivable": "50.00",
            "gift_cards": "-70.00",
            "goodwill": "20.00",
        }

    async def test_it_is_held_then_spent_then_given_back(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        payment = await pay(harness, by_card(code, "42.00"))
        assert payment.state == Payment.STATE_AUTHORISED
        assert await left_on(harness, code) == ("50.00", "8.00")

        await capture(harness, payment.id, "30.00")
        assert await left_on(harness, code) == ("20.00", "8.00")
        await void(harness, payment.id)
        assert await left_on(harness, code) == ("20.00", "20.00")
        await refund(harness, payment.id, "10.00")
        assert await left_on(harness, code) == ("30.00", "30.00")

        (spent,) = await harness.events(events_pb2.GiftCardSpent)
        assert (spent.amount.amount, spent.gift_card.balance.amount) == ("30.00", "20.00")
        assert (spent.payment_id, spent.order) == (payment.id, payment.order)
        assert await balances(harness) == {
            "customer_receivable": "-30.00",
            "gift_cards": "-30.00",
            "goodwill": "50.00",
            "refunds": "10.00",
        }
        assert await purses_follow_the_ledger(harness)

    @pytest.mark.parametrize("typed", [str.lower, lambda code: f" {code.replace('-', ' ')} "])
    async def test_a_code_may_be_typed_as_people_do(
        self, harness: ServiceHarness, typed: "type[str]"
    ) -> None:
        code = await issue(harness)
        assert (await pay(harness, by_card(typed(code)))).state == Payment.STATE_AUTHORISED

    async def test_too_small_a_balance_tells_what_is_left(self, harness: ServiceHarness) -> None:
        code = await issue(harness, "50.00")
        await pay(harness, by_card(code, "42.00"))
        request = by_card(code, "8.01")

        refusal = await refused(harness, request)

        assert refusal.reason == "PAYMENT_DECLINED"
        assert refusal.metadata["decline_code"] == "insufficient_funds"
        assert refusal.metadata["amount_left"] == "8.00"
        assert refusal.metadata["currency"] == "EUR"
        # The rest is spent in between: the answer stays the one that was given.
        await pay(harness, by_card(code, "8.00"))
        assert (await refused(harness, request)).metadata == refusal.metadata
        assert await left_on(harness, code) == ("50.00", "0.00")

    async def test_after_its_end_it_pays_nothing_and_keeps_what_is_on_it(
        self, harness: ServiceHarness
    ) -> None:
        end = harness.clock.now() + timedelta(days=1)
        code = await issue(harness, expire_time=factories.stamp(end))
        harness.clock.advance(24 * 3600)
        refusal = await refused(harness, by_card(code))
        assert refusal.metadata["decline_code"] == "expired"
        assert await left_on(harness, code) == ("50.00", "50.00")

    async def test_one_that_would_have_expired_already_is_refused(
        self, harness: ServiceHarness
    ) -> None:
        before = await harness.snapshot()
        request = factories.gift_card(expire_time=factories.stamp(harness.clock.now()))
        with pytest.raises(RemoteFailure) as refusal:
            await call(harness, "IssueGiftCard", request)
        assert [each.field for each in refusal.value.violations] == ["expire_time"]
        assert not before.changes_to(await harness.snapshot())

    async def test_another_currency_is_refused(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        request = factories.authorise(
            code, method="gift_card", amount=factories.money("4200", "JPY")
        )
        refusal = await refused(harness, request)
        assert refusal.metadata["decline_code"] == "other_currency"

    async def test_a_wrong_code_is_a_decline_that_is_not_to_be_tried_again(
        self, harness: ServiceHarness
    ) -> None:
        refusal = await refused(harness, by_card("0000-0000-0000-0000"))
        assert refusal.metadata["decline_code"] == "unknown_code"
        assert refusal.metadata["retryable"] == "false"
        assert (await only_payment(harness)).state == Payment.STATE_FAILED

    async def test_who_tries_many_codes_has_to_wait(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        for number in range(10):
            await refused(harness, by_card(f"wrong-{number}"))
        before = await harness.snapshot()

        assert await reason_of(harness, "AuthorisePayment", by_card(code)) == "TOO_MANY_ATTEMPTS"
        assert not before.changes_to(await harness.snapshot())
        # Others are not kept waiting, and after an hour nobody is.
        assert (await pay(harness, by_card(code, "1.00", payer="cus_other"))).id
        harness.clock.advance(3601)
        assert (await pay(harness, by_card(code, "1.00"))).id

    async def test_balances_are_told_to_a_few_guesses_only(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        visitor = harness.tokens.visitor("vis_1")
        reasons = []
        for guess in [*(f"wrong-{number}" for number in range(10)), code]:
            with pytest.raises(RemoteFailure) as refusal:
                await harness.call(
                    "GetGiftCardBalance", pb.GetGiftCardBalanceRequest(code=guess), visitor
                )
            reasons.append(refusal.value.reason)
        assert reasons == ["GIFT_CARD_NOT_FOUND"] * 10 + ["TOO_MANY_ATTEMPTS"]

    async def test_m11_one_balance_is_not_spent_by_two_buyers(
        self, harness: ServiceHarness
    ) -> None:
        code = await issue(harness, "50.00")
        attempts = [by_card(code, "20.00", payer=f"cus_{n}") for n in range(20)]

        answers = await asyncio.gather(
            *(patiently(partial(pay, harness, request)) for request in attempts),
            return_exceptions=True,
        )

        paid = [each for each in answers if isinstance(each, Payment)]
        declined = [each for each in answers if isinstance(each, RemoteFailure)]
        assert (len(paid), len(declined)) == (2, 18)
        assert {each.metadata["amount_left"] for each in declined} <= {"10.00", "30.00"}
        assert await left_on(harness, code) == ("50.00", "10.00")
        assert await purses_follow_the_ledger(harness)

    async def test_m4_m11_many_captures_and_refunds_at_once_move_it_once(
        self, harness: ServiceHarness
    ) -> None:
        code = await issue(harness, "50.00")
        payment = await pay(harness, by_card(code, "42.00"))
        await asyncio.gather(
            *(patiently(partial(capture, harness, payment.id)) for _ in range(8)),
            return_exceptions=True,
        )
        assert await left_on(harness, code) == ("8.00", "8.00")
        await asyncio.gather(
            *(patiently(partial(refund, harness, payment.id, "42.00")) for _ in range(8)),
            return_exceptions=True,
        )
        assert await left_on(harness, code) == ("50.00", "50.00")
        assert await purses_follow_the_ledger(harness)

    @pytest.mark.parametrize("change", ["balance = -1", "held = 51_00", "held = -1"])
    async def test_m11_the_database_refuses_impossible_balances(
        self, harness: ServiceHarness, change: str
    ) -> None:
        await issue(harness, "50.00")
        with pytest.raises(asyncpg.CheckViolationError):
            async with harness.transactions() as session:
                await session.execute(f"UPDATE purse SET {change.replace('_', '')}")

    async def test_what_nobody_takes_in_time_is_free_again(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        payment = await pay(harness, by_card(code))
        harness.clock.advance(30 * 24 * 3600)

        async def lapsed() -> Payment | None:
            found = await get(harness, payment.id)
            return found if found.lapsed else None

        ended = await until(lapsed)
        assert ended.state == Payment.STATE_VOIDED
        assert await left_on(harness, code) == ("50.00", "50.00")
        refusal = await reason_of(harness, "CapturePayment", factories.capture(payment.id))
        assert refusal == "AUTHORISATION_EXPIRED"
        assert len(await harness.events(events_pb2.PaymentVoided)) == 1


async def credit_of(harness: ServiceHarness) -> purse_pb2.StoreCredit:
    request = pb.GetStoreCreditRequest(customer="cus_test")
    found: purse_pb2.StoreCredit = await call(harness, "GetStoreCredit", request)
    return found


class TestStoreCredit:
    async def test_it_is_the_payers_and_nobody_elses(self, harness: ServiceHarness) -> None:
        await call(harness, "GrantStoreCredit", factories.credit("cus_test", "30.00"))
        payment = await pay(harness, by_credit("12.00"))
        await capture(harness, payment.id)
        stranger = await refused(harness, by_credit("12.00", payer="cus_other"))

        assert stranger.metadata["decline_code"] == "no_account"
        credit = await call(
            harness, "GetStoreCredit", pb.GetStoreCreditRequest(customer="cus_test")
        )
        assert (credit.balance.amount, credit.available_amount.amount) == ("18.00", "18.00")
        assert await balances(harness) == {
            "customer_receivable": "-12.00",
            "goodwill": "30.00",
            "store_credit": "-18.00",
        }

    async def test_grants_add_up(self, harness: ServiceHarness) -> None:
        await asyncio.gather(
            *(
                patiently(
                    partial(call, harness, "GrantStoreCredit", factories.credit(amount="1.00"))
                )
                for _ in range(9)
            )
        )
        credit = await call(
            harness, "GetStoreCredit", pb.GetStoreCreditRequest(customer="cus_test")
        )
        assert credit.balance.amount == "9.00"
        assert await purses_follow_the_ledger(harness)

    async def test_none_is_a_balance_of_zero(self, harness: ServiceHarness) -> None:
        credit = await call(
            harness, "GetStoreCredit", pb.GetStoreCreditRequest(customer="cus_test")
        )
        assert credit.balance.amount == "0.00"


class TestSeveralTenders:
    async def test_one_order_is_paid_by_card_gift_card_and_credit(
        self, harness: ServiceHarness
    ) -> None:
        code = await issue(harness, "10.00")
        await call(harness, "GrantStoreCredit", factories.credit(amount="5.00"))
        tenders = [
            by_card(code, "10.00", order="ord_1"),
            by_credit("5.00", order="ord_1"),
            factories.authorise(order="ord_1", amount=factories.money("27.00")),
        ]
        payments = [await pay(harness, request) for request in tenders]
        for payment in payments:
            await capture(harness, payment.id)

        listed = await call(harness, "ListPayments", pb.ListPaymentsRequest(order="ord_1"))
        assert [each.id for each in listed.payments] == [each.id for each in reversed(payments)]
        assert (await balances(harness))["customer_receivable"] == "-42.00"
        assert await purses_follow_the_ledger(harness)

    async def test_when_one_fails_the_others_are_given_up(self, harness: ServiceHarness) -> None:
        code = await issue(harness, "10.00")
        first = await pay(harness, by_card(code, "10.00", order="ord_1"))
        await refused(harness, factories.authorise("pm_card_declined", order="ord_1"))
        await void(harness, first.id)
        assert await left_on(harness, code) == ("10.00", "10.00")


class TestAnotherMeans:
    async def test_with_consent_money_goes_back_as_store_credit(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)
        consent = factories.consent(harness.clock.now())
        request = factories.refund(payment.id, "20.00", means="store_credit", consent=consent)

        given = await call(harness, "RefundPayment", request)
        again = await call(harness, "RefundPayment", request)

        assert again == given
        operation = given.operations[-1]
        assert (operation.means, operation.reason) == ("store_credit", "goodwill")
        assert operation.consent == consent
        credit = await call(
            harness, "GetStoreCredit", pb.GetStoreCreditRequest(customer="cus_test")
        )
        assert credit.balance.amount == "20.00"
        assert await balances(harness) == {
            "customer_receivable": "-42.00",
            "provider_clearing:sandbox": "42.00",
            "refunds": "20.00",
            "store_credit": "-20.00",
        }
        assert await purses_follow_the_ledger(harness)
        # The rest still goes back to the card.
        await refund(harness, payment.id)
        assert (await balances(harness))["provider_clearing:sandbox"] == "20.00"

    async def test_without_consent_nothing_moves(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)
        before = await harness.snapshot()
        early = factories.consent(harness.clock.now() + timedelta(hours=1))
        for consent in (None, early):
            request = factories.refund(payment.id, means="store_credit", consent=consent)
            assert await reason_of(harness, "RefundPayment", request) == "CONSENT_REQUIRED"
        assert not before.changes_to(await harness.snapshot())

    async def test_a_visitor_has_no_credit(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness, factories.authorise(payer="vis_1"))
        await capture(harness, payment.id)
        consent = factories.consent(harness.clock.now(), given_by="vis_1")
        request = factories.refund(payment.id, means="store_credit", consent=consent)
        assert await reason_of(harness, "RefundPayment", request) == "REFUND_REFUSED"

    async def test_the_database_refuses_another_means_without_consent(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        await capture(harness, payment.id)
        await refund(harness, payment.id)
        with pytest.raises(asyncpg.CheckViolationError, match="other_means_has_consent"):
            async with harness.transactions() as session:
                await session.execute(
                    "UPDATE operation SET means = 'store_credit' WHERE kind = 'refund'"
                )
