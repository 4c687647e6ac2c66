"""Random operations by every means, with lost answers, copies and callers that vanish.

The ledger sums to zero after each batch; at the end the provider's books and ours are equal,
nobody was charged twice, and what was acknowledged is there. `PAYMENTS_OPERATIONS` sets how many
(2,000 by default, 10,000 where CI is set, 1,000,000 for a night), `PAYMENTS_SEED` another seed.
"""

import asyncio
import os

import pytest

from comptoir_payments.__main__ import assemble
from comptoir_payments.providers.till import Till
from comptoir_payments.settings import PaymentsSettings
from comptoir_runtime.service import Parts, Runtime
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from services.payments.tests import factories
from services.payments.tests.fakes import FakeProvider
from services.payments.tests.integration.calls import call
from services.payments.tests.integration.machine import Machine
from services.payments.tests.integration.purses import issue, purses_follow_the_ledger

_USUAL = "10000" if os.environ.get("CI") else "2000"
OPERATIONS = int(os.environ.get("PAYMENTS_OPERATIONS", _USUAL))
SEED = int(os.environ.get("PAYMENTS_SEED", "20261126"))
AT_ONCE = 8
_ROUNDS = 150
WHOLE_LEDGER_EVERY = 100

_UNBALANCED = """
SELECT count(*) FROM (
  SELECT FROM ledger_entry JOIN ledger_transfer USING (operation_id)
  WHERE $1::text[] IS NULL OR payment_id = ANY($1)
  GROUP BY operation_id, currency HAVING sum(amount) <> 0) AS unbalanced"""
_OPEN = """
SELECT 'operation', kind, payment_id, operation.state, payment.state, attempts
FROM operation JOIN payment ON payment.id = payment_id WHERE next_attempt_at IS NOT NULL
UNION ALL
SELECT 'notice', event_id, payment_id, provider_notice.state, payment.state, attempts
FROM provider_notice LEFT JOIN payment ON payment.id = payment_id
WHERE next_attempt_at IS NOT NULL"""
_WRONG_SUMS = """
SELECT count(*) FROM payment WHERE captured_amount <> (
  SELECT coalesce(sum(amount), 0) FROM operation
  WHERE payment_id = payment.id AND kind = 'capture' AND operation.state = 'succeeded'
) OR refunded_amount <> (
  SELECT coalesce(sum(amount), 0) FROM operation
  WHERE payment_id = payment.id AND kind = 'refund' AND operation.state = 'succeeded'
) OR capturing_amount + refunding_amount <> 0 OR voiding"""
_BOOKED = """
SELECT payment.id, payment.state, captured_amount AS captured,
  refunded_amount - coalesce(sum(operation.amount), 0) AS refunded
FROM payment LEFT JOIN operation
  ON payment_id = payment.id AND means <> '' AND operation.state = 'succeeded'
WHERE provider = 'sandbox' GROUP BY payment.id"""
_OUTCOMES = "SELECT scope, request_id, state FROM operation WHERE caller = 'orders'"


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
        environment={
            "PSP_URL": "http://127.0.0.1:1",
            "RESOLVER_POLL_MILLISECONDS": "20",
            "GIFT_CARD_SECRET": "secret",
        },
    )


async def unbalanced(harness: ServiceHarness, payments: list[str] | None) -> int:
    async with harness.transactions.reading() as session:
        return int(await session.fetchval(_UNBALANCED, payments))


async def settle_everything(harness: ServiceHarness, machine: Machine) -> None:
    """The faults end, callers ask again for what they were not told, and time passes."""
    machine.faults.rate = 0
    await machine.notify_all()

    open_still: list[object] = []
    for _ in range(_ROUNDS):
        machine.decide(1)
        harness.clock.advance(600)
        for asked in [each for each in machine.asked if each.open]:
            await machine.attempt(asked)
        async with harness.transactions.reading() as session:
            open_still = [tuple(row) for row in await session.fetch(_OPEN)]
        if not open_still and not any(each.open for each in machine.asked):
            return
        # The resolver works in between.
        await asyncio.sleep(0.05)
    waiting = [each.key for each in machine.asked if each.open]
    theirs = [
        each for each in machine.provider.payments.values() if each.payment in str(open_still)
    ]
    raise AssertionError(f"still open: {open_still}, still asked: {waiting}, theirs: {theirs}")


async def compare_with_provider(harness: ServiceHarness, provider: FakeProvider) -> None:
    """M5: for every payment of ours at most one of theirs, with the same amounts."""
    theirs: dict[str, list[tuple[int, int]]] = {}
    held = {}
    for report in provider.payments.values():
        theirs.setdefault(report.payment, []).append((report.captured, report.refunded))
        held[report.payment] = report.held
    async with harness.transactions.reading() as session:
        rows = await session.fetch(_BOOKED)
    differing = [
        (row["id"], row["state"], theirs.get(row["id"]), (row["captured"], row["refunded"]))
        for row in rows
        if theirs.get(row["id"], [(0, 0)]) != [(row["captured"], row["refunded"])]
        or (row["state"] in ("voided", "failed", "captured") and held.get(row["id"]))
    ]
    assert differing == []
    assert theirs.keys() <= {row["id"] for row in rows}


async def compare_with_witness(harness: ServiceHarness, machine: Machine) -> dict[str, int]:
    """What callers were told is what happened: nothing acknowledged is lost, nothing refused is."""
    async with harness.transactions.reading() as session:
        rows = await session.fetch(_OUTCOMES)
    states = {(row["scope"], row["request_id"]): row["state"] for row in rows}
    told = {"succeeded": 0, "refused": 0}
    for asked in machine.asked:
        state = states.get((asked.key.scope, asked.key.key))
        assert len(asked.answers) <= 1, f"{asked.key} was told two things"
        if asked.answers:
            # Voiding what has ended is answered and needs no operation.
            assert state == "succeeded" or asked.key.scope == "VoidPayment", asked.key
            told["succeeded"] += 1
        elif asked.refused is not None:
            assert state in (None, "failed"), (asked.key, asked.refused)
            told["refused"] += 1
    return told


class TestMachine:
    @pytest.mark.timeout(0)
    async def test_m1_m4_m5_m10_m11_the_books_are_right_whatever_happens(
        self, harness: ServiceHarness, provider: FakeProvider
    ) -> None:
        machine = Machine(harness, provider, SEED)
        machine.codes = [await issue(harness, "500.00") for _ in range(5)]
        await call(harness, "SetCreditAccount", factories.account("com_1", "1000.00", buyers=_ALL))

        for number in range(OPERATIONS // AT_ONCE):
            await machine.batch(AT_ONCE)
            whole = number % WHOLE_LEDGER_EVERY == 0
            touched = None if whole else list(machine.payments)
            assert await unbalanced(harness, touched) == 0, f"seed {SEED}, batch {number}"
            if whole:
                assert await purses_follow_the_ledger(harness)
        await settle_everything(harness, machine)

        assert await unbalanced(harness, None) == 0
        assert await purses_follow_the_ledger(harness)
        async with harness.transactions.reading() as session:
            assert await session.fetchval(_WRONG_SUMS) == 0
        await compare_with_provider(harness, provider)
        told = await compare_with_witness(harness, machine)
        # The machine has really done something: most of what it asks for is possible.
        assert told["succeeded"] > OPERATIONS * 0.3


_ALL = [f"cus_{number}" for number in range(1, 5)]
