"""Orders and fulfilments as messages, and the facts that carry them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from comptoir.orders.v1 import events_pb2, order_pb2
from comptoir.type.v1 import money_pb2
from comptoir_orders.domain.fulfilments import Fulfilment, FulfilmentMode, FulfilmentState
from comptoir_orders.domain.orders import Order, OrderLine, OrderState, ReviewReason, Totals
from comptoir_runtime import etag, money
from comptoir_runtime.addresses import address_message
from comptoir_runtime.bus import Bus, signals
from comptoir_runtime.timestamps import timestamp, timestamp_or_none

_ORDER_STATES = {
    OrderState.PLACED: order_pb2.Order.STATE_PLACED,
    # Being cancelled is nothing yet: it may still be found impossible.
    OrderState.CANCELLING: order_pb2.Order.STATE_PLACED,
    OrderState.PARTIALLY_FULFILLED: order_pb2.Order.STATE_PARTIALLY_FULFILLED,
    OrderState.FULFILLED: order_pb2.Order.STATE_FULFILLED,
    OrderState.CANCELLED: order_pb2.Order.STATE_CANCELLED,
}
_FULFILMENT_STATES = {
    FulfilmentState.AWAITING_STOCK: order_pb2.Fulfilment.STATE_AWAITING_STOCK,
    FulfilmentState.PROPOSED: order_pb2.Fulfilment.STATE_PROPOSED,
    FulfilmentState.SHIPPED: order_pb2.Fulfilment.STATE_SHIPPED,
    FulfilmentState.READY_FOR_PICKUP: order_pb2.Fulfilment.STATE_READY_FOR_PICKUP,
    FulfilmentState.HANDED_OVER: order_pb2.Fulfilment.STATE_HANDED_OVER,
    FulfilmentState.CANCELLED: order_pb2.Fulfilment.STATE_CANCELLED,
}
_REVIEWS = {
    each: order_pb2.OrderReview.Reason.Value(f"REASON_{each.name}") for each in ReviewReason
}
_MODES = {
    FulfilmentMode.SHIP: order_pb2.Fulfilment.MODE_SHIP,
    FulfilmentMode.PICK_UP: order_pb2.Fulfilment.MODE_PICK_UP,
    FulfilmentMode.COUNTER: order_pb2.Fulfilment.MODE_COUNTER,
}


def order_placed(order: Order) -> events_pb2.OrderPlaced:
    return events_pb2.OrderPlaced(
        order_id=order.id,
        order=order_message(order),
        placement_id=order.content.placement,
        reservation_id=order.content.reservation,
    )


def order_cancelled(order: Order) -> events_pb2.OrderCancelled:
    return events_pb2.OrderCancelled(order_id=order.id, order=order_message(order))


def fulfilment_left(
    order: Order, fulfilment: Fulfilment
) -> events_pb2.FulfilmentShipped | events_pb2.FulfilmentHandedOver:
    """Shipped or handed over, by its state."""
    shipped = fulfilment.state is FulfilmentState.SHIPPED
    message = events_pb2.FulfilmentShipped if shipped else events_pb2.FulfilmentHandedOver
    return message(
        order_id=order.id,
        fulfilment=fulfilment_message(fulfilment),
        customer=order.customer,
        order_number=order.number,
        reservation_id=order.content.reservation,
    )


def order_changed(order_id: str, version: int) -> events_pb2.OrderChanged:
    return events_pb2.OrderChanged(order_id=order_id, etag=etag.of(version))


def order_message(order: Order) -> order_pb2.Order:
    """The order as the world sees it."""
    content, currency = order.content, order.currency
    message = order_pb2.Order(
        id=order.id,
        number=order.number,
        etag=etag.of(order.version),
        state=_ORDER_STATES[order.state],
        channel=order.channel,
        customer=order.customer,
        currency=currency,
        lines=[_line(line, currency) for line in content.lines],
        totals=_totals(content.totals, currency),
        location=content.delivery.location,
        shipping_method=content.delivery.shipping_method,
        fulfilments=[fulfilment_message(each) for each in order.fulfilments],
        payments=content.payments,
        captured=money.from_minor(order.captured, currency),
        coupons=content.coupons,
        cart=order.cart,
        place_time=timestamp(order.placed_at),
        update_time=timestamp(order.updated_at),
        cancel_reason=order.cancel_reason,
        staff=content.staff,
        reviews=[
            order_pb2.OrderReview(payment=payment, reason=_REVIEWS[reason])
            for payment, reason in order.reviews
        ],
    )
    if content.delivery.address is not None:
        message.shipping_address.CopyFrom(address_message(content.delivery.address))
    return message


def fulfilment_message(fulfilment: Fulfilment) -> order_pb2.Fulfilment:
    """The fulfilment as the world sees it."""
    left, expected = fulfilment.fulfilled_at, fulfilment.expected_at
    return order_pb2.Fulfilment(
        id=fulfilment.id,
        order=fulfilment.order,
        location=fulfilment.location,
        state=_FULFILMENT_STATES[fulfilment.state],
        mode=_MODES[fulfilment.mode],
        lines=[
            order_pb2.FulfilmentLine(line=each.line, sku=each.sku, quantity=each.quantity)
            for each in fulfilment.lines
        ],
        carrier=fulfilment.carrier,
        tracking_number=fulfilment.tracking_number,
        amount=money.from_minor(fulfilment.amount, fulfilment.currency),
        fulfil_time=timestamp_or_none(left),
        etag=etag.of(fulfilment.version),
        expected_time=timestamp_or_none(expected),
    )


def _line(line: OrderLine, currency: str) -> order_pb2.OrderLine:
    unit_price, discount, total, tax = _amounts(
        currency, (line.unit_price, line.discount, line.total, line.tax)
    )
    return order_pb2.OrderLine(
        id=line.id,
        sku=line.sku,
        name=line.name,
        quantity=line.quantity,
        unit_price=unit_price,
        discount=discount,
        total=total,
        tax=tax,
        tax_rate=line.tax_rate,
    )


def _totals(totals: Totals, currency: str) -> order_pb2.OrderTotals:
    subtotal, discount, shipping, tax, total = _amounts(
        currency, (totals.subtotal, totals.discount, totals.shipping, totals.tax, totals.total)
    )
    return order_pb2.OrderTotals(
        subtotal=subtotal, discount=discount, shipping=shipping, tax=tax, total=total
    )


def _amounts(currency: str, minors: Iterable[int]) -> list[money_pb2.Money]:
    return [money.from_minor(minor, currency) for minor in minors]


@asynccontextmanager
async def changes_of(bus: Bus, order_id: str) -> AsyncIterator[asyncio.Event]:
    """An event that is set each time the order may have changed; whoever waits clears it."""
    woken = asyncio.Event()
    listener = signals(bus, events_pb2.OrderChanged, order_id, callback=lambda _: woken.set())
    try:
        yield woken
    finally:
        await listener.close()
