"""Whatever is asked, in whatever order, and whatever goes wrong: the books are right.

The course of an operation is the real one (`asking`, `settle`, `next_step`); only the database is
left out, and the provider is one that loses answers as it is told.
"""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from comptoir_payments.domain.ledger import Transfer
from comptoir_payments.domain.payments import (
    AlreadyEnded,
    Kind,
    Operation,
    Payment,
    Progress,
    State,
    claim_capture,
    claim_refund,
    claim_release,
    new_operation,
)
from comptoir_payments.domain.reconciliation import Step, adopted, claim, next_step
from comptoir_payments.domain.reports import Outcome, Report
from comptoir_payments.domain.settlements import Settlement, release_unasked, settle
from comptoir_payments.operations.asking import ask, ask_again
from comptoir_runtime.errors import Failure
from services.payments.tests.fakes import FakeProvider, Fault
from services.payments.tests.unit import values
from services.payments.tests.unit.values import NOW

FAULTS = st.sampled_from([*[Fault.NONE] * 3, *Fault])
TOKENS = st.sampled_from(
    [*["ok"] * 5, "declined", "challenge", "pending", "more", "other_currency"]
)
PROMISED = (State.AUTHORISED, State.PARTIALLY_CAPTURED, State.CAPTURED)
AMOUNTS = st.one_of(st.none(), st.integers(min_value=1, max_value=1200))


class Books(RuleBasedStateMachine):
    """One payment, its provider, and the transfers that were posted."""

    def __init__(self) -> None:
        super().__init__()
        self.provider = FakeProvider()
        self.payment: Payment | None = None
        self.transfers: list[Transfer] = []
        self.number = 0

    # --- what callers ask for

    @precondition(lambda self: self.payment is None)
    @rule(token=TOKENS, fault=FAULTS)
    def authorise(self, token: str, fault: Fault) -> None:
        payment = values.created()
        asked = replace(payment.operations[0], token=token)
        self.payment = payment.having(asked)
        self._ask(asked, fault)

    @precondition(lambda self: self.payment is not None)
    @rule(amount=AMOUNTS, fault=FAULTS)
    def capture(self, amount: int | None, fault: Fault) -> None:
        self._move(Kind.CAPTURE, lambda payment: claim_capture(payment, amount, NOW), fault)

    @precondition(lambda self: self.payment is not None)
    @rule(amount=AMOUNTS, fault=FAULTS)
    def refund(self, amount: int | None, fault: Fault) -> None:
        self._move(Kind.REFUND, lambda payment: claim_refund(payment, amount), fault)

    @precondition(lambda self: self.payment is not None)
    @rule(fault=FAULTS)
    def void(self, fault: Fault) -> None:
        self._move(Kind.VOID, claim_release, fault)

    # --- what happens by itself

    @precondition(lambda self: self.payment is not None)
    @rule(fault=FAULTS)
    def resolve(self, fault: Fault) -> None:
        self.provider.faults.append(fault)
        self._resolve()
        self.provider.faults.clear()

    @precondition(lambda self: self.payment is not None)
    @rule()
    def the_payer_acts(self) -> None:
        for report in self._theirs():
            if report.status == "requires_action":
                self.provider.approve(report.reference)

    @precondition(lambda self: self.payment is not None)
    @rule()
    def the_issuer_is_late(self) -> None:
        """Approves although the payment has been given up in the meantime."""
        for report in self._theirs():
            if report.status in ("pending", "voided") and report.captured == 0:
                self.provider.approve(report.reference)

    @precondition(lambda self: self.payment is not None)
    @rule(captured=st.integers(0, 300), refunded=st.integers(0, 300))
    def somebody_works_at_the_provider_itself(self, captured: int, refunded: int) -> None:
        payment = self._payment
        # Whoever takes by hand what has been given up makes work for a person, not for a rule.
        if payment.voiding or payment.state not in PROMISED:
            return
        for report in self._theirs():
            taken = min(captured, report.held)
            given = min(refunded, report.captured + taken - report.refunded)
            self.provider.move(report.reference, captured=taken, refunded=given)

    @precondition(lambda self: self.payment is not None)
    @rule()
    def a_notice_comes(self) -> None:
        self._compare()

    # --- what always holds

    @invariant()
    def m1_every_transfer_balances(self) -> None:
        for transfer in self.transfers:
            assert sum(entry.amount for entry in transfer.entries) == 0

    @invariant()
    def m4_amounts_stay_within_each_other(self) -> None:
        if (payment := self.payment) is not None:
            assert min(payment.capturing, payment.refunding, payment.captured) >= 0
            assert payment.captured + payment.capturing <= payment.authorised <= payment.amount
            assert payment.refunded + payment.refunding <= payment.captured

    @invariant()
    def the_ledger_says_what_the_payment_says(self) -> None:
        if (payment := self.payment) is not None:
            assert self._balance("customer_receivable") == -payment.captured
            assert self._balance("refunds") == payment.refunded
            assert self._balance(payment.settles_in) == payment.captured - payment.refunded

    @invariant()
    def claims_are_those_of_open_operations(self) -> None:
        if (payment := self.payment) is not None:
            claims = {Kind.CAPTURE: payment.capturing, Kind.REFUND: payment.refunding}
            for kind, claimed in claims.items():
                asked = [each for each in payment.operations if each.kind is kind]
                assert claimed == sum(each.amount for each in asked if each.is_open)

    @invariant()
    def m6_the_provider_was_never_asked_for_the_same_payment_twice(self) -> None:
        assert len(self.provider.payments) <= 1

    def teardown(self) -> None:
        """Once nothing goes wrong any more, both sides say the same."""
        if self.payment is not None:
            self._come_to_rest()

    # --- inside

    @property
    def _payment(self) -> Payment:
        assert self.payment is not None
        return self.payment

    def _theirs(self) -> list[Report]:
        return list(self.provider.payments.values())

    def _balance(self, account: str) -> int:
        entries = (entry for transfer in self.transfers for entry in transfer.entries)
        return sum(entry.amount for entry in entries if entry.account == account)

    def _run(self, work: Coroutine[Any, Any, Outcome]) -> Outcome:
        """The fake never waits for anything, so no event loop is needed."""
        try:
            while True:
                work.send(None)
        except StopIteration as done:
            outcome: Outcome = done.value
            return outcome

    def _name(self) -> str:
        self.number += 1
        return f"pop_{self.number:04}"

    def _move(
        self, kind: Kind, lay_claim: Callable[[Payment], tuple[Payment, int]], fault: Fault
    ) -> None:
        try:
            claimed, amount = lay_claim(self._payment)
        except (Failure, AlreadyEnded):
            return
        name = self._name()
        asked = new_operation(
            claimed, kind, amount, operation_id=name, request=values.request(name), now=NOW
        )
        self.payment = claimed.having(asked)
        if self._payment.provider_reference:
            self._ask(asked, fault)

    def _ask(self, operation: Operation, fault: Fault) -> None:
        self.provider.faults.append(fault)
        outcome = self._run(ask(self.provider, self._payment, operation))
        self.provider.faults.clear()
        self._write(settle(self._payment, operation, outcome, NOW))

    def _resolve(self) -> None:
        for name in [each.id for each in self._payment.operations]:
            operation = self._payment.operation(name)
            if not operation.is_open:
                continue
            if operation.kind is Kind.VOID and not self._payment.provider_reference:
                if not self._payment.is_waiting:
                    self._write(release_unasked(self._payment, operation, NOW))
                continue
            later = NOW + timedelta(minutes=1)
            outcome = self._run(ask_again(self.provider, self._payment, operation, later))
            self._write(settle(self._payment, operation, outcome, NOW))

    def _compare(self) -> None:
        payment = self._payment
        if not payment.provider_reference or payment.is_busy:
            return
        for _ in range(8):
            report = self.provider.payments[payment.provider_reference]
            step = next_step(self._payment, report)
            if step in (Step.NOTHING, Step.WAIT, Step.REVIEW):
                return
            if step is Step.DECIDE:
                asked = self._payment.authorisation
                assert asked is not None
                self._write(settle(self._payment, asked, report, NOW))
                continue
            self._take(report, step)

    def _take(self, report: Report, step: Step) -> None:
        claimed, operation = claim(
            self._payment, report, step, operation_id=self._name(), cause="evt", now=NOW
        )
        self.payment = claimed.having(operation)
        if step is Step.RELEASE:
            self._ask(operation, Fault.NONE)
        else:
            self._write(settle(self._payment, operation, adopted(report, operation), NOW))

    def _write(self, settlement: Settlement) -> None:
        self.payment = settlement.payment
        if settlement.transfer is not None:
            self.transfers.append(settlement.transfer)

    def _come_to_rest(self) -> None:
        for _ in range(4):
            for report in self._theirs():
                if report.status in ("requires_action", "pending"):
                    self.provider.approve(report.reference)
            self._resolve()
            self._compare()
        payment = self._payment
        assert not any(each.is_open for each in payment.operations)
        if not payment.provider_reference:
            assert self._theirs() == []
            return
        theirs = self.provider.payments[payment.provider_reference]
        assert (payment.captured, payment.refunded) == (theirs.captured, theirs.refunded)
        assert payment.capturable == theirs.held
        decided = [each for each in payment.operations if each.kind is Kind.AUTHORISE]
        assert decided[0].progress in (Progress.SUCCEEDED, Progress.FAILED)


TestBooks = Books.TestCase
# Ten thousand steps in all.
TestBooks.settings = settings(max_examples=250, stateful_step_count=40, deadline=None)
