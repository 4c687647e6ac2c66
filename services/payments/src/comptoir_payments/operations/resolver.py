"""Finds out what came of operations without an answer, and looks into notices."""

import asyncio
import logging
from collections.abc import Awaitable
from datetime import datetime, timedelta
from typing import Protocol

from comptoir_payments import store
from comptoir_payments.domain.payments import AlreadyEnded, Kind, Operation, Payment, State
from comptoir_payments.domain.reconciliation import LAPSED, SCOPE, lapse, overdue_release
from comptoir_payments.domain.settlements import action_is_overdue
from comptoir_payments.operations.asking import carry_out, pursue
from comptoir_payments.operations.notices import look_into
from comptoir_payments.operations.own import start
from comptoir_payments.operations.requests import begin
from comptoir_payments.providers.contract import ProviderError, Providers
from comptoir_payments.store import DueNotice, DueOperation
from comptoir_runtime import measuring
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure
from comptoir_runtime.ids import new_id

log = logging.getLogger(__name__)

# Longer than any call takes: another replica takes over what this one has left behind.
_LEASE = timedelta(seconds=30)
_AT_ONCE = 16


class Release(Protocol):
    """How a payment is given up that nobody asked to give up."""

    def __call__(
        self, payment: Payment, *, operation_id: str, now: datetime
    ) -> tuple[Payment, Operation]:
        """The payment with its claim, and the operation; raises what `claim_release` raises."""


class Resolver:
    """Background work; several replicas share it, each takes what is due."""

    def __init__(self, transactions: Transactions, providers: Providers, poll: timedelta) -> None:
        self._transactions = transactions
        self._providers = providers
        self._poll = poll.total_seconds()
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """There is something new to look into."""
        self._woken.set()

    async def run(self) -> None:
        """Takes turns for ever: at once while there is much to do, else at each poll or wake-up."""
        while True:
            self._woken.clear()
            if await self.turn() < _AT_ONCE:
                try:
                    async with asyncio.timeout(self._poll):
                        await self._woken.wait()
                except TimeoutError:
                    pass

    async def turn(self) -> int:
        """Looks after what is due now; answers how much that was."""
        operations, notices, lapsing = await self._transactions.run(_due)
        due: dict[str, list[str]] = {}
        for operation in operations:
            due.setdefault(operation.payment, []).append(operation.id)
        await asyncio.gather(
            *(self._safely(self._pursue(payment, ids)) for payment, ids in due.items()),
            *(
                self._safely(look_into(self._transactions, self._providers, notice))
                for notice in notices
            ),
            *(self._safely(self._lapse(payment)) for payment in lapsing),
        )
        return max(len(operations), len(notices), len(lapsing))

    async def _pursue(self, payment_id: str, operation_ids: list[str]) -> None:
        """In the order they were asked for: an authorisation before its release."""
        async with self._transactions.reading() as session:
            payment = await store.get_payment(session, payment_id)
        provider = self._providers[payment.provider]
        for operation_id in [each.id for each in payment.operations if each.id in operation_ids]:
            operation = payment.operation(operation_id)
            if operation.is_open:
                payment = await pursue(self._transactions, provider, payment, operation)
        asked = payment.authorisation
        overdue = asked is not None and action_is_overdue(asked, self._transactions.clock.now())
        if payment.state is State.REQUIRES_ACTION and overdue and not payment.voiding:
            await self._give_up(payment)

    async def _give_up(self, payment: Payment) -> None:
        """The payer never acted: nothing may be charged any more."""
        await self._release(payment.id, overdue_release)

    async def _lapse(self, payment_id: str) -> None:
        """Nobody took what was promised: it is given back, and can be taken no more."""
        try:
            await self._release(payment_id, lapse)
        except (Failure, AlreadyEnded, store.RequestKnown):
            log.info("somebody else came first", extra={"payment": payment_id})

    async def _release(self, payment_id: str, claim: Release) -> None:
        async def plan(session: Session, current: Payment) -> Payment:
            now = session.clock.now()
            return await start(session, *claim(current, operation_id=new_id("pop"), now=now))

        payment = await begin(self._transactions, payment_id, plan)
        release = next(
            (each for each in payment.operations if each.kind is Kind.VOID and each.is_open), None
        )
        if release is not None:
            provider = self._providers[payment.provider]
            await carry_out(self._transactions, provider, payment, release)

    async def _safely(self, work: Awaitable[None]) -> None:
        """One thing that cannot be looked into now must not keep the others waiting."""
        try:
            await work
        except ProviderError as error:
            log.info("the provider does not answer", extra={"why": type(error).__name__})
        except Exception:
            log.exception("an operation or a notice could not be looked into")


async def measure(session: Session) -> None:
    """Tells how many operations have no outcome yet, and for how long."""
    measuring.tell_open(await store.count_open(session))


async def _due(session: Session) -> tuple[list[DueOperation], list[DueNotice], list[str]]:
    """Takes operations and notices that are due; and payments whose promise has ended."""
    now = session.clock.now()
    lease = (now, now + _LEASE, _AT_ONCE)
    operations = await store.claim_operations(session, *lease)
    notices = await store.claim_notices(session, *lease)
    return operations, notices, await store.lapsing_payments(session, SCOPE, LAPSED, _AT_ONCE)
