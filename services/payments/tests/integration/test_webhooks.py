"""Notices: twice, late, early, out of order, and never."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from comptoir.payments.v1 import events_pb2
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    capture,
    get,
    reason_of,
    refund,
    void,
)
from services.payments.tests.integration.psp import SECRET, Psp, until
from services.payments.tests.integration.webhooks import (
    Listener,
    handle,
    listening,
    notice_about,
    signed,
)


async def notices(harness: ServiceHarness) -> list[tuple[str, str]]:
    async with harness.transactions.reading() as session:
        rows = await session.fetch("SELECT type, state FROM provider_notice ORDER BY received_at")
    return [(row["type"], row["state"]) for row in rows]


async def nothing_open(harness: ServiceHarness) -> bool:
    return all(state != "open" for _, state in await notices(harness))


class TestTruth:
    """A notice only makes us look; what counts is what the provider answers when asked."""

    async def test_the_same_event_counts_once(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        request = signed(notice_about(payment), harness.clock.now())
        assert await handle(harness, request) is True
        before = await harness.snapshot()
        assert await handle(harness, request) is False
        assert not before.changes_to(await harness.snapshot())

    async def test_case_30_a_notice_that_lies_changes_no_money(
        self, harness: ServiceHarness
    ) -> None:
        payment = await authorise(harness)
        lie = notice_about(payment, captured_amount=4200, refunded_amount=4200)

        assert await handle(harness, signed(lie, harness.clock.now()))

        await until(lambda: nothing_open(harness))
        assert await get(harness, payment.id) == payment
        assert await balances(harness) == {}

    async def test_case_29_a_payment_that_only_claims_our_reference_is_left_alone(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        body = {"amount": 100, "currency": "EUR", "payment_method": "pm_card_visa"}
        cheap = await psp.call("POST", "/v1/payments", {**body, "reference": payment.id})
        notice = notice_about(payment, **{**cheap, "captured_amount": 100})

        assert await handle(harness, signed(notice, harness.clock.now()))

        assert await notices(harness) == [("payment.authorised", "foreign")]
        assert await get(harness, payment.id) == payment

    async def test_a_payment_of_somebody_else_is_written_down_and_left_alone(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        body = {"amount": 100, "currency": "EUR", "payment_method": "pm_card_visa"}
        other = await psp.call("POST", "/v1/payments", {**body, "reference": "pay_elsewhere"})
        payment = await authorise(harness)

        assert await handle(harness, signed(notice_about(payment, **other), harness.clock.now()))

        assert await notices(harness) == [("payment.authorised", "foreign")]

    async def test_case_37_what_was_done_at_the_provider_itself_gets_into_the_books(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        path = f"/v1/payments/{payment.provider_reference}"
        await psp.call("POST", f"{path}/capture", {"amount": 3000})
        await psp.call("POST", f"{path}/refund", {"amount": 500})
        truth = await psp.call("POST", f"{path}/void", {})

        assert await handle(harness, signed(notice_about(payment, **truth), harness.clock.now()))

        await until(lambda: nothing_open(harness))
        known = await get(harness, payment.id)
        assert known.state == Payment.STATE_CAPTURED
        assert known.authorised_amount.amount == "30.00"
        assert known.captured_amount.amount == "30.00"
        assert known.refunded_amount.amount == "5.00"
        assert await balances(harness) == {
            "customer_receivable": "-30.00",
            "provider_clearing:sandbox": "25.00",
            "refunds": "5.00",
        }
        assert [type(each) for each in await harness.events()] == [
            events_pb2.PaymentAuthorised,
            events_pb2.PaymentCaptured,
            events_pb2.PaymentRefunded,
            events_pb2.PaymentVoided,
        ]

    async def test_f23_three_days_late_nothing_is_new(self, harness: ServiceHarness) -> None:
        payment = await authorise(harness)
        late = notice_about(payment)
        await capture(harness, payment.id)
        settled = await refund(harness, payment.id, "2.00")
        harness.clock.advance(3 * 24 * 3600)

        assert await handle(harness, signed(late, harness.clock.now()))

        await until(lambda: nothing_open(harness))
        assert await get(harness, payment.id) == settled
        assert len(await harness.events()) == 3

    async def test_a_provider_that_is_away_is_asked_later(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(harness)
        await psp.call("POST", f"/v1/payments/{payment.provider_reference}/capture", {})
        await psp.script(operation="fetch", action="status", status=500)
        news = notice_about(payment, captured_amount=4200)

        assert await handle(harness, signed(news, harness.clock.now()))
        await asyncio.sleep(0.2)
        assert not await nothing_open(harness)

        async def in_time() -> bool:
            harness.clock.advance(31)
            return await nothing_open(harness)

        await until(in_time)
        assert (await get(harness, payment.id)).captured_amount.amount == "42.00"


class TestProvider:
    """The provider's own notices, brought by a listener in the place of the gateway."""

    @pytest.fixture
    async def listener(self) -> AsyncIterator[Listener]:
        async with listening() as listener:
            yield listener

    @pytest.fixture
    def psp(self, listener: Listener, tmp_path: Path) -> Iterator[Psp]:
        psp = Psp.start(
            tmp_path / "journal.jsonl",
            PSP_HOLD_SECONDS="0.6",
            PSP_DELAYED_SECONDS="0.3",
            PSP_LATE_WEBHOOK_SECONDS="2",
            PSP_WEBHOOK_RETRY_SECONDS="0.05",
            PSP_WEBHOOK_URL=f"http://127.0.0.1:{listener.port}/hook",
            PSP_WEBHOOK_SECRET=SECRET,
        )
        yield psp
        psp.stop()

    @pytest.fixture
    def shop(self, harness: ServiceHarness, listener: Listener) -> ServiceHarness:
        listener.harness = harness
        return harness

    async def state(self, harness: ServiceHarness, payment: str, state: int) -> None:
        async def reached() -> bool:
            return (await get(harness, payment)).state == state

        await until(reached)

    async def test_the_challenge_passed_in_the_bank_is_learnt_without_anybody_asking(
        self, shop: ServiceHarness, psp: Psp, listener: Listener
    ) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_3ds"))
        await psp.answer_challenge(payment.action_url)
        await self.state(shop, payment.id, Payment.STATE_AUTHORISED)
        assert listener.types == ["payment.authorised"]
        assert len(await shop.events(events_pb2.PaymentAuthorised)) == 1

    async def test_the_challenge_failed_in_the_bank_fails_the_payment(
        self, shop: ServiceHarness, psp: Psp
    ) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_3ds"))
        await psp.answer_challenge(payment.action_url, "fail")
        await self.state(shop, payment.id, Payment.STATE_FAILED)
        (event,) = await shop.events(events_pb2.PaymentFailed)
        assert event.payment.decline_code == "authentication_failed"

    async def test_f23_the_notice_before_the_answer(
        self, shop: ServiceHarness, listener: Listener
    ) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_early_webhook"))
        assert payment.state == Payment.STATE_AUTHORISED
        assert listener.types == ["payment.authorised"]
        assert len(await shop.events(events_pb2.PaymentAuthorised)) == 1

    async def test_f23_every_notice_twice(self, shop: ServiceHarness, listener: Listener) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_duplicate_webhook"))
        await capture(shop, payment.id)

        async def all_came() -> bool:
            return len(listener.new) == 4

        await until(all_came)
        assert sorted(listener.new) == [False, False, True, True]
        shop.clock.advance(3)
        await until(lambda: nothing_open(shop))
        assert len(await shop.events(events_pb2.PaymentCaptured)) == 1
        assert (await get(shop, payment.id)).captured_amount.amount == "42.00"

    async def test_f23_the_notice_of_the_authorisation_after_that_of_the_capture(
        self, shop: ServiceHarness, listener: Listener
    ) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_late_webhook"))
        captured = await capture(shop, payment.id)

        async def all_came() -> bool:
            return len(listener.types) == 2

        await until(all_came)
        assert listener.types == ["payment.captured", "payment.authorised"]
        shop.clock.advance(3)
        await until(lambda: nothing_open(shop))
        assert await get(shop, payment.id) == captured

    async def test_f23_the_notice_after_the_payment_was_given_up(
        self, shop: ServiceHarness, listener: Listener
    ) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_late_webhook"))
        voided = await void(shop, payment.id)

        async def all_came() -> bool:
            return len(listener.types) == 2

        await until(all_came)
        shop.clock.advance(3)
        await until(lambda: nothing_open(shop))
        assert await get(shop, payment.id) == voided

    async def test_the_notice_of_the_slow_issuer(self, shop: ServiceHarness) -> None:
        payment = await authorise(shop, factories.authorise("pm_card_delayed"))
        assert payment.state == Payment.STATE_UNKNOWN
        await self.state(shop, payment.id, Payment.STATE_AUTHORISED)

    async def test_f23_refunded_before_captured_is_told_in_the_end_as_it_was(
        self, shop: ServiceHarness, psp: Psp, listener: Listener
    ) -> None:
        payment = await authorise(shop)
        path = f"/v1/payments/{payment.provider_reference}"
        await psp.script(operation="webhook", action="delay", delay_ms=500)
        await psp.call("POST", f"{path}/capture", {})
        await psp.call("POST", f"{path}/refund", {"amount": 1000})

        async def all_came() -> bool:
            return len(listener.types) == 2

        await until(all_came)
        assert listener.types == ["payment.refunded", "payment.captured"]
        await until(lambda: nothing_open(shop))
        known = await get(shop, payment.id)
        assert (known.captured_amount.amount, known.refunded_amount.amount) == ("42.00", "10.00")

    async def test_m5_our_books_and_the_providers_journal_agree(
        self, shop: ServiceHarness, psp: Psp
    ) -> None:
        await self._a_day_of_trade(shop, psp)
        for _ in range(3):
            shop.clock.advance(31)
            await asyncio.sleep(0.3)
        await until(lambda: nothing_open(shop))

        theirs: dict[str, list[int]] = {}
        for entry in await psp.journal():
            if (sign := {"payment.captured": 0, "payment.refunded": 1}.get(entry["type"])) is None:
                continue
            moved = theirs.setdefault(entry["answer"]["reference"], [0, 0])
            moved[sign] += entry["answer"]["operation"]["amount"]
        async with shop.transactions.reading() as session:
            rows = await session.fetch(
                """
                SELECT payment_id,
                  coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS captured,
                  coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint AS refunded
                FROM ledger_entry JOIN ledger_transfer USING (operation_id)
                WHERE account = 'provider_clearing:sandbox' GROUP BY payment_id
                """
            )
        assert {row["payment_id"]: [row["captured"], row["refunded"]] for row in rows} == theirs
        assert len(theirs) >= 8

    async def _a_day_of_trade(self, shop: ServiceHarness, psp: Psp) -> None:
        """Everything goes wrong once."""
        faults: list[dict[str, Any]] = [
            {"operation": "capture", "action": "timeout", "when": "after"},
            {"operation": "capture", "action": "timeout", "when": "before"},
            {"operation": "capture", "action": "reset", "when": "after"},
            {"operation": "refund", "action": "timeout", "when": "after"},
            {"operation": "refund", "action": "status", "status": 500, "when": "after"},
            {"operation": "webhook", "action": "drop"},
            {"operation": "webhook", "action": "duplicate"},
            {"operation": "authorise", "action": "reset", "when": "after"},
        ]
        for fault in faults:
            await psp.script(**fault)
            payment = await authorise(shop)
            await reason_of(shop, "CapturePayment", factories.capture(payment.id, "30.00"))
            await reason_of(shop, "CapturePayment", factories.capture(payment.id, "5.00"))
            await reason_of(shop, "RefundPayment", factories.refund(payment.id, "4.50"))
        payment = await authorise(shop)
        await capture(shop, payment.id)
        await asyncio.gather(*(self._small_refund(shop, payment.id) for _ in range(5)))

    async def _small_refund(self, shop: ServiceHarness, payment: str) -> None:
        await refund(shop, payment, "1.00")
