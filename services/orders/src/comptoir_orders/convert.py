"""Requests to values, placements to messages; orders and fulfilments as in the events."""

from collections.abc import Sequence

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.payments.v1 import payment_pb2
from comptoir_orders.domain.fulfilments import FulfilmentState
from comptoir_orders.domain.orders import OrderState, ReviewReason, review_reason
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.processes import Intent, PlacementData, TenderTaken, TillSale
from comptoir_orders.domain.processes import Kind as ProcessKind
from comptoir_orders.domain.tenders import TenderChoice
from comptoir_orders.errors import InvalidPayment, TendersDoNotMatch
from comptoir_orders.events import fulfilment_message, order_message
from comptoir_orders.store.fulfilments import Filter
from comptoir_orders.store.orders import Filter as OrderFilter
from comptoir_orders.store.processes import Process
from comptoir_runtime import money
from comptoir_runtime.auth import Kind, Principal
from comptoir_runtime.card_numbers import refuse_card_numbers
from comptoir_runtime.errors import Violation
from comptoir_runtime.timestamps import asked_moment, timestamp

__all__ = [
    "fulfilment_filter",
    "fulfilment_message",
    "intent_of",
    "order_filter",
    "order_message",
    "placement_message",
    "process_message",
    "review_of",
    "till_sale_of",
]

_PLACEMENT_STATES = {
    State.ACTION_REQUIRED: order_pb2.Placement.STATE_AWAITING_PAYMENT,
    State.UNKNOWN: order_pb2.Placement.STATE_PAYMENT_UNKNOWN,
    State.PLACED: order_pb2.Placement.STATE_PLACED,
    State.FAILED: order_pb2.Placement.STATE_FAILED,
    State.CANCELLED: order_pb2.Placement.STATE_CANCELLED,
}
_PROCESS_KINDS = {
    ProcessKind.PLACEMENT: order_pb2.Process.KIND_PLACEMENT,
    ProcessKind.STORE_SALE: order_pb2.Process.KIND_STORE_SALE,
    ProcessKind.CANCELLATION: order_pb2.Process.KIND_CANCELLATION,
    ProcessKind.CAPTURE: order_pb2.Process.KIND_CAPTURE,
    ProcessKind.VOID: order_pb2.Process.KIND_VOID,
}
_ORDER_STATES: dict[int, tuple[OrderState, ...]] = {
    # One that is being cancelled reads as placed until it is cancelled.
    order_pb2.Order.STATE_PLACED: (OrderState.PLACED, OrderState.CANCELLING),
    order_pb2.Order.STATE_PARTIALLY_FULFILLED: (OrderState.PARTIALLY_FULFILLED,),
    order_pb2.Order.STATE_FULFILLED: (OrderState.FULFILLED,),
    order_pb2.Order.STATE_CANCELLED: (OrderState.CANCELLED,),
}
_FULFILMENT_STATES: dict[int, FulfilmentState] = {
    order_pb2.Fulfilment.STATE_AWAITING_STOCK: FulfilmentState.AWAITING_STOCK,
    order_pb2.Fulfilment.STATE_PROPOSED: FulfilmentState.PROPOSED,
    order_pb2.Fulfilment.STATE_SHIPPED: FulfilmentState.SHIPPED,
    order_pb2.Fulfilment.STATE_READY_FOR_PICKUP: FulfilmentState.READY_FOR_PICKUP,
    order_pb2.Fulfilment.STATE_HANDED_OVER: FulfilmentState.HANDED_OVER,
    order_pb2.Fulfilment.STATE_CANCELLED: FulfilmentState.CANCELLED,
}


def order_filter(request: pb.ListOrdersRequest) -> OrderFilter:
    """Which orders a request means; whose they may be is decided elsewhere.

    Raises `InvalidFields` for what is no moment.
    """
    return OrderFilter(
        state=_ORDER_STATES.get(request.state),
        channel=request.channel or None,
        needs_review=request.needs_review,
        placed_from=asked_moment(request, "placed_from_time"),
        placed_before=asked_moment(request, "placed_before_time"),
    )


def fulfilment_filter(request: pb.ListFulfilmentsRequest) -> Filter:
    """Which fulfilments a request means."""
    return Filter(
        request.location or None, _FULFILMENT_STATES.get(request.state), request.order or None
    )


def intent_of(request: pb.PlaceOrderRequest, principal: Principal) -> Intent:
    """What the buyer asks for; staff ask on behalf of the cart's owner.

    Raises `InvalidPayment` and `CardNumberRefused`.
    """
    assists = principal.kind in (Kind.STAFF, Kind.CLIENT)
    field, chosen = _chosen(request)
    tokens = {_path(field, at, "token"): choice.token for at, choice in enumerate(chosen)}
    refuse_card_numbers({**tokens, "return_url": request.return_url})
    return Intent(
        cart=request.cart,
        cart_version=request.cart_version,
        quote=request.quote,
        tenders=_tenders(field, chosen),
        tender_currency=_one_currency(
            {choice.amount.currency for choice in chosen if choice.HasField("amount")}
        ),
        return_url=request.return_url,
        buyer="" if assists else principal.subject,
        staff=principal.subject if assists else "",
    )


def till_sale_of(request: pb.RecordStoreSaleRequest) -> TillSale:
    """The sale in minor units.

    Raises `TendersDoNotMatch` for tenders in several currencies, and `CardNumberRefused`.
    """
    tills = {f"tenders[{at}].reference": each.reference for at, each in enumerate(request.tenders)}
    refuse_card_numbers(tills)
    currency = _one_currency({tender.amount.currency for tender in request.tenders})
    return TillSale(
        location=request.location,
        customer=request.customer,
        units=tuple((line.sku, line.quantity) for line in request.lines),
        tenders=tuple(
            TenderTaken(
                tender.kind,
                money.to_minor(tender.amount, f"tenders[{at}].amount"),
                tender.reference,
            )
            for at, tender in enumerate(request.tenders)
        ),
        currency=currency,
    )


def _chosen(request: pb.PlaceOrderRequest) -> tuple[str, list[pb.PlaceOrderRequest.PaymentChoice]]:
    """The means of payment, with the name of the field they stand in."""
    if request.HasField("payment") == bool(request.payments):
        raise InvalidPayment(
            "either payment or payments must be given",
            violations=[Violation("payment", "either this or payments must be given")],
        )
    if request.payments:
        return "payments", list(request.payments)
    return "payment", [request.payment]


def _tenders(
    field: str, chosen: Sequence[pb.PlaceOrderRequest.PaymentChoice]
) -> tuple[TenderChoice, ...]:
    """With amounts in minor units, above zero; only one may leave its amount out."""
    tenders: list[TenderChoice] = []
    violations: list[Violation] = []
    for index, choice in enumerate(chosen):
        path = _path(field, index, "amount")
        amount = money.to_minor(choice.amount, path) if choice.HasField("amount") else None
        if amount is not None and amount <= 0:
            violations.append(Violation(path, "must be above zero"))
        if amount is None and any(tender.amount is None for tender in tenders):
            violations.append(Violation(path, "only one may leave its amount out"))
        tenders.append(TenderChoice(choice.method, choice.token, amount))
    if violations:
        raise InvalidPayment("the payments are not valid", violations=violations)
    return tuple(tenders)


def _path(field: str, index: int, name: str) -> str:
    return f"{field}[{index}].{name}" if field == "payments" else f"{field}.{name}"


def _one_currency(currencies: set[str]) -> str:
    """The only one; empty when there is none. Raises `TendersDoNotMatch` when there are several."""
    if len(currencies) > 1:
        raise TendersDoNotMatch(
            "the tenders are in several currencies",
            metadata={"currencies": ",".join(sorted(currencies))},
        )
    return next(iter(currencies), "")


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
        message.next_action.payment = data.tenders[data.current].payment
        message.expire_time.CopyFrom(timestamp(placement.deadline))
    if state is State.FAILED and data.refusal is not None:
        message.failure.reason = data.refusal.reason
        message.failure.message = data.refusal.message
        message.failure.metadata.update(data.refusal.metadata)
    return message


def review_of(payment: payment_pb2.Payment) -> ReviewReason | None:
    """What there is to look at of a payment as it stands."""
    given_back = [
        each.kind
        for each in payment.operations
        if each.kind in (payment_pb2.Operation.KIND_REFUND, payment_pb2.Operation.KIND_REVERSAL)
        and each.state == payment_pb2.Operation.STATE_SUCCEEDED
    ]
    return review_reason(
        disputed=payment.HasField("disputed_amount"),
        charged_back=payment.HasField("charged_back_amount"),
        refund_came_back=given_back[-1:] == [payment_pb2.Operation.KIND_REVERSAL],
    )


def process_message(process: Process) -> order_pb2.Process:
    """A process as staff see it."""
    message = order_pb2.Process(
        id=process.id,
        kind=_PROCESS_KINDS[process.kind],
        order=process.order,
        state=process.state,
        attempts=process.attempts,
        trouble=process.trouble,
        create_time=timestamp(process.created_at),
        due_time=timestamp(process.deadline),
    )
    if process.next_run_at is not None:
        message.next_run_time.CopyFrom(timestamp(process.next_run_at))
    return message
