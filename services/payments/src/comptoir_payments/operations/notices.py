"""Providers' notices: written down when they come, looked into by the resolver.

A notice only says that something may have changed. What is true is asked of the provider, so that
a copy, a late one or one out of order does no harm.
"""

import logging
from collections.abc import Callable
from datetime import timedelta

from comptoir_payments import store
from comptoir_payments.domain import schedule
from comptoir_payments.domain.payments import Operation, Payment
from comptoir_payments.domain.reconciliation import (
    Step,
    adopted,
    claim,
    is_foreign,
    is_settled,
    next_step,
)
from comptoir_payments.domain.reports import Report
from comptoir_payments.domain.settlements import settle
from comptoir_payments.operations.asking import carry_out, record, write
from comptoir_payments.providers.contract import Notice, Provider, Providers
from comptoir_payments.store import DueNotice
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.ids import new_id

log = logging.getLogger(__name__)

OPEN, DONE, FOREIGN, REVIEW = "open", "done", "foreign", "review"
# Soon again: what is under way ends within the time for one call.
_WAIT = timedelta(seconds=2)
_AT_ONCE = timedelta(0)
_FEW = 6


async def take_notice(session: Session, notice: Notice, wake: Callable[[], None]) -> bool:
    """Writes a notice down; False when it came before. `wake` is called if it brings news."""
    report = notice.report
    if report.is_hint:
        payment = await store.find_by_reference(session, notice.provider, report.reference)
        known = payment is not None
    else:
        payment = await store.find_payment(session, report.payment)
        ours = payment is not None and payment.provider == notice.provider
        known = payment is not None and ours and not is_foreign(payment, report)
    if payment is None or not known:
        log.warning("notice about no payment of ours", extra={"event": notice.event})
        state = FOREIGN
    else:
        told_all = not report.is_hint and is_settled(payment, report)
        state = DONE if told_all else OPEN
    new = await store.keep_notice(
        session,
        notice.provider,
        notice.event,
        notice.type,
        payment=None if payment is None else payment.id,
        reference=report.reference,
        state=state,
    )
    if new and state == OPEN:
        session.after_commit(wake)
    return new


async def look_into(transactions: Transactions, providers: Providers, notice: DueNotice) -> None:
    """Compares the provider's books with ours, and does what is missing on either side."""
    async with transactions.reading() as session:
        payment = await store.get_payment(session, notice.payment)
    if payment.is_busy:
        return await _postpone(transactions, notice, _WAIT)
    provider = providers[payment.provider]
    report = await provider.fetch(payment.provider_reference or notice.reference)
    if not isinstance(report, Report) or is_foreign(payment, report):
        return await _close(transactions, notice, FOREIGN)
    step = next_step(payment, report)
    if step is Step.NOTHING:
        return await _close(transactions, notice, DONE)
    if step is Step.REVIEW:
        log.error("books differ", extra={"payment": payment.id, "event": notice.event})
        return await _close(transactions, notice, REVIEW)
    if step is Step.DECIDE:
        assert payment.authorisation is not None, "it is what is to be decided"
        await record(transactions, payment, payment.authorisation, report)
    elif step is not Step.WAIT:
        await _claim(transactions, provider, payment, report, step, notice)
    # One difference at a time: the next look finds the next one, or none. Differences that stay
    # whatever we do are looked at more and more rarely.
    pause = _AT_ONCE if notice.attempts <= _FEW else schedule.after_unknown(notice.attempts - _FEW)
    return await _postpone(transactions, notice, pause)


async def _claim(
    transactions: Transactions,
    provider: Provider,
    seen: Payment,
    report: Report,
    step: Step,
    notice: DueNotice,
) -> None:

    async def write_down(session: Session) -> tuple[Payment, Operation] | None:
        payment = await store.lock_payment(session, notice.payment)
        if payment.version != seen.version:
            # The report may be older than what has happened since: another one is asked for.
            return None
        payment, operation = claim(
            payment,
            report,
            step,
            operation_id=new_id("pop"),
            cause=notice.event,
            now=session.clock.now(),
        )
        payment = await store.start_operation(session, payment, operation)
        if step is not Step.RELEASE:
            word = adopted(report, operation)
            await write(session, settle(payment, operation, word, session.clock.now()))
        return payment, operation

    written = await transactions.run(write_down)
    if written is not None and step is Step.RELEASE:
        await carry_out(transactions, provider, *written)


async def _close(transactions: Transactions, notice: DueNotice, state: str) -> None:
    await transactions.run(lambda session: store.close_notice(session, notice, state))


async def _postpone(transactions: Transactions, notice: DueNotice, pause: timedelta) -> None:
    await transactions.run(
        lambda session: store.postpone_notice(session, notice, session.clock.now() + pause)
    )
