"""What only a provider that can be told what to do makes happen; through gRPC and PostgreSQL."""

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from comptoir.payments.v1 import events_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_payments.__main__ import assemble
from comptoir_payments.providers.till import Till
from comptoir_payments.settings import PaymentsSettings
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.service import Parts, Runtime
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from services.payments.tests import factories
from services.payments.tests.fakes import FakeProvider, Fault
from services.payments.tests.integration.calls import (
    Payment,
    authorise,
    balances,
    call,
    capture,
    get,
    only_payment,
    reason_of,
    void,
)
from services.payments.tests.integration.psp import until

TEN_EUROS = factories.money("10.00")


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def service_under_test(provider: FakeProvider) -> ServiceUnderTest:
    async def build(runtime: Runtime, settings: PaymentsSettings) -> Parts:
        return assemble(runtime, settings, provider, Till())

    return ServiceUnderTest(
        name="payments",
        build=build,
        settings=PaymentsSettings,
        package="comptoir_payments",
        environment={"PSP_URL": "http://127.0.0.1:1", "RESOLVER_POLL_MILLISECONDS": "10"},
    )


def request(token: str = "ok", **changes: Any) -> pb.AuthorisePaymentRequest:
    return factories.authorise(token, amount=TEN_EUROS, **changes)


async def notify(harness: ServiceHarness, payment: Payment, event: str) -> None:
    await harness.call(
        "HandleWebhook",
        pb.HandleWebhookRequest(
            provider="sandbox", body=payment.provider_reference.encode(), headers={"event": event}
        ),
    )

    async def looked_into() -> bool:
        async with harness.transactions.reading() as session:
            state = await session.fetchval(
                "SELECT state FROM provider_notice WHERE event_id = $1", event
            )
        return bool(state != "open")

    await until(looked_into)


class TestLate:
    async def test_f23_an_approval_after_the_release_is_given_up_again(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        payment = await authorise(harness, request("pending"))
        voided = await void(harness, payment.id)
        assert voided.state == Payment.STATE_VOIDED
        reference = voided.provider_reference
        provider.approve(reference)
        assert provider.payments[reference].held == 1000

        await notify(harness, voided, "evt_1")

        assert provider.payments[reference].held == 0
        known = await get(harness, payment.id)
        assert known.state == Payment.STATE_VOIDED
        assert [each.amount.amount for each in known.operations] == ["10.00", "10.00", "10.00"]
        assert await harness.events(events_pb2.PaymentAuthorised) == []
        assert len(await harness.events(events_pb2.PaymentVoided)) == 1

    async def test_the_same_late_approval_told_twice_is_given_up_once(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        voided = await void(harness, (await authorise(harness, request("pending"))).id)
        provider.approve(voided.provider_reference)

        await notify(harness, voided, "evt_1")
        await notify(harness, voided, "evt_2")

        assert [name for name, _ in provider.calls].count("void") == 2


class TestSameRequest:
    async def test_two_payments_asked_about_under_one_id_are_not_mistaken_for_each_other(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        payments = [await authorise(harness, request("challenge")) for _ in range(2)]
        provider.gate.clear()
        asking = [
            asyncio.ensure_future(
                call(
                    harness,
                    "ConfirmPayment",
                    pb.ConfirmPaymentRequest(payment=payment.id, request_id="one"),
                )
            )
            for payment in payments
        ]

        async def both_asked() -> bool:
            return [name for name, _ in provider.calls].count("fetch") == 2

        await until(both_asked)
        for payment in payments:
            provider.approve(payment.provider_reference)
        provider.gate.set()
        answers = await asyncio.gather(*asking, return_exceptions=True)

        told = [each.reason if isinstance(each, RemoteFailure) else each for each in answers]
        for payment, answer in zip(payments, told, strict=True):
            if isinstance(answer, Payment):
                assert answer.id == payment.id
        assert [each for each in told if not isinstance(each, Payment)] == [
            "IDEMPOTENCY_KEY_REUSED"
        ]


class TestCrash:
    """Whoever wrote an operation down and then went away leaves it to the resolver."""

    async def test_f35_a_caller_who_hangs_up_in_the_middle_loses_nothing(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        provider.gate.clear()
        calling = asyncio.ensure_future(authorise(harness, request()))

        async def asked() -> bool:
            return provider.calls != []

        await until(asked)
        calling.cancel()
        provider.calls.clear()
        payment = await only_payment(harness)
        assert payment.state == Payment.STATE_CREATED
        await asyncio.sleep(0.1)
        assert provider.calls == []

        provider.gate.set()
        harness.clock.advance(20)

        async def known() -> bool:
            return (await get(harness, payment.id)).state == Payment.STATE_AUTHORISED

        await until(known)
        assert len(provider.payments) == 1


class TestFees:
    async def test_what_the_provider_keeps_is_in_the_books(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        provider.fee = 25
        payment = await authorise(harness, request())

        await capture(harness, payment.id)

        assert await balances(harness) == {
            "customer_receivable": "-10.00",
            "provider_clearing:sandbox": "9.75",
            "provider_fees:sandbox": "0.25",
        }


COMMANDS = st.lists(
    st.tuples(
        st.sampled_from(["capture", "capture", "refund", "void", "notice", "time", "again"]),
        st.integers(min_value=1, max_value=1100),
        st.sampled_from([*[Fault.NONE] * 4, *Fault]),
    ),
    max_size=10,
)


class Shop:
    """Drives one payment by random commands, and compares the books after each."""

    def __init__(self, harness: ServiceHarness, provider: FakeProvider) -> None:
        self.harness = harness
        self.provider = provider
        self.events = 0

    async def trade(self, token: str, fault: Fault, commands: list[tuple[str, int, Fault]]) -> None:
        wanted = request(token)
        self.provider.faults.append(fault)
        await reason_of(self.harness, "AuthorisePayment", wanted)
        self.provider.faults.clear()
        async with self.harness.transactions.reading() as session:
            self.payment = await session.fetchval("SELECT max(id) FROM payment")
        for name, amount, faulty in commands:
            self.provider.faults.append(faulty)
            await self._carry_out(name, amount, wanted)
            self.provider.faults.clear()
            await self.check()
        await self._come_to_rest()

    async def _carry_out(self, name: str, amount: int, wanted: pb.AuthorisePaymentRequest) -> None:
        payment, text = self.payment, f"{amount // 100}.{amount % 100:02}"
        match name:
            case "capture":
                asked = factories.capture(payment, text)
                await reason_of(self.harness, "CapturePayment", asked)
            case "refund":
                asked_back = factories.refund(payment, text)
                await reason_of(self.harness, "RefundPayment", asked_back)
            case "void":
                await reason_of(self.harness, "VoidPayment", factories.void(payment))
            case "again":
                await reason_of(self.harness, "AuthorisePayment", wanted)
            case "notice":
                known = await get(self.harness, payment)
                if known.provider_reference in self.provider.payments:
                    self.events += 1
                    event = f"evt_{payment}_{self.events}"
                    notice = pb.HandleWebhookRequest(
                        provider="sandbox",
                        body=known.provider_reference.encode(),
                        headers={"event": event},
                    )
                    await call(self.harness, "HandleWebhook", notice)
            case _:
                self.harness.clock.advance(amount / 10)

    async def check(self) -> None:
        async with self.harness.transactions.reading() as session:
            wrong = await session.fetch(
                """
                SELECT id FROM payment LEFT JOIN LATERAL (
                  SELECT coalesce(sum(-amount) FILTER (WHERE account = 'customer_receivable'), 0)
                      AS captured,
                    coalesce(sum(amount) FILTER (WHERE account = 'refunds'), 0) AS refunded,
                    coalesce(sum(amount), 0) AS total
                  FROM ledger_entry JOIN ledger_transfer USING (operation_id)
                  WHERE payment_id = payment.id) AS books ON true
                WHERE captured <> captured_amount OR refunded <> refunded_amount OR total <> 0
                """
            )
        assert wrong == []

    async def _come_to_rest(self) -> None:
        async def settled() -> bool:
            self.harness.clock.advance(301)
            await asyncio.sleep(0.03)
            async with self.harness.transactions.reading() as session:
                return not await session.fetchval(
                    """
                    SELECT EXISTS (SELECT FROM operation WHERE next_attempt_at IS NOT NULL)
                      OR EXISTS (SELECT FROM provider_notice WHERE next_attempt_at IS NOT NULL)
                    """
                )

        await until(settled)
        await self.check()
        known = await get(self.harness, self.payment)
        theirs = [each for each in self.provider.payments.values() if each.payment == self.payment]
        assert len(theirs) <= 1
        for each in theirs:
            assert known.captured_amount == factories.money(_text(each.captured))
            assert known.refunded_amount == factories.money(_text(each.refunded))


def _text(minor: int) -> str:
    return f"{minor // 100}.{minor % 100:02}"


class TestRandomTrade:
    @pytest.fixture
    def shop(self, harness: ServiceHarness, provider: FakeProvider) -> Shop:
        return Shop(harness, provider)

    @settings(
        max_examples=40,
        deadline=None,
        # One database for all examples: each has a payment of its own.
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(
        token=st.sampled_from(["ok", "ok", "ok", "declined", "more", "other_currency"]),
        fault=st.sampled_from([*[Fault.NONE] * 4, *Fault]),
        commands=COMMANDS,
    )
    async def test_m1_m4_m5_m10_whatever_happens_the_books_are_right(
        self, shop: Shop, token: str, fault: Fault, commands: list[tuple[str, int, Fault]]
    ) -> None:
        await shop.trade(token, fault, commands)
