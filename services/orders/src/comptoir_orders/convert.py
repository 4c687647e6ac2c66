"""Requests to values, placements to messages; orders and fulfilments as in the events."""

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_orders.domain.fulfilments import FulfilmentState
from comptoir_orders.domain.orders import OrderState
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.processes import Intent, PlacementData, TenderTaken, TillSale
from comptoir_orders.errors import TendersDoNotMatch
from comptoir_orders.events import fulfilment_message, order_message, timestamp
from comptoir_orders.store.fulfilments import Filter
from comptoir_orders.store.processes import Process
from comptoir_runtime import money
from comptoir_runtime.auth import Kind, Principal

__all__ = [
    "fulfilment_filter",
    "fulfilment_message",
    "intent_of",
    "order_message",
    "order_states",
    "placement_message",
    "till_sale_of",
]

_PLACEMENT_STATES = {
    State.ACTION_REQUIRED: order_pb2.Placement.STATE_AWAITING_PAYMENT,
    State.UNKNOWN: order_pb2.Placement.STATE_PAYMENT_UNKNOWN,
    State.PLACED: order_pb2.Placement.STATE_PLACED,
    State.FAILED: order_pb2.Placement.STATE_FAILED,
    State.CANCELLED: order_pb2.Placement.STATE_CANCELLED,
}
_ORDER_STATES: dict[int, tuple[OrderState, ...]] = {
    # One that is being cancelled reads as placed until it is cancelled.
    order_pb2.Order.STATE_PLACED: (OrderState.PLACED, OrderState.CANCELLING),
    order_pb2.Order.STATE_PARTIALLY_FULFILLED: (OrderState.PARTIALLY_FULFILLED,),
    order_pb2.Order.STATE_FULFILLED: (OrderState.FULFILLED,),
    order_pb2.Order.STATE_CANCELLED: (OrderState.CANCELLED,),
}
_FULFILMENT_STATES: dict[int, FulfilmentState] = {
    order_pb2.Fulfilment.STATE_PROPOSED: FulfilmentState.PROPOSED,
    order_pb2.Fulfilment.STATE_SHIPPED: FulfilmentState.SHIPPED,
    order_pb2.Fulfilment.STATE_READY_FOR_PICKUP: FulfilmentState.READY_FOR_PICKUP,
    order_pb2.Fulfilment.STATE_HANDED_OVER: FulfilmentState.HANDED_OVER,
    order_pb2.Fulfilment.STATE_CANCELLED: FulfilmentState.CANCELLED,
}


def order_states(state: int) -> tuple[OrderState, ...] | None:
    """The states a filter means; None for all."""
    return _ORDER_STATES.get(state)


def fulfilment_filter(request: pb.ListFulfilmentsRequest) -> Filter:
    """Which fulfilments a request means."""
    return Filter(
        request.location or None, _FULFILMENT_STATES.get(request.state), request.order or None
    )


def intent_of(request: pb.PlaceOrderRequest, principal: Principal) -> Intent:
    """What the buyer asks for; staff ask on behalf of the cart's owner."""
    assists = principal.kind in (Kind.STAFF, Kind.CLIENT)
    return Intent(
        cart=request.cart,
        cart_version=request.cart_version,
        quote=request.quote,
        method=request.payment.method,
        token=request.payment.token,
        return_url=request.return_url,
        buyer="" if assists else principal.subject,
        staff=principal.subject if assists else "",
    )


def till_sale_of(request: pb.RecordStoreSaleRequest) -> TillSale:
    """The sale in minor units. Raises `TendersDoNotMatch` for tenders in several currencies."""
    currencies = {tender.amount.currency for tender in request.tenders}
    if len(currencies) != 1:
        raise TendersDoNotMatch(
            "the tenders are in several currencies",
            metadata={"currencies": ",".join(sorted(currencies))},
        )
    return TillSale(
        location=request.location,
        customer=request.customer,
        units=tuple((line.sku, line.quantity) for line in request.lines),
        tenders=tuple(
            TenderTaken(tender.kind, money.to_minor(tender.amount), tender.reference)
            for tender in request.tenders
        ),
        currency=currencies.pop(),
    )


def placement_message(placement: Process) -> order_pb2.Placement:
    """The placement as the buyer sees it."""
    data: PlacementData = placement.document
    state = State(placement.state)
    message = order_pb2.Placement(
        id=placement.id,
        state=_PLACEMENT_STATES.get(state, order_pb2.Placement.STATE_RUNNING),
        order=placement.order,
        order_number=data.number,
        create_time=timestamp(placement.created_at),
    )
    if data.currency:
        message.total.CopyFrom(money.from_minor(data.total, data.currency))
    if state is State.ACTION_REQUIRED:
        message.next_action.redirect_url = data.action_url
        message.next_action.payment = data.payment
        message.expire_time.CopyFrom(timestamp(placement.deadline))
    if state is State.FAILED and data.refusal is not None:
        message.failure.reason = data.refusal.reason
        message.failure.message = data.refusal.message
        message.failure.metadata.update(data.refusal.metadata)
    return message
