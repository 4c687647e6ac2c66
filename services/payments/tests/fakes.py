"""A provider in memory that can be told to fail, to be late and to act on its own."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum, auto

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.errors import WebhookMalformed
from comptoir_payments.providers.contract import Broken, Notice, TimedOut, Unreachable, Wish

_NEVER = datetime(2100, 1, 1, tzinfo=UTC)


class Fault(Enum):
    """What goes wrong with one call; AFTER means that it had its effect."""

    NONE = auto()
    UNREACHABLE = auto()
    TIMEOUT_BEFORE = auto()
    TIMEOUT_AFTER = auto()
    BROKEN_BEFORE = auto()
    BROKEN_AFTER = auto()


_ERRORS = {
    Fault.TIMEOUT_BEFORE: TimedOut,
    Fault.TIMEOUT_AFTER: TimedOut,
    Fault.BROKEN_BEFORE: Broken,
    Fault.BROKEN_AFTER: Broken,
}
_AFTER = frozenset({Fault.NONE, Fault.TIMEOUT_AFTER, Fault.BROKEN_AFTER})


@dataclass
class FakeProvider:
    """Decides by token: `ok`, `declined`, `challenge`, `pending`, `more`, `other_currency`."""

    name: str = "sandbox"
    fee: int = 0

    def __post_init__(self) -> None:
        self.faults: deque[Fault] = deque()
        self.payments: dict[str, Report] = {}
        """By the provider's own id."""
        self.calls: list[tuple[str, str]] = []
        """What was called, and under which key."""
        self.gate = asyncio.Event()
        """Calls wait while it is closed."""
        self.gate.set()
        self._answers: dict[str, Report | Refusal] = {}

    # --- the contract

    async def authorise(self, key: str, wish: Wish) -> Report | Refusal:
        async def decide() -> Report | Refusal:
            report = _first_word(f"fake_{len(self.payments) + 1}", wish)
            self.payments[report.reference] = report
            return replace(report, operation=f"op_{key}", moved=report.authorised)

        return await self._once("authorise", key, decide)

    async def capture(self, key: str, reference: str, amount: int) -> Report | Refusal:
        async def decide() -> Report | Refusal:
            payment = self.payments[reference]
            if payment.status is Status.VOIDED:
                return Refusal("payment_voided")
            if amount > payment.held:
                return Refusal("capture_exceeds_authorised")
            return self._moved(key, replace(payment, captured=payment.captured + amount), amount)

        return await self._once("capture", key, decide)

    async def void(self, key: str, reference: str) -> Report | Refusal:
        async def decide() -> Report | Refusal:
            payment, held = self.payments[reference], self.payments[reference].held
            if payment.status is Status.VOIDED:
                return Refusal("payment_voided")
            if payment.status is Status.APPROVED and held == 0:
                return Refusal("nothing_to_void")
            status = payment.status if payment.captured else Status.VOIDED
            return self._moved(
                key, replace(payment, status=status, voided=payment.voided + held), held
            )

        return await self._once("void", key, decide)

    async def refund(self, key: str, reference: str, amount: int) -> Report | Refusal:
        async def decide() -> Report | Refusal:
            payment = self.payments[reference]
            if amount > payment.captured - payment.refunded:
                return Refusal("refund_exceeds_captured")
            return self._moved(key, replace(payment, refunded=payment.refunded + amount), amount)

        return await self._once("refund", key, decide)

    async def fetch(self, reference: str) -> Report | Refusal:
        self._fail_before("fetch", reference)
        await self.gate.wait()
        return self.payments.get(reference, Refusal("not_found"))

    async def recall(self, key: str, reference: str) -> Report | Refusal | None:
        self._fail_before("recall", key)
        return self._answers.get(key)

    def parse(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """The body is the provider's id of the payment, the event is in the headers."""
        report = self.payments.get(body.decode())
        if report is None:
            raise WebhookMalformed("no such payment")
        return Notice(self.name, headers["event"], "payment.changed", report)

    # --- what it does by itself

    def approve(self, reference: str) -> None:
        """The issuer's late yes, whatever has happened to the payment since."""
        payment = self.payments[reference]
        self.payments[reference] = replace(
            payment, status=Status.APPROVED, authorised=1000, voided=0, action_url=""
        )

    def decline(self, reference: str) -> None:
        self.payments[reference] = replace(
            self.payments[reference],
            status=Status.DECLINED,
            decline_code="authentication_failed",
            retryable=True,
            action_url="",
        )

    def move(
        self, reference: str, *, captured: int = 0, refunded: int = 0, voided: int = 0
    ) -> None:
        """Money moved in the provider's own user interface."""
        payment = self.payments[reference]
        self.payments[reference] = replace(
            payment,
            captured=payment.captured + captured,
            refunded=payment.refunded + refunded,
            voided=payment.voided + voided,
        )

    def bounce(self, reference: str, amount: int) -> None:
        """A refund could not be delivered."""
        payment = self.payments[reference]
        self.payments[reference] = replace(payment, refunded=payment.refunded - amount)

    def dispute(self, reference: str, *, disputed: int = 0, charged_back: int = 0) -> None:
        """How the payer's disputes stand now."""
        payment = self.payments[reference]
        self.payments[reference] = replace(payment, disputed=disputed, charged_back=charged_back)

    # --- inside

    async def _once(
        self, call: str, key: str, decide: Callable[[], Awaitable[Report | Refusal]]
    ) -> Report | Refusal:
        self.calls.append((call, key))
        await self.gate.wait()
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is Fault.UNREACHABLE:
            raise Unreachable
        if fault in _AFTER and key not in self._answers:
            self._answers[key] = await decide()
        if fault is not Fault.NONE:
            raise _ERRORS[fault]
        return self._answers[key]

    def _fail_before(self, call: str, key: str) -> None:
        self.calls.append((call, key))
        fault = self.faults.popleft() if self.faults else Fault.NONE
        if fault is not Fault.NONE:
            raise _ERRORS.get(fault, Unreachable)

    def _moved(self, key: str, payment: Report, amount: int) -> Report:
        self.payments[payment.reference] = payment
        return replace(payment, operation=f"op_{key}", moved=amount, fee=self.fee)


def _first_word(reference: str, wish: Wish) -> Report:
    report = Report(
        payment=wish.payment,
        reference=reference,
        status=Status.APPROVED,
        currency=wish.currency,
        authorised=wish.amount,
        display="Visa •• 4242",
        expires_at=_NEVER,
    )
    match wish.token:
        case "declined":
            return replace(
                report, status=Status.DECLINED, authorised=0, decline_code="card_declined"
            )
        case "challenge":
            return replace(
                report,
                status=Status.REQUIRES_ACTION,
                authorised=0,
                action_url=f"https://bank.example/{reference}",
            )
        case "pending":
            return replace(report, status=Status.PENDING, authorised=0)
        case "more":
            return replace(report, authorised=wish.amount + 100)
        case "other_currency":
            return replace(report, currency="XTS")
    return report
