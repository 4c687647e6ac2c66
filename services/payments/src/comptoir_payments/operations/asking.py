"""The course of every operation: written down, asked of the provider, settled.

Each part can be run again from any line: the operation's id is the provider's idempotency key, and
whoever comes second finds the payment changed and takes over what is written there.
"""

import logging
from datetime import datetime

from comptoir_payments import events, store
from comptoir_payments.domain.payments import ForbiddenMove, Kind, Operation, Payment, Progress
from comptoir_payments.domain.reconciliation import is_settled
from comptoir_payments.domain.reports import NeverAsked, NoAnswer, Outcome, Refusal, Report
from comptoir_payments.domain.settlements import (
    NEVER_RECEIVED,
    Settlement,
    may_be_repeated,
    release_unasked,
    settle,
)
from comptoir_payments.providers.contract import Broken, Provider, ProviderError, Unreachable, Wish
from comptoir_runtime import telemetry
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.telemetry import names

log = logging.getLogger(__name__)
_outcomes = telemetry.counter(names.PROCESS_STEPS)


async def carry_out(
    transactions: Transactions, provider: Provider, payment: Payment, operation: Operation
) -> Payment:
    """Asks the provider for an operation that has just been written down, and settles it."""
    if operation.kind is Kind.VOID:
        return await _release(transactions, provider, payment, operation, first=True)
    outcome = await ask(provider, payment, operation)
    return await record(transactions, payment, operation, outcome)


async def pursue(
    transactions: Transactions, provider: Provider, payment: Payment, operation: Operation
) -> Payment:
    """Asks again about an operation whose outcome is open, under the same key, and settles it."""
    if operation.kind is Kind.VOID:
        return await _release(transactions, provider, payment, operation, first=False)
    outcome = await ask_again(provider, payment, operation, transactions.clock.now())
    return await record(transactions, payment, operation, outcome)


async def _release(
    transactions: Transactions,
    provider: Provider,
    payment: Payment,
    release: Operation,
    *,
    first: bool,
) -> Payment:
    """What there is to release has to be known: an authorisation without an answer comes first."""
    asked = payment.authorisation
    if asked is not None and asked.is_open and not payment.provider_reference:
        payment = await pursue(transactions, provider, payment, asked)
        release = payment.operation(release.id)
    if not release.is_open:
        return payment
    outcome: Outcome | None
    if payment.provider_reference:
        outcome = (
            await ask(provider, payment, release)
            if first
            else await ask_again(provider, payment, release, transactions.clock.now())
        )
    else:
        outcome = NoAnswer() if payment.is_waiting else None
    return await record(transactions, payment, release, outcome)


# --- the provider ------------------------------------------------------------------------------


async def ask(provider: Provider, payment: Payment, operation: Operation) -> Outcome:
    """The first call. What breaks off is asked for again at once, what is late is not."""
    try:
        return await _call(provider, payment, operation)
    except Unreachable:
        return NeverAsked()
    except Broken:
        return await ask_again(provider, payment, operation, operation.created_at)
    except ProviderError:
        return NoAnswer()


async def ask_again(
    provider: Provider, payment: Payment, operation: Operation, now: datetime
) -> Outcome:
    """What came of an earlier call; the call is repeated when the provider knows nothing of it."""
    try:
        if operation.kind is Kind.AUTHORISE and payment.provider_reference:
            return await provider.fetch(payment.provider_reference)
        known = await provider.recall(operation.id, payment.provider_reference)
        if known is not None:
            return known
        if not may_be_repeated(operation, now):
            return Refusal(NEVER_RECEIVED)
        return await _call(provider, payment, operation)
    except ProviderError as error:
        # Unreachable too: the earlier call may have had its effect.
        log.info("no answer", extra={"operation": operation.id, "why": type(error).__name__})
        return NoAnswer()


async def _call(provider: Provider, payment: Payment, operation: Operation) -> Outcome:
    key, reference = operation.id, payment.provider_reference
    match operation.kind:
        case Kind.AUTHORISE:
            wish = Wish(
                payment.id,
                operation.amount,
                payment.currency,
                operation.token,
                operation.return_url,
            )
            return await provider.authorise(key, wish)
        case Kind.CAPTURE:
            return await provider.capture(key, reference, operation.amount)
        case Kind.VOID:
            return await provider.void(key, reference)
        case Kind.REFUND:
            return await provider.refund(key, reference, operation.amount)
        case _:
            raise ForbiddenMove(f"{key}: nobody asks for a {operation.kind}")


# --- the books ---------------------------------------------------------------------------------


async def record(
    transactions: Transactions, payment: Payment, operation: Operation, outcome: Outcome | None
) -> Payment:
    """Settles an operation; None as outcome means a release of what is not held.

    When somebody else came first, the payment is answered as they left it.
    """

    async def as_read(session: Session) -> Payment:
        return await write(session, _settled(session, payment, operation, outcome))

    async def under_a_lock(session: Session) -> Payment:
        current = await store.lock_payment(session, payment.id)
        same = current.operation(operation.id)
        if not same.is_open:
            await _take_note(session, current, same, outcome)
            return current
        return await write(session, _settled(session, current, same, outcome))

    try:
        return await store.fenced(transactions, as_read)
    except store.ChangedMeanwhile:
        return await transactions.run(under_a_lock)


def _settled(
    session: Session, payment: Payment, operation: Operation, outcome: Outcome | None
) -> Settlement:
    now = session.clock.now()
    if outcome is None:
        return release_unasked(payment, operation, now)
    return settle(payment, operation, outcome, now)


async def write(session: Session, settlement: Settlement) -> Payment:
    """Writes a settlement with its entries and its event, and keeps the caller's answer with it."""
    operation = settlement.operation
    message = events.payment_message(settlement.payment.written())
    succeeded = operation.progress is Progress.SUCCEEDED
    answer = message.SerializeToString() if succeeded else None
    payment = store.settle_operation(session, settlement, answer)
    session.after_commit(lambda: _outcomes.add(1, (operation.kind, operation.progress)))
    if settlement.transfer is not None:
        store.post_transfer(session, settlement.transfer)
    if settlement.look_again:
        await _compare_books(session, payment, operation)
    if settlement.occasion is not None:
        session.emit(events.about(settlement.occasion, message, operation))
    return payment


async def _take_note(
    session: Session, payment: Payment, operation: Operation, outcome: Outcome | None
) -> None:
    """A word that comes after its operation has ended, such as a yes after the release."""
    if isinstance(outcome, Report) and not is_settled(payment, outcome):
        await store.keep_notice(
            session,
            payment.provider,
            f"late:{operation.id}",
            outcome.status,
            payment=payment.id,
            reference=outcome.reference,
        )


async def _compare_books(session: Session, payment: Payment, operation: Operation) -> None:
    """Leaves a notice to ourselves: the resolver finds out what the provider holds, and acts."""
    await store.keep_notice(
        session,
        payment.provider,
        f"operation:{operation.id}",
        operation.failure_code,
        payment=payment.id,
        reference=payment.provider_reference,
    )
