"""The procedures: a message in, one call, a message out."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from google.protobuf.message import Message

from comptoir.orders.v1 import order_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir_orders import convert
from comptoir_orders.clients import Carts
from comptoir_orders.operations import (
    abandoning,
    cancelling,
    fulfilling,
    overdue,
    placing,
    reading,
    selling,
    watching,
)
from comptoir_orders.operations.driving import Runner
from comptoir_runtime import idempotency, paging
from comptoir_runtime.auth import Principal
from comptoir_runtime.bus import Bus
from comptoir_runtime.errors import Unauthenticated
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc import Call, process, query, step, stream

# What a caller that waits is left with to hear the answer.
_MARGIN_SECONDS = 0.3
_LONGEST_WAIT_SECONDS = 12.0


@dataclass(frozen=True, slots=True)
class OrdersServicer:
    """Answers for `comptoir.orders.v1.OrdersService`."""

    runner: Runner
    carts: Carts
    bus: Bus
    wake: Callable[[], None]

    @process
    async def PlaceOrder(self, request: pb.PlaceOrderRequest, call: Call) -> order_pb2.Placement:
        principal = _caller(call)
        placement = await placing.place_order(
            call.transactions,
            self.runner,
            _asked(call, request),
            convert.intent_of(request, principal),
            _patience(call),
        )
        return convert.placement_message(placement)

    @query
    async def GetPlacement(
        self, request: pb.GetPlacementRequest, call: Call
    ) -> order_pb2.Placement:
        found = await reading.get_placement(call.session, call.principal, request.placement)
        return convert.placement_message(found)

    @process
    async def CancelPlacement(
        self, request: pb.CancelPlacementRequest, call: Call
    ) -> order_pb2.Placement:
        placement = await abandoning.cancel_placement(
            call.transactions,
            self.runner,
            _caller(call),
            _asked(call, request, "CancelPlacement"),
            placement_id=request.placement,
            reason=request.reason,
            patience=_patience(call),
        )
        return convert.placement_message(placement)

    @query
    async def GetOrder(self, request: pb.GetOrderRequest, call: Call) -> order_pb2.Order:
        order = await reading.get_order(call.session, call.principal, request.order)
        return convert.order_message(order)

    @query
    async def ListOrders(self, request: pb.ListOrdersRequest, call: Call) -> pb.ListOrdersResponse:
        page = paging.parse(request, paging.Moment, default=20)
        wanted = convert.order_filter(request)
        found = await reading.list_orders(
            call.session, call.principal, request.customer, wanted, page.limit, page.after
        )
        shown, token = page.cut(found, lambda order: paging.Moment(order.placed_at, order.id))
        return pb.ListOrdersResponse(
            orders=map(convert.order_message, shown), next_page_token=token
        )

    @stream
    async def WatchOrder(
        self, request: pb.WatchOrderRequest, call: Call
    ) -> AsyncIterator[order_pb2.Order]:
        changes = watching.watch_order(call.transactions, self.bus, call.principal, request.order)
        async for order in changes:
            yield convert.order_message(order)

    @process
    async def CancelOrder(self, request: pb.CancelOrderRequest, call: Call) -> order_pb2.Order:
        order = await cancelling.cancel_order(
            call.transactions,
            self.runner,
            _caller(call),
            _asked(call, request, "CancelOrder"),
            order_id=request.order,
            given_etag=request.etag,
            reason=request.reason,
            patience=_patience(call),
        )
        return convert.order_message(order)

    @process
    async def RecordStoreSale(
        self, request: pb.RecordStoreSaleRequest, call: Call
    ) -> order_pb2.Order:
        order = await selling.record_store_sale(
            call.transactions,
            self.runner,
            self.carts,
            _asked(call, request),
            convert.till_sale_of(request),
            _patience(call),
        )
        return convert.order_message(order)

    @query
    async def ListFulfilments(
        self, request: pb.ListFulfilmentsRequest, call: Call
    ) -> pb.ListFulfilmentsResponse:
        page = paging.parse(request, paging.Moment)
        found = await reading.list_fulfilments(
            call.session, convert.fulfilment_filter(request), page.limit, page.after
        )
        shown, token = page.cut(found, reading.position)
        return pb.ListFulfilmentsResponse(
            fulfilments=[convert.fulfilment_message(each.fulfilment) for each in shown],
            next_page_token=token,
        )

    @step
    async def ShipFulfilment(
        self, request: pb.ShipFulfilmentRequest, call: Call
    ) -> order_pb2.Fulfilment:
        shipped = await fulfilling.ship_fulfilment(
            call.session,
            request.fulfilment,
            request.etag,
            request.carrier,
            request.tracking_number,
            self.wake,
        )
        return convert.fulfilment_message(shipped)

    @step
    async def MarkReadyForPickup(
        self, request: pb.MarkReadyForPickupRequest, call: Call
    ) -> order_pb2.Fulfilment:
        ready = await fulfilling.mark_ready_for_pickup(
            call.session, request.fulfilment, request.etag
        )
        return convert.fulfilment_message(ready)

    @step
    async def HandOver(self, request: pb.HandOverRequest, call: Call) -> order_pb2.Fulfilment:
        handed_over = await fulfilling.hand_over(
            call.session, request.fulfilment, request.etag, self.wake
        )
        return convert.fulfilment_message(handed_over)

    @query
    async def ListOverdueProcesses(
        self, request: pb.ListOverdueProcessesRequest, call: Call
    ) -> pb.ListOverdueProcessesResponse:
        page = paging.parse(request, paging.Moment)
        found = await overdue.list_overdue(call.session, page.limit, page.after)
        shown, token = page.cut(found, lambda process: paging.Moment(process.deadline, process.id))
        return pb.ListOverdueProcessesResponse(
            processes=map(convert.process_message, shown), next_page_token=token
        )


def _caller(call: Call) -> Principal:
    if call.principal is None:  # no access option lets anonymous callers in here
        raise Unauthenticated("a token is required")
    return call.principal


def _asked(call: Call, request: Message, scope: str = "") -> RequestKey:
    """What makes a repeated request the same; where it begins a process, its kind is the scope."""
    return idempotency.key_of(scope, _caller(call).subject, request)


def _patience(call: Call) -> float:
    """How long to wait for a process to settle before answering that it is still running."""
    remaining = call.remaining
    if remaining is None:
        return _LONGEST_WAIT_SECONDS
    return min(_LONGEST_WAIT_SECONDS, max(0.0, remaining - _MARGIN_SECONDS))
