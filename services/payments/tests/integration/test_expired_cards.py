"""Money that comes back to a gift card that has expired meanwhile can be spent."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.payments.v1.purse_pb2 import GiftCard
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import (
    Payment,
    call,
    capture,
    get,
    refund,
    void,
)
from services.payments.tests.integration.psp import until
from services.payments.tests.integration.purses import (
    by_card,
    issue,
    left_on,
    pay,
    purses_follow_the_ledger,
    refused,
)

DAY = 24 * 3600


async def issued(harness: ServiceHarness, days: int) -> tuple[str, datetime]:
    """The code of a card of 50.00, and when it expires."""
    end = harness.clock.now() + timedelta(days=days)
    return await issue(harness, expire_time=factories.stamp(end)), end


async def end_of(harness: ServiceHarness, code: str) -> Timestamp:
    card: GiftCard = await call(
        harness, "GetGiftCardBalance", pb.GetGiftCardBalanceRequest(code=code)
    )
    return card.expire_time


async def spent_for(harness: ServiceHarness, code: str, amount: str, days: int) -> None:
    """It pays for so many days after money came back, and not any more when they are over."""
    end = harness.clock.now() + timedelta(days=days)
    assert await end_of(harness, code) == factories.stamp(end)
    harness.clock.advance(days * DAY - 1)
    payment = await pay(harness, by_card(code, amount))
    assert payment.state == Payment.STATE_AUTHORISED
    harness.clock.advance(1)
    refusal = await refused(harness, by_card(code, "1.00"))
    assert refusal.metadata["decline_code"] == "expired"
    assert await purses_follow_the_ledger(harness)


class TestWhatComesBack:
    async def test_a_refund_can_be_spent_for_ninety_days(self, harness: ServiceHarness) -> None:
        code, _ = await issued(harness, 5)
        payment = await pay(harness, by_card(code))
        await capture(harness, payment.id)
        harness.clock.advance(200 * DAY)

        await refund(harness, payment.id, "12.00")

        assert await left_on(harness, code) == ("20.00", "20.00")
        await spent_for(harness, code, "20.00", 90)

    async def test_what_is_given_up_has_the_time_it_had(self, harness: ServiceHarness) -> None:
        code, _ = await issued(harness, 5)
        harness.clock.advance(DAY)
        payment = await pay(harness, by_card(code))
        harness.clock.advance(6 * DAY)

        await void(harness, payment.id)

        assert await left_on(harness, code) == ("50.00", "50.00")
        await spent_for(harness, code, "50.00", 4)

    async def test_several_that_are_given_up_share_the_time(self, harness: ServiceHarness) -> None:
        code, _ = await issued(harness, 5)
        payments = [await pay(harness, by_card(code, "1.00")) for _ in range(3)]
        for payment in payments:
            harness.clock.advance(10 * DAY)
            await void(harness, payment.id)
            end = harness.clock.now() + timedelta(days=5)
            assert await end_of(harness, code) == factories.stamp(end)

    async def test_what_is_given_up_of_a_hold_of_before_has_what_the_card_has(
        self, harness: ServiceHarness
    ) -> None:
        code, _ = await issued(harness, 5)
        payment = await pay(harness, by_card(code))
        async with harness.transactions() as session:
            await session.execute("UPDATE payment SET purse_expires_at = NULL")
        harness.clock.advance(6 * DAY)
        await void(harness, payment.id)
        assert await left_on(harness, code) == ("50.00", "50.00")
        await spent_for(harness, code, "50.00", 5)

    async def test_what_nobody_took_in_time(self, harness: ServiceHarness) -> None:
        code, end = await issued(harness, 5)
        payment = await pay(harness, by_card(code))
        harness.clock.advance(31 * DAY)

        async def lapsed() -> bool:
            return (await get(harness, payment.id)).lapsed

        await until(lapsed)
        await until(lambda: end_moved(harness, code, end))
        await spent_for(harness, code, "50.00", 5)


async def end_moved(harness: ServiceHarness, code: str, end: datetime) -> bool:
    return await end_of(harness, code) != factories.stamp(end)


class TestWhatStays:
    async def test_a_card_that_lasts_longer(self, harness: ServiceHarness) -> None:
        code, end = await issued(harness, 91)
        payment = await pay(harness, by_card(code))
        await capture(harness, payment.id)
        await refund(harness, payment.id)
        assert await end_of(harness, code) == factories.stamp(end)

    async def test_a_card_that_is_held_and_let_go_again_and_again(
        self, harness: ServiceHarness
    ) -> None:
        code, end = await issued(harness, 5)
        for _ in range(20):
            await void(harness, (await pay(harness, by_card(code))).id)
        assert await end_of(harness, code) == factories.stamp(end)
        for _ in range(20):
            payment = await pay(harness, by_card(code, "0.01"))
            harness.clock.advance(60)
            await void(harness, payment.id)
        # Only the time in which it could not be spent.
        assert await end_of(harness, code) == factories.stamp(end + timedelta(minutes=20))

    async def test_one_that_lasts_for_ages(self, harness: ServiceHarness) -> None:
        end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
        code = await issue(harness, expire_time=factories.stamp(end))
        payment = await pay(harness, by_card(code))
        harness.clock.advance(20 * DAY)
        await void(harness, payment.id)
        assert await end_of(harness, code) == factories.stamp(end)

    async def test_one_that_never_expires(self, harness: ServiceHarness) -> None:
        code = await issue(harness)
        await void(harness, (await pay(harness, by_card(code))).id)
        card = await call(harness, "GetGiftCardBalance", pb.GetGiftCardBalanceRequest(code=code))
        assert not card.HasField("expire_time")

    async def test_one_whose_money_does_not_come_back(self, harness: ServiceHarness) -> None:
        code, end = await issued(harness, 5)
        payment = await pay(harness, by_card(code))
        harness.clock.advance(6 * DAY)
        await capture(harness, payment.id)
        assert await end_of(harness, code) == factories.stamp(end)

    async def test_the_same_request_again(self, harness: ServiceHarness) -> None:
        code, _ = await issued(harness, 5)
        payment = await pay(harness, by_card(code))
        await capture(harness, payment.id)
        harness.clock.advance(6 * DAY)
        request = factories.refund(payment.id)
        await call(harness, "RefundPayment", request)
        end = await end_of(harness, code)
        harness.clock.advance(DAY)
        await call(harness, "RefundPayment", request)
        assert await end_of(harness, code) == end
