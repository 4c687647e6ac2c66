"""What happens to money after it was taken or given back: refunds that fail, disputes."""

from itertools import permutations
from typing import Any

import pytest

from comptoir.payments.v1 import events_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.money import to_minor
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    call,
    capture,
    get,
    reason_of,
    refund,
)
from services.payments.tests.integration.psp import Psp, until
from services.payments.tests.integration.webhooks import handle, notice_about, signed

CLEARING = "provider_clearing:sandbox"


async def happen(psp: Psp, payment: Payment, verb: str, amount: int | None = None) -> Any:
    """At the provider; answers the payment as its notice would tell it."""
    body = {} if amount is None else {"amount": amount}
    path = f"/v1/payments/{payment.provider_reference}/{verb}"
    return await psp.call("POST", path, body)


async def told(harness: ServiceHarness, payment: Payment, picture: Any) -> None:
    """A notice with this picture of the payment."""
    notice = notice_about(payment, **picture)
    await handle(harness, signed(notice, harness.clock.now()))


async def settled(harness: ServiceHarness) -> None:
    async def nothing_open() -> bool:
        async with harness.transactions.reading() as session:
            return not await session.fetchval(
                "SELECT EXISTS (SELECT FROM provider_notice WHERE state = 'open')"
            )

    await until(nothing_open)


async def taken(harness: ServiceHarness) -> Payment:
    """42.00 euros, captured."""
    payment = await authorise(harness)
    return await capture(harness, payment.id)


async def refusal(harness: ServiceHarness, payment: Payment, amount: str = "") -> str:
    return await reason_of(harness, "RefundPayment", factories.refund(payment.id, amount))


class TestRefundsThatFail:
    async def test_the_money_is_ours_again_and_still_owed(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        await refund(harness, payment.id, "12.00")

        await told(harness, payment, await happen(psp, payment, "fail_refund"))
        await settled(harness)

        now = await get(harness, payment.id)
        assert now.refunded_amount.amount == "0.00"
        assert (await balances(harness))[CLEARING] == "42.00"
        assert (await balances(harness))["refunds"] == "0.00"
        (event,) = await harness.events(events_pb2.PaymentRefundFailed)
        assert event.amount.amount == "12.00"
        again = await refund(harness, payment.id, "12.00")
        assert again.refunded_amount.amount == "12.00"

    async def test_notices_come_twice_late_and_in_any_order(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        for order in permutations(range(3)):
            payment = await taken(harness)
            await refund(harness, payment.id, "12.00")
            pictures = [
                await psp.payment(payment.provider_reference),
                await happen(psp, payment, "fail_refund", 500),
                await happen(psp, payment, "fail_refund", 300),
            ]
            for index in (*order, *order):
                await told(harness, payment, pictures[index])
            await settled(harness)
            now = await get(harness, payment.id)
            assert now.refunded_amount.amount == "4.00"
        failed = await harness.events(events_pb2.PaymentRefundFailed)
        assert sum(to_minor(each.amount) for each in failed) == 6 * 800

    async def test_a_notice_that_lies_of_it_changes_nothing(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        refunded = await refund(harness, payment.id, "12.00")
        picture = await psp.payment(payment.provider_reference)

        await told(harness, payment, {**picture, "refunded_amount": 0, "disputed_amount": 500})
        await settled(harness)

        assert (await get(harness, payment.id)).refunded_amount == refunded.refunded_amount
        assert await harness.events(events_pb2.PaymentRefundFailed) == []
        assert await harness.events(events_pb2.PaymentDisputed) == []


class TestDisputes:
    async def test_won(self, harness: ServiceHarness, psp: Psp) -> None:
        payment = await taken(harness)
        await told(harness, payment, await happen(psp, payment, "dispute", 1000))
        await settled(harness)

        now = await get(harness, payment.id)
        assert now.disputed_amount.amount == "10.00"
        assert (await balances(harness))["disputes"] == "10.00"
        assert (await balances(harness))[CLEARING] == "32.00"
        assert await refusal(harness, payment, "33.00") == "REFUND_EXCEEDS_CAPTURE"

        await told(harness, payment, await happen(psp, payment, "win_dispute"))
        await settled(harness)

        now = await get(harness, payment.id)
        assert not now.HasField("disputed_amount")
        assert (await balances(harness))["disputes"] == "0.00"
        assert (await balances(harness))[CLEARING] == "42.00"
        (opened,) = await harness.events(events_pb2.PaymentDisputed)
        (closed,) = await harness.events(events_pb2.PaymentDisputeClosed)
        assert (opened.amount.amount, closed.amount.amount, closed.won) == ("10.00", "10.00", True)

    async def test_lost_and_the_first_we_hear_of_it(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        payment = await taken(harness)
        await happen(psp, payment, "dispute")
        await told(harness, payment, await happen(psp, payment, "lose_dispute"))
        await settled(harness)

        now = await get(harness, payment.id)
        assert now.charged_back_amount.amount == "42.00"
        assert not now.HasField("disputed_amount")
        assert (await balances(harness))["chargebacks"] == "42.00"
        assert (await balances(harness))[CLEARING] == "0.00"
        (closed,) = await harness.events(events_pb2.PaymentDisputeClosed)
        assert closed.won is False
        assert await refusal(harness, payment) == "REFUND_EXCEEDS_CAPTURE"

    @pytest.mark.parametrize("verb", ["win_dispute", "lose_dispute"])
    async def test_m5_of_what_was_given_back_as_credit(
        self, harness: ServiceHarness, psp: Psp, verb: str
    ) -> None:
        payment = await taken(harness)
        agreed = factories.consent(harness.clock.now())
        wish = factories.refund(payment.id, "30.00", means="store_credit", consent=agreed)
        await call(harness, "RefundPayment", wish)

        await told(harness, payment, await happen(psp, payment, "dispute", 4200))
        await settled(harness)

        now = await get(harness, payment.id)
        assert (now.refunded_amount.amount, now.disputed_amount.amount) == ("30.00", "42.00")
        assert (await balances(harness))[CLEARING] == "0.00"
        assert (await balances(harness))["disputes"] == "42.00"
        (event,) = await harness.events(events_pb2.PaymentDisputed)
        assert event.amount.amount == "42.00"
        with pytest.raises(RemoteFailure) as refused:
            await refund(harness, payment.id)
        assert refused.value.reason == "REFUND_EXCEEDS_CAPTURE"
        assert refused.value.metadata["amount_left"] == "0.00"

        await told(harness, payment, await happen(psp, payment, verb))
        await settled(harness)

        won = verb == "win_dispute"
        assert (await balances(harness))[CLEARING] == ("42.00" if won else "0.00")
        assert (await balances(harness)).get("chargebacks", "0.00") == ("0.00" if won else "42.00")
        assert await refusal(harness, payment, "12.01") == "REFUND_EXCEEDS_CAPTURE"
        assert await refusal(harness, payment, "12.00") == ("" if won else "REFUND_EXCEEDS_CAPTURE")

    async def test_notices_come_twice_late_and_in_any_order(
        self, harness: ServiceHarness, psp: Psp
    ) -> None:
        for order in permutations(range(3)):
            payment = await taken(harness)
            pictures = [
                await psp.payment(payment.provider_reference),
                await happen(psp, payment, "dispute", 700),
                await happen(psp, payment, "lose_dispute"),
            ]
            for index in (*order, *order):
                await told(harness, payment, pictures[index])
            await settled(harness)
            now = await get(harness, payment.id)
            assert now.charged_back_amount.amount == "7.00"
            assert now.captured_amount.amount == "42.00"
        assert (await balances(harness))["chargebacks"] == "42.00"
        assert (await balances(harness))["disputes"] == "0.00"
