"""Money that a till has taken: recorded at once, as there is nobody to ask."""

from datetime import datetime

from comptoir_payments import store
from comptoir_payments.domain import ledger
from comptoir_payments.domain.instructions import Taking
from comptoir_payments.domain.payments import Kind, Payment, State, new_operation
from comptoir_payments.domain.reports import Report, Status
from comptoir_payments.domain.settlements import settle
from comptoir_payments.events import PaymentMessage
from comptoir_payments.operations.asking import write
from comptoir_payments.operations.requests import answer, earlier
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.ids import new_id

PROVIDER = "till"


async def record_till_payment(
    transactions: Transactions, taking: Taking, request: RequestKey
) -> PaymentMessage:
    """A payment that is captured from the start. Raises `CardNumberRefused`."""
    refuse_card_numbers({"reference": taking.reference})
    operation_id = new_id("pop")
    try:
        payment = await transactions.run(
            lambda session: _record(session, taking, operation_id, request)
        )
    except store.RequestKnown as known:
        payment, operation = await earlier(transactions, request, known)
        return answer(payment, operation.id)
    return answer(payment, operation_id)


async def _record(
    session: Session, taking: Taking, operation_id: str, request: RequestKey
) -> Payment:
    now = session.clock.now()
    payment = _promised(taking, now)
    operation = new_operation(
        payment, Kind.CAPTURE, taking.amount, operation_id=operation_id, request=request, now=now
    )
    payment = payment.having(operation)
    await store.create_payment(session, payment)
    return await write(session, settle(payment, operation, _word(payment, taking), now))


def _promised(taking: Taking, now: datetime) -> Payment:
    """As an authorised payment whose capture is under way, so that one rule settles both."""
    return Payment(
        id=new_id("pay"),
        order=taking.order,
        payer=taking.payer,
        amount=taking.amount,
        currency=taking.currency,
        method=taking.tender,
        provider=PROVIDER,
        settles_in=ledger.till_account(taking.tender, taking.location),
        created_at=now,
        updated_at=now,
        state=State.AUTHORISED,
        authorised=taking.amount,
        capturing=taking.amount,
        display=taking.reference,
    )


def _word(payment: Payment, taking: Taking) -> Report:
    return Report(
        payment=payment.id,
        reference="",
        status=Status.APPROVED,
        currency=payment.currency,
        operation=taking.reference,
        moved=payment.amount,
    )
