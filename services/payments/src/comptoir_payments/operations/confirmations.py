"""Asking how a payment stands that waited for its payer."""

from comptoir_payments import events, store
from comptoir_payments.domain.payments import Payment
from comptoir_payments.errors import PaymentNotFound
from comptoir_payments.events import PaymentMessage
from comptoir_payments.operations.asking import pursue
from comptoir_payments.providers.contract import Providers
from comptoir_runtime.auth import Kind as Caller
from comptoir_runtime.auth import Principal, require_owner
from comptoir_runtime.database import Transactions
from comptoir_runtime.errors import PermissionDenied
from comptoir_runtime.idempotency import RequestKey, recall


def is_shopper(principal: Principal | None) -> bool:
    """Whether the caller may see only what is their own."""
    return principal is None or principal.kind in (Caller.VISITOR, Caller.CUSTOMER)


def require_payer(principal: Principal | None, payment: Payment) -> None:
    """Visitors and customers see their own payments; others do not even exist for them."""
    if is_shopper(principal):
        try:
            require_owner(principal, payment.payer)
        except PermissionDenied:
            raise PaymentNotFound("no such payment") from None


async def confirm_payment(
    transactions: Transactions,
    providers: Providers,
    payment_id: str,
    principal: Principal | None,
    request: RequestKey,
) -> PaymentMessage:
    """The payment as its provider sees it now; the state tells, a decline is no error.

    A request id is optional: the answer is kept under it once it is final. Raises
    `PaymentNotFound`, also for a payment of somebody else.
    """
    stored = await recall(transactions, request) if request.key else None
    if stored is not None:
        return events.stored_answer(stored)
    async with transactions.reading() as session:
        payment = await store.get_payment(session, payment_id)
    require_payer(principal, payment)
    asked = payment.authorisation
    if asked is not None and asked.is_open:
        payment = await pursue(transactions, providers[payment.provider], payment, asked)
    message = events.payment_message(payment)
    if not request.key or payment.is_waiting:
        return message
    body = message.SerializeToString()
    kept = await transactions.run(lambda session: store.keep_answer(session, request, body))
    return events.stored_answer(kept)
