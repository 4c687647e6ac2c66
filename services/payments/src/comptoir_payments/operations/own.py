"""Payments from a balance of ours: there is nobody to ask, so each operation is settled at once.

Written down, held or taken, posted and told in one transaction: nothing of it is ever unknown.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from comptoir_payments import events, store
from comptoir_payments.domain import codes, purses
from comptoir_payments.domain.instructions import Authorisation
from comptoir_payments.domain.payments import Kind, Operation, Payment
from comptoir_payments.domain.purses import Purse, PurseKind
from comptoir_payments.domain.reports import Report, Status
from comptoir_payments.domain.settlements import settle
from comptoir_payments.errors import TooManyAttempts
from comptoir_payments.operations.asking import write
from comptoir_runtime.database import Session


async def refuse_guessing(session: Session, caller: str) -> None:
    """Raises `TooManyAttempts` for a caller who has tried too many wrong codes lately."""
    if await store.attempts(session, caller, purses.ATTEMPTS_WITHIN) >= purses.ATTEMPTS:
        raise TooManyAttempts(
            "too many wrong codes; wait before trying another one",
            retry_after=purses.ATTEMPTS_WITHIN,
        )


async def authorise_own(session: Session, wanted: Authorisation, payment: Payment) -> Payment:
    """Holds the amount, or writes down why not. Raises `RequestKnown` and `TooManyAttempts`."""
    kind = PurseKind(payment.provider)
    if kind is PurseKind.GIFT_CARD:
        await refuse_guessing(session, wanted.payer)
    found = await _purse(session, kind, wanted)
    now = session.clock.now()
    if found is None:
        code = purses.UNKNOWN_CODE if kind is PurseKind.GIFT_CARD else purses.NO_ACCOUNT
        if kind is PurseKind.GIFT_CARD:
            await store.note_attempt(session, wanted.payer, purses.ATTEMPTS_WITHIN)
        return await _decline(session, payment, code)
    payment = replace(
        payment, purse=found.id, display=found.display, purse_expires_at=found.expires_at
    )
    if refusal := found.refusal(wanted.currency, now):
        return await _decline(session, payment, refusal)
    if await store.hold(session, found.id, wanted.amount) is None:
        # Read again: whoever came first may have left less than was seen above.
        left = (await store.get_purse(session, found.id)).available
        return await _decline(session, payment, purses.INSUFFICIENT, left)
    await store.create_payment(session, payment)
    (operation,) = payment.operations
    word = replace(
        _word(payment, operation, Status.APPROVED),
        authorised=payment.amount,
        expires_at=now + purses.HOLD,
    )
    return await write(session, settle(payment, operation, word, now))


async def _purse(session: Session, kind: PurseKind, wanted: Authorisation) -> Purse | None:
    """The one that is to pay; None also for one that the payer may not use."""
    if kind is PurseKind.GIFT_CARD:
        return await store.purse_of_code(session, codes.hash_of(wanted.token))
    owner = wanted.payer
    if kind is PurseKind.ON_ACCOUNT and wanted.token:
        owner = wanted.token
    found = await store.purse_of_owner(session, kind, owner, wanted.currency)
    return found if found is not None and found.may_be_used_by(wanted.payer) else None


async def _decline(
    session: Session, payment: Payment, code: str, left: int | None = None
) -> Payment:
    (asked,) = payment.operations
    operation = replace(asked, amount_left=left)
    payment = payment.having(operation)
    await store.create_payment(session, payment)
    word = replace(
        _word(payment, operation, Status.DECLINED),
        decline_code=code,
        retryable=code == purses.INSUFFICIENT,
    )
    return await write(session, settle(payment, operation, word, session.clock.now()))


async def start(session: Session, payment: Payment, operation: Operation) -> Payment:
    """Writes an operation and its claim down; what concerns our own balances is settled at once.

    The operation is open afterwards when its provider has to be asked. Raises `ChangedMeanwhile`
    and `RequestKnown`.
    """
    started = await store.start_operation(session, payment, operation)
    (current,) = (each for each in started.operations if each.request == operation.request)
    if operation.means:
        word = _word(started, current, Status.APPROVED)
        return await write(session, settle(started, current, word, session.clock.now()))
    return await _move(session, started, current) if started.is_own else started


async def _move(session: Session, payment: Payment, operation: Operation) -> Payment:
    now = session.clock.now()
    status = Status.VOIDED if operation.kind is Kind.VOID else Status.APPROVED
    word = replace(_word(payment, operation, status), captured=payment.captured)
    settlement = settle(payment, operation, word, now)
    if operation.kind is Kind.REFUND:
        await store.prolong(session, payment.purse, now + purses.GIVEN_BACK)
    released = payment.held - settlement.payment.held
    if not released:
        return await write(session, settlement)
    purse = await store.let_go(session, payment.purse, released)
    # Holds of before it was kept have none.
    ends = payment.purse_expires_at or purse.expires_at
    if operation.kind is Kind.VOID and ends is not None:
        until = purses.restored(ends, payment.created_at, now)
        await store.prolong(session, payment.purse, until)
    if operation.kind is Kind.CAPTURE:
        due = _due(payment, purse, now)
        changed = replace(settlement.payment, due_at=due)
        settlement = replace(settlement, payment=changed)
        if purse.kind is PurseKind.GIFT_CARD:
            spent = replace(purse, balance=purse.balance - operation.amount)
            session.emit(events.gift_card_spent(spent, payment, operation.amount))
    return await write(session, settlement)


def _due(payment: Payment, purse: Purse, now: datetime) -> datetime | None:
    """By when it has to be paid: of several captures, the first one counts."""
    if purse.kind is not PurseKind.ON_ACCOUNT or payment.due_at is not None:
        return payment.due_at
    return now + timedelta(days=purse.terms_days)


def _word(payment: Payment, operation: Operation, status: Status) -> Report:
    """Our own word, as a provider would give it."""
    return Report(
        payment=payment.id,
        reference=payment.provider_reference,
        status=status,
        currency=payment.currency,
        display=payment.display,
        operation=operation.id if operation.means == "" and payment.is_own else "",
        moved=operation.amount,
    )
