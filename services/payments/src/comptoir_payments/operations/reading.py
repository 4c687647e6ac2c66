"""What payments tells without changing anything."""

from datetime import datetime

from comptoir_payments import store
from comptoir_payments.domain import methods
from comptoir_payments.domain.ledger import Balance
from comptoir_payments.domain.methods import Method
from comptoir_payments.domain.payments import Payment
from comptoir_payments.operations.confirmations import require_payer
from comptoir_payments.providers.contract import Providers
from comptoir_runtime.auth import Principal
from comptoir_runtime.database import Session

DEFAULT_CHANNEL, DEFAULT_COUNTRY, DEFAULT_CURRENCY = "web", "FR", "EUR"


def list_payment_methods(
    channel: str, country: str, currency: str, amount: int | None, providers: Providers
) -> tuple[Method, ...]:
    """The means of payment offered; empty parameters take their defaults."""
    return methods.offered(
        channel or DEFAULT_CHANNEL,
        country or DEFAULT_COUNTRY,
        currency or DEFAULT_CURRENCY,
        amount,
        providers,
    )


async def get_payment(session: Session, payment_id: str, principal: Principal | None) -> Payment:
    """Raises `PaymentNotFound`, also for a payment of somebody else."""
    payment = await store.get_payment(session, payment_id)
    require_payer(principal, payment)
    return payment


async def list_payments(session: Session, order: str, before: str, limit: int) -> list[Payment]:
    """Newest first; of one order unless it is empty."""
    return await store.newest_payments(session, order, before, limit)


async def trial_balance(
    session: Session, currency: str, at: datetime | None
) -> tuple[list[Balance], str, datetime]:
    """What every account of a currency held at a moment, now when None."""
    currency = currency or DEFAULT_CURRENCY
    moment = session.clock.now() if at is None else at
    return await store.balances(session, currency, moment), currency, moment
