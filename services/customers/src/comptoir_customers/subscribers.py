"""Neighbours' events: a message in, one call."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.cart.v1 import events_pb2 as cart_pb2
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir_customers.domain.timeline import Touch, TouchKind
from comptoir_customers.operations import timeline
from comptoir_runtime.bus import Subscription
from comptoir_runtime.database import Session
from comptoir_runtime.ids import new_id
from comptoir_runtime.money import to_minor
from comptoir_runtime.timestamps import moment_of

MoneyMoved = (
    payments_pb2.PaymentCaptured
    | payments_pb2.PaymentRefunded
    | payments_pb2.PaymentRefundFailed
    | payments_pb2.PaymentDisputed
    | payments_pb2.PaymentDisputeClosed
)


def subscriptions() -> list[Subscription]:
    """What this service wants to know of its neighbours."""
    return [
        Subscription(
            "cart", {cart_pb2.CartCreated: cart_created, cart_pb2.CartClaimed: cart_claimed}
        ),
        Subscription(
            "orders",
            {
                orders_pb2.OrderPlaced: order_placed,
                orders_pb2.OrderCancelled: order_cancelled,
                orders_pb2.FulfilmentShipped: fulfilment_shipped,
                orders_pb2.FulfilmentHandedOver: fulfilment_handed_over,
            },
        ),
        Subscription(
            "payments",
            {
                payments_pb2.PaymentCaptured: payment_captured,
                payments_pb2.PaymentRefunded: payment_refunded,
                payments_pb2.PaymentRefundFailed: refund_failed,
                payments_pb2.PaymentDisputed: payment_disputed,
                payments_pb2.PaymentDisputeClosed: dispute_closed,
            },
        ),
    ]


async def cart_created(session: Session, event: cart_pb2.CartCreated) -> None:
    """A cart was begun, by a visitor or a customer."""
    touch = Touch(
        new_id("tch"),
        event.owner,
        TouchKind.CART,
        moment_of(event.create_time),
        channel=event.channel,
        reference=event.cart_id,
    )
    timeline.remember(session, touch)


async def cart_claimed(session: Session, event: cart_pb2.CartClaimed) -> None:
    """A visitor turned out to be a customer."""
    timeline.claim(session, event.former_owner, event.owner)


async def order_placed(session: Session, event: orders_pb2.OrderPlaced) -> None:
    """An order stands; one without a cart was sold at a till."""
    kind = TouchKind.ORDER_PLACED if event.order.cart else TouchKind.STORE_SALE
    timeline.remember(session, _order_touch(kind, event.order, event.order.place_time))


async def order_cancelled(session: Session, event: orders_pb2.OrderCancelled) -> None:
    """An order was called off."""
    touch = _order_touch(TouchKind.ORDER_CANCELLED, event.order, event.order.update_time)
    timeline.remember(session, touch)


async def fulfilment_shipped(session: Session, event: orders_pb2.FulfilmentShipped) -> None:
    """Goods are with the carrier."""
    timeline.remember(session, _goods_touch(TouchKind.SHIPPED, event))


async def fulfilment_handed_over(session: Session, event: orders_pb2.FulfilmentHandedOver) -> None:
    """Goods are in the customer's hands."""
    timeline.remember(session, _goods_touch(TouchKind.HANDED_OVER, event))


async def payment_captured(session: Session, event: payments_pb2.PaymentCaptured) -> None:
    """Money was taken."""
    timeline.remember(session, _money_touch(TouchKind.PAID, event))


async def payment_refunded(session: Session, event: payments_pb2.PaymentRefunded) -> None:
    """Money was given back."""
    timeline.remember(session, _money_touch(TouchKind.REFUNDED, event))


async def refund_failed(session: Session, event: payments_pb2.PaymentRefundFailed) -> None:
    """Money that was given back has come back, and is still owed."""
    timeline.remember(session, _money_touch(TouchKind.REFUND_FAILED, event))


async def payment_disputed(session: Session, event: payments_pb2.PaymentDisputed) -> None:
    """The payer's bank has taken an amount back."""
    timeline.remember(session, _money_touch(TouchKind.PAYMENT_DISPUTED, event))


async def dispute_closed(session: Session, event: payments_pb2.PaymentDisputeClosed) -> None:
    """The payer's bank has decided."""
    kind = TouchKind.DISPUTE_WON if event.won else TouchKind.DISPUTE_LOST
    timeline.remember(session, _money_touch(kind, event))


def _order_touch(kind: TouchKind, order: order_pb2.Order, moment: Timestamp) -> Touch:
    return Touch(
        new_id("tch"),
        order.customer,
        kind,
        moment_of(moment),
        channel=order.channel,
        reference=order.id,
        order_number=order.number,
        amount=to_minor(order.totals.total),
        currency=order.currency,
        location=order.location,
    )


def _goods_touch(
    kind: TouchKind, event: orders_pb2.FulfilmentShipped | orders_pb2.FulfilmentHandedOver
) -> Touch:
    fulfilment = event.fulfilment
    return Touch(
        new_id("tch"),
        event.customer,
        kind,
        moment_of(fulfilment.fulfil_time),
        reference=event.order_id,
        order_number=event.order_number,
        location=fulfilment.location,
    )


def _money_touch(kind: TouchKind, event: MoneyMoved) -> Touch:
    payment = event.payment
    return Touch(
        new_id("tch"),
        payment.payer,
        kind,
        moment_of(payment.update_time),
        reference=payment.order,
        amount=to_minor(event.amount),
        currency=event.amount.currency,
    )
