"""Neighbours' events: a message in, one call."""

from collections.abc import Callable
from datetime import UTC
from typing import TypeAlias

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.inventory.v1 import events_pb2 as inventory_pb2
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir_orders import convert
from comptoir_orders.operations import arriving, news
from comptoir_runtime import auth
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session

_Aftermath: TypeAlias = (
    payments_pb2.PaymentRefunded
    | payments_pb2.PaymentRefundFailed
    | payments_pb2.PaymentDisputed
    | payments_pb2.PaymentDisputeClosed
)


class Subscribers:
    """What this service wants to know of its neighbours."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake

    def subscriptions(self) -> list[Subscription]:
        """Handlers by producer."""
        return [
            Subscription(
                "payments",
                {
                    payments_pb2.PaymentAuthorised: self.payment_authorised,
                    payments_pb2.PaymentFailed: self.payment_failed,
                    payments_pb2.PaymentRefunded: self.payment_changed,
                    payments_pb2.PaymentRefundFailed: self.payment_changed,
                    payments_pb2.PaymentDisputed: self.payment_changed,
                    payments_pb2.PaymentDisputeClosed: self.payment_changed,
                },
            ),
            Subscription("inventory", {inventory_pb2.ReservationCovered: self.reservation_covered}),
            Subscription("customers", {customers_pb2.SigningKeyState: self.signing_key_state}),
        ]

    async def payment_authorised(
        self, session: Session, event: payments_pb2.PaymentAuthorised
    ) -> None:
        """The payer came back, or a lost answer was found."""
        await news.payment_authorised(session, event.payment.order, event.payment_id, self._wake)

    async def payment_failed(self, session: Session, event: payments_pb2.PaymentFailed) -> None:
        """The provider said no."""
        await news.payment_settled(session, event.payment.order, self._wake)

    async def payment_changed(self, session: Session, event: _Aftermath) -> None:
        """A refund came back or was made again, a dispute began or ended."""
        payment = event.payment
        reason = convert.review_of(payment)
        await news.payment_reviewed(session, payment.order, payment.id, payment.version, reason)

    async def reservation_covered(
        self, session: Session, event: inventory_pb2.ReservationCovered
    ) -> None:
        """Goods that an order waits for have come; promises to others are none of ours."""
        kind, _, order = event.owner.partition("/")
        if kind == "order":
            await arriving.stock_arrived(session, order, event.location)

    async def signing_key_state(
        self, session: Session, event: customers_pb2.SigningKeyState
    ) -> None:
        """Trusts the tokens a key signs until it is retired."""
        retired = event.HasField("retire_time")
        expires = event.retire_time.ToDatetime(tzinfo=UTC) if retired else None
        await auth.remember_key(session, event.kid, event.jwk, expires)
