"""The service as it is deployed, its neighbours behind real channels."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from comptoir.cart.v1 import cart_pb2, cart_service_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as inventory_pb2
from comptoir.inventory.v1 import stock_pb2
from comptoir.orders.v1 import order_pb2
from comptoir.payments.v1 import payment_pb2, payments_service_pb2
from comptoir_orders.__main__ import build
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.errors import (
    STATUS_DETAILS_KEY,
    FailedPrecondition,
    Failure,
    RemoteFailure,
    to_status,
)
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from comptoir_testing.tokens import TokenFactory
from services.orders.tests import factories
from services.orders.tests.conftest import SERVICE
from services.orders.tests.factories import euros

Answer = Callable[[Any], Message]


class Neighbours:
    """Three services on one port: answers by procedure, and what they were asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: dict[str, Any] = {}
        self._server = grpc.aio.server()
        for service in (
            cart_service_pb2.DESCRIPTOR.services_by_name["CartService"],
            inventory_pb2.DESCRIPTOR.services_by_name["InventoryService"],
            payments_service_pb2.DESCRIPTOR.services_by_name["PaymentsService"],
        ):
            self._server.add_generic_rpc_handlers((self._handlers(service),))

    async def start(self) -> str:
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return f"dns:///127.0.0.1:{port}"

    async def stop(self) -> None:
        await self._server.stop(0)

    def _handlers(self, service: ServiceDescriptor) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            service.full_name, {each.name: self._handler(each) for each in service.methods}
        )

    def _handler(self, method: MethodDescriptor) -> "grpc.RpcMethodHandler[Any, Any]":
        parse = GetMessageClass(method.input_type).FromString

        async def handle(payload: bytes, context: "grpc.aio.ServicerContext[Any, Any]") -> bytes:
            request = self.asked[method.name] = parse(payload)
            try:
                return self.answers[method.name](request).SerializeToString()
            except Failure as failure:
                details = to_status(failure, "comptoir.neighbour").SerializeToString()
                context.set_trailing_metadata(((STATUS_DETAILS_KEY, details),))
                context.set_code(failure.status)
                context.set_details(failure.message)
                return b""

        return grpc.unary_unary_rpc_method_handler(handle)


@pytest.fixture
async def neighbours() -> AsyncIterator[Neighbours]:
    made = Neighbours()
    made.answers = {
        "LockForCheckout": _quote,
        "Unlock": lambda request: cart_pb2.Cart(id=request.cart),
        "GetAvailability": _availability,
        "ListLocations": lambda _: inventory_pb2.ListLocationsResponse(),
        "Reserve": lambda request: stock_pb2.Reservation(id="rsv_1", owner=request.owner),
        "ConfirmReservation": lambda _: stock_pb2.Reservation(id="rsv_1"),
        "ReleaseReservation": lambda _: stock_pb2.Reservation(id="rsv_1"),
        "AuthorisePayment": _authorised,
    }
    yield made
    await made.stop()


@pytest.fixture
async def harness(
    neighbours: Neighbours,
    database_url: str,
    clean_nats: str,
    clock: ManualClock,
    tokens: TokenFactory,
) -> AsyncIterator[ServiceHarness]:
    target = await neighbours.start()
    names = ("CART_TARGET", "INVENTORY_TARGET", "PAYMENTS_TARGET")
    deployed: ServiceUnderTest = replace(
        SERVICE, build=build, environment=dict.fromkeys(names, target)
    )
    async with ServiceHarness(
        deployed, database_url=database_url, nats_url=clean_nats, clock=clock, tokens=tokens
    ) as running:
        yield running


def _quote(request: cart_service_pb2.LockForCheckoutRequest) -> cart_pb2.Quote:
    line = cart_pb2.CartLine(
        id="lin_1",
        sku="KETTLE",
        name="Bouilloire",
        quantity=2,
        unit_price=euros("25.00"),
        total=euros("50.00"),
    )
    totals = cart_pb2.Totals(subtotal=euros("50.00"), shipping=euros("4.90"), total=euros("54.90"))
    delivery = cart_pb2.Delivery(mode=cart_pb2.Delivery.MODE_SHIP, shipping_method="standard")
    cart = cart_pb2.Cart(
        id=request.cart,
        owner="cus_test",
        channel="web",
        currency="EUR",
        lines=[line],
        totals=totals,
        delivery=delivery,
    )
    return cart_pb2.Quote(fingerprint=request.quote, cart=cart)


def _availability(_: object) -> inventory_pb2.GetAvailabilityResponse:
    level = stock_pb2.StockLevel(location="LYON", available=9)
    return inventory_pb2.GetAvailabilityResponse(
        availability=[stock_pb2.Availability(sku="KETTLE", levels=[level])]
    )


def _authorised(request: payments_service_pb2.AuthorisePaymentRequest) -> payment_pb2.Payment:
    return payment_pb2.Payment(
        id="pay_1",
        order=request.order,
        state=payment_pb2.Payment.STATE_AUTHORISED,
        amount=request.amount,
        authorised_amount=request.amount,
    )


def _declined(_: object) -> Message:
    raise RemoteFailure(
        "declined",
        reason="PAYMENT_DECLINED",
        status=FailedPrecondition.status,
        domain="comptoir.payments",
        metadata={"decline_code": "insufficient_funds", "retryable": "true"},
    )


async def test_an_order_through_real_channels(
    harness: ServiceHarness, neighbours: Neighbours
) -> None:
    placement = await harness.call(
        "PlaceOrder", factories.place_order(), harness.tokens.customer("cus_test")
    )

    assert placement.state == order_pb2.Placement.STATE_PLACED
    asked = neighbours.asked
    assert (asked["LockForCheckout"].checkout, asked["LockForCheckout"].buyer) == (
        placement.id,
        "cus_test",
    )
    assert (asked["Reserve"].request_id, asked["Reserve"].owner) == (
        f"{placement.id}/reserve/1/web",
        f"order/{placement.order}",
    )
    assert asked["Reserve"].time_to_live.seconds == 1800
    assert (asked["GetAvailability"].channel, asked["Reserve"].channel) == ("web", "web")
    assert asked["AuthorisePayment"].request_id == f"{placement.id}/authorise"
    assert asked["AuthorisePayment"].amount == euros("54.90")
    assert asked["AuthorisePayment"].payer == "cus_test"
    assert asked["AuthorisePayment"].channel == "web"
    assert asked["ConfirmReservation"].reservation == "rsv_1"


async def test_a_decline_comes_through_and_everything_is_given_back(
    harness: ServiceHarness, neighbours: Neighbours
) -> None:
    neighbours.answers["AuthorisePayment"] = _declined

    with pytest.raises(RemoteFailure) as refused:
        await harness.call(
            "PlaceOrder", factories.place_order(), harness.tokens.customer("cus_test")
        )

    assert (refused.value.reason, refused.value.domain, refused.value.metadata) == (
        "PAYMENT_DECLINED",
        "comptoir.payments",
        {"decline_code": "insufficient_funds", "retryable": "true"},
    )
    assert neighbours.asked["ReleaseReservation"].reservation == "rsv_1"
    assert neighbours.asked["Unlock"].cart == "crt_1"
