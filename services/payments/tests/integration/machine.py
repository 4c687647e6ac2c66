"""A machine that asks for random things, and a world that goes wrong at random."""

import asyncio
import contextlib
import hashlib
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from google.protobuf.message import Message

from comptoir_payments.domain.instructions import Authorisation, Consent, Refunding, Taking
from comptoir_payments.domain.reports import Report
from comptoir_payments.errors import OperationInProgress, OutcomeUnknown, ProviderUnavailable
from comptoir_payments.operations.authorisations import authorise_payment
from comptoir_payments.operations.movements import (
    capture_payment,
    refund_payment,
    void_payment,
)
from comptoir_payments.operations.notices import take_notice
from comptoir_payments.operations.purses import grant_store_credit, record_account_receipt
from comptoir_payments.operations.till import record_till_payment
from comptoir_payments.providers.contract import Notice, Providers
from comptoir_payments.providers.till import Till
from comptoir_runtime.errors import Failure, Overloaded
from comptoir_runtime.idempotency import RequestKey
from comptoir_testing.harness import ServiceHarness
from services.payments.tests.fakes import FakeProvider, Fault

OPEN_ENDED = (
    OutcomeUnknown,
    ProviderUnavailable,
    OperationInProgress,
    Overloaded,
    # Callers over gRPC are told LOCK_TIMEOUT; these here call the operations themselves.
    asyncpg.LockNotAvailableError,
)
TOKENS = [*["ok"] * 8, "declined", "challenge", "pending", "more", "other_currency"]
# What the fake approves late is always this much.
LATE_AMOUNT = 1000
_WAITING = {"STATE_CREATED", "STATE_REQUIRES_ACTION", "STATE_UNKNOWN"}
_LATEST = 60
_PROMISED = """
SELECT provider_reference FROM payment
WHERE id = $1 AND provider = 'sandbox' AND state IN ('authorised', 'partially_captured')
  AND NOT voiding"""


class Bad(deque[Fault]):
    """Faults without end, drawn at random."""

    def __init__(self, chance: random.Random, rate: float) -> None:
        super().__init__()
        self._chance = chance
        self.rate = rate

    def __bool__(self) -> bool:
        return self._chance.random() < self.rate

    def popleft(self) -> Fault:
        return self._chance.choice(list(Fault))


@dataclass
class Asked:
    """A request as its caller sees it: a witness of what was acknowledged."""

    key: RequestKey
    run: Callable[[], Awaitable[Message]]
    answers: set[bytes] = field(default_factory=set)
    refused: Failure | None = None
    open: bool = True


class Machine:
    def __init__(self, harness: ServiceHarness, provider: FakeProvider, seed: int) -> None:
        self.chance = random.Random(seed)
        self.transactions = harness.transactions
        self.clock = harness.clock
        self.provider = provider
        self.providers: Providers = {"sandbox": provider, "till": Till()}
        self.faults = Bad(self.chance, 0.15)
        provider.faults = self.faults
        self.codes: list[str] = []
        self.asked: list[Asked] = []
        self.payments: deque[str] = deque(maxlen=_LATEST)
        self._number = 0

    async def batch(self, size: int) -> None:
        """So many things at once; then time passes, and the provider tells what it likes."""
        await asyncio.gather(*(self._something() for _ in range(size)))
        self.clock.advance(self.chance.choice([0, 0, 1, 3, 30]))
        self.decide(0.1)
        await self._somebody_works_at_the_provider()
        await self._notice()

    # --- what is asked for

    async def _something(self) -> None:
        kind = self.chance.choices(
            ["authorise", "own", "till", "capture", "refund", "credit", "void", "fill"],
            [24, 14, 3, 26, 14, 4, 8, 3],
        )[0]
        if kind in ("capture", "refund", "credit", "void") and not self.payments:
            kind = "authorise"
        asked = await getattr(self, f"_{kind}")()
        if asked is not None:
            await self._ask(asked)

    async def _authorise(self) -> Asked:
        token = self.chance.choice(TOKENS)
        amount = LATE_AMOUNT if token in ("challenge", "pending") else self.chance.randint(1, 5000)
        return self._authorisation("card", token, amount)

    async def _own(self) -> Asked:
        method = self.chance.choice(["gift_card", "store_credit", "on_account"])
        tokens = {"gift_card": self.chance.choice(self.codes), "on_account": "com_1"}
        return self._authorisation(method, tokens.get(method, ""), self.chance.randint(1, 4000))

    def _authorisation(self, method: str, token: str, amount: int) -> Asked:
        payer = f"cus_{self.chance.randint(1, 4)}"
        wanted = Authorisation("ord_1", payer, amount, "EUR", method, token, "")
        key = self._key("AuthorisePayment")
        return Asked(key, lambda: authorise_payment(self.transactions, self.providers, wanted, key))

    async def _till(self) -> Asked:
        taking = Taking("ord_1", "", self.chance.randint(1, 2000), "EUR", "cash", "R-1", "LYO")
        key = self._key("RecordTillPayment")
        return Asked(key, lambda: record_till_payment(self.transactions, taking, key))

    async def _capture(self) -> Asked:
        payment, amount, key = self._any(), self._part(), self._key("CapturePayment")
        return Asked(
            key,
            lambda: capture_payment(self.transactions, self.providers, payment, amount, key),
        )

    async def _refund(self, refunding: Refunding | None = None) -> Asked:
        payment, amount, key = self._any(), self._part(), self._key("RefundPayment")
        how = refunding or Refunding("goodwill")
        return Asked(
            key,
            lambda: refund_payment(self.transactions, self.providers, payment, amount, how, key),
        )

    async def _credit(self) -> Asked:
        consent = Consent("cus_1", self.clock.now(), "refund-1")
        return await self._refund(Refunding("withdrawal", "store_credit", consent))

    async def _void(self) -> Asked:
        payment, key = self._any(), self._key("VoidPayment")
        return Asked(key, lambda: void_payment(self.transactions, self.providers, payment, key))

    async def _fill(self) -> None:
        """Credit is granted and accounts are paid, so that there is always something to spend."""
        customer, amount = f"cus_{self.chance.randint(1, 4)}", self.chance.randint(1, 9000)
        with contextlib.suppress(asyncpg.LockNotAvailableError):  # then there is less to spend
            await self.transactions.run(
                lambda session: grant_store_credit(session, customer, amount, "EUR")
            )
            await self.transactions.run(
                lambda session: record_account_receipt(session, "com_1", amount, "EUR")
            )

    # --- how it is asked for

    async def _ask(self, asked: Asked) -> None:
        """Once, twice at the same time, or by a caller who is gone before the answer comes."""
        self.asked.append(asked)
        tries = [asyncio.ensure_future(self.attempt(asked))]
        fate = self.chance.random()
        if fate < 0.1:
            tries.append(asyncio.ensure_future(self.attempt(asked)))
        elif fate < 0.2:
            delay = self.chance.random() * 0.008
            asyncio.get_running_loop().call_later(delay, tries[0].cancel)
        for each in tries:
            with contextlib.suppress(asyncio.CancelledError):
                await each

    async def attempt(self, asked: Asked) -> None:
        try:
            answer: Any = await asked.run()
        except OPEN_ENDED:
            return
        except Failure as failure:
            # A second attempt may overlap a first that is still being carried out.
            asked.refused, asked.open = failure, False
            return
        state = type(answer).State.Name(answer.state)
        if asked.key.scope == "AuthorisePayment":
            self.payments.append(answer.id)
            if state in _WAITING:
                return
        asked.open = False
        asked.answers.add(answer.SerializeToString())

    # --- what the provider does by itself

    def decide(self, part: float) -> None:
        """Payers act and issuers make up their minds."""
        for report in list(self.provider.payments.values()):
            if report.status in ("requires_action", "pending") and self.chance.random() < part:
                word = self.chance.choice([self.provider.approve, self.provider.decline])
                word(report.reference)

    async def _somebody_works_at_the_provider(self) -> None:
        """Takes a cent by hand of what is promised; what has been given up needs a person."""
        if not self.payments or self.chance.random() < 0.9:
            return
        async with self.transactions.reading() as session:
            reference = await session.fetchval(_PROMISED, self._any())
        if reference is not None and self.provider.payments[reference].held:
            self.provider.move(reference, captured=1)

    async def _notice(self) -> None:
        """About any payment, as often as the provider likes."""
        latest = list(self.provider.payments.values())[-_LATEST:]
        if not latest:
            return
        await self._notify(self.chance.choice(latest), self.chance.choice([1, 1, 2]))

    async def notify_all(self) -> None:
        """Whatever was not told so far is told now: what was done by hand, for one."""
        for report in list(self.provider.payments.values()):
            await self._notify(report, 1)

    async def _notify(self, report: Report, copies: int) -> None:
        event = f"evt_{self.chance.randint(1, 10**12)}"
        notice = Notice("sandbox", event, "payment.changed", report)
        for _ in range(copies):
            await self.transactions.run(lambda session: take_notice(session, notice, _nothing))

    # --- small parts

    def _any(self) -> str:
        return self.chance.choice(self.payments)

    def _part(self) -> tuple[int, str] | None:
        return self.chance.choice([None, (self.chance.randint(1, 3000), "EUR")])

    def _key(self, scope: str) -> RequestKey:
        self._number += 1
        name = f"req-{self._number}"
        return RequestKey(scope, "orders", name, hashlib.sha256(name.encode()).digest())


def _nothing() -> None:
    """Nobody has to be woken: the resolver looks by itself."""
