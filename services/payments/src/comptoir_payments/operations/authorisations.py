"""Asking a provider to keep an amount, and asking how it stands."""

from dataclasses import replace
from datetime import datetime

from comptoir_payments import store
from comptoir_payments.domain import ledger, methods, schedule
from comptoir_payments.domain.instructions import Authorisation
from comptoir_payments.domain.payments import Kind, Operation, Payment
from comptoir_payments.domain.purses import KINDS
from comptoir_payments.errors import (
    PaymentMethodNotOffered,
    TooManyAttempts,
)
from comptoir_payments.events import PaymentMessage
from comptoir_payments.operations.asking import carry_out, pursue
from comptoir_payments.operations.own import authorise_own
from comptoir_payments.operations.requests import answer, begin, earlier
from comptoir_payments.providers.contract import Providers
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.ids import new_id


async def authorise_payment(
    transactions: Transactions, providers: Providers, wanted: Authorisation, request: RequestKey
) -> PaymentMessage:
    """Two short transactions around one call: written down, asked, settled.

    By a balance of ours it is one transaction. Raises `PaymentDeclined`, `PaymentAmountMismatch`,
    `ProviderUnavailable` (nothing was charged), `CardNumberRefused`, `PaymentMethodNotOffered`,
    `TooManyAttempts`.
    """
    refuse_card_numbers({"token": wanted.token, "return_url": wanted.return_url})
    try:
        method = methods.to_authorise(wanted.method, wanted.channel, wanted.currency, wanted.amount)
    except PaymentMethodNotOffered as refusal:
        # What was asked for while it was offered has its answer.
        return await _again(transactions, providers, wanted, request, refusal)
    if method.provider in KINDS:
        return await _authorise_own(transactions, wanted, method.provider, request)
    provider = providers[method.provider_among(providers)]
    try:
        # A single statement needs no transaction around it.
        async with transactions.reading() as session:
            payment = _new_payment(session, wanted, provider.name, request)
            await store.create_payment(session, payment)
    except store.RequestKnown as known:
        return await _again(transactions, providers, wanted, request, known)
    (operation,) = payment.operations
    payment = await carry_out(transactions, provider, payment, operation)
    return answer(payment, operation.id)


async def _authorise_own(
    transactions: Transactions, wanted: Authorisation, provider: str, request: RequestKey
) -> PaymentMessage:
    async def authorise(session: Session) -> Payment:
        # The token may be a code: it is used now and written down nowhere.
        kept = replace(wanted, token="")
        return await authorise_own(session, wanted, _new_payment(session, kept, provider, request))

    try:
        payment = await transactions.run(authorise)
    except (store.RequestKnown, TooManyAttempts) as known:
        payment, operation = await earlier(transactions, request, known)
        return answer(payment, operation.id)
    (operation,) = payment.operations
    return answer(payment, operation.id)


def _new_payment(
    session: Session, wanted: Authorisation, provider: str, request: RequestKey
) -> Payment:
    now = session.clock.now()
    payment_id = new_id("pay")
    account = ledger.purse_account if provider in KINDS else ledger.clearing_account
    return Payment(
        id=payment_id,
        order=wanted.order,
        payer=wanted.payer,
        amount=wanted.amount,
        currency=wanted.currency,
        method=wanted.method,
        provider=provider,
        settles_in=account(provider),
        created_at=now,
        updated_at=now,
        operations=(_asked(payment_id, new_id("pop"), wanted, request, now),),
    )


def _asked(
    payment_id: str, operation_id: str, wanted: Authorisation, request: RequestKey, now: datetime
) -> Operation:
    return Operation(
        id=operation_id,
        payment=payment_id,
        kind=Kind.AUTHORISE,
        amount=wanted.amount,
        request=request,
        created_at=now,
        next_attempt_at=now + schedule.IN_FLIGHT,
        token=wanted.token,
        return_url=wanted.return_url,
    )


async def _again(
    transactions: Transactions,
    providers: Providers,
    wanted: Authorisation,
    request: RequestKey,
    known: Exception,
) -> PaymentMessage:
    """The same request once more: told again, asked about again, or asked for the first time."""
    payment, operation = await earlier(transactions, request, known)
    if not (operation.was_never_asked or operation.is_open):
        return answer(payment, operation.id)
    # The one that was asked first, whoever is asked for new payments now.
    provider = providers[payment.provider]
    if operation.was_never_asked:
        try:
            payment = await _take_up(transactions, payment, operation, wanted)
        except store.RequestKnown:
            # Somebody else has taken it up, or given it up.
            payment, operation = await earlier(transactions, request, known)
        else:
            operation = payment.operation(operation.id)
            payment = await carry_out(transactions, provider, payment, operation)
            return answer(payment, operation.id)
    if operation.is_open:
        payment = await pursue(transactions, provider, payment, operation)
    return answer(payment, operation.id)


async def _take_up(
    transactions: Transactions, payment: Payment, operation: Operation, wanted: Authorisation
) -> Payment:
    """Writes an operation that never reached its provider down once more, under its own key."""

    async def plan(session: Session, current: Payment) -> Payment:
        now = session.clock.now()
        again = _asked(current.id, operation.id, wanted, operation.request, now)
        return await store.start_operation(session, current, again)

    return await begin(transactions, payment.id, plan)
