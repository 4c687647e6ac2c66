"""What every service owes its callers."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import orjson
from google.protobuf.message import Message

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.inventory.v1 import events_pb2 as inventory_pb2
from comptoir.orders.v1 import orders_service_pb2 as pb
from comptoir.payments.v1 import events_pb2 as payments_pb2
from comptoir.payments.v1 import payment_pb2
from comptoir.type.v1 import money_pb2
from comptoir_orders.clients import PaymentStatus
from comptoir_orders.domain.processes import Kind, Step, VoidData
from comptoir_orders.domain.sourcing import Beyond
from comptoir_orders.store import processes
from comptoir_runtime import migrations
from comptoir_runtime.auth import SigningKey, public_jwk
from comptoir_testing.examples import Example
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from comptoir_testing.tokens import TokenFactory
from services.orders.tests import factories
from services.orders.tests.factories import unique
from services.orders.tests.neighbours import the_town
from services.orders.tests.stock import LYON


def _customer(tokens: TokenFactory) -> str:
    return tokens.customer("cus_test")


def _packer(tokens: TokenFactory) -> str:
    return tokens.staff("fulfilment.write")


async def _cart(harness: ServiceHarness) -> pb.PlaceOrderRequest:
    cart = f"crt_{unique()}"
    the_town().carts.add(factories.quote(cart))
    return factories.place_order(cart)


async def _order(harness: ServiceHarness, token: str = "tok_ok") -> Any:
    request = await _cart(harness)
    request.payment.token = token
    return await harness.call("PlaceOrder", request, _customer(harness.tokens))


async def _fulfilment(harness: ServiceHarness) -> str:
    placement = await _order(harness)
    request = pb.GetOrderRequest(order=placement.order)
    order = await harness.call("GetOrder", request, _customer(harness.tokens))
    fulfilment: str = order.fulfilments[0].id
    return fulfilment


async def _get_placement(harness: ServiceHarness) -> pb.GetPlacementRequest:
    return pb.GetPlacementRequest(placement=(await _order(harness)).id)


async def _cancel_placement(harness: ServiceHarness) -> pb.CancelPlacementRequest:
    placement = await _order(harness, "tok_3ds")
    return pb.CancelPlacementRequest(
        placement=placement.id, request_id=unique(), reason="changed my mind"
    )


async def _list_overdue(harness: ServiceHarness) -> pb.ListOverdueProcessesRequest:
    """Three voids that should have ended long ago, and are not tried again while the test runs."""
    began, again = datetime(2025, 1, 1, tzinfo=UTC), datetime(2125, 1, 1, tzinfo=UTC)
    async with harness.transactions() as session:
        for number in range(3):
            key = processes.own(unique())
            late = processes.new(
                Kind.VOID,
                key,
                f"ord_{number}",
                Step.STARTED,
                VoidData("pay_1"),
                began,
                began + timedelta(hours=1),
            )
            await processes.begin(session, replace(late, next_run_at=again), None)
    return pb.ListOverdueProcessesRequest()


async def _get_order(harness: ServiceHarness) -> pb.GetOrderRequest:
    return pb.GetOrderRequest(order=(await _order(harness)).order_number)


async def _watch_order(harness: ServiceHarness) -> pb.WatchOrderRequest:
    return pb.WatchOrderRequest(order=(await _order(harness)).order)


async def _list_orders(harness: ServiceHarness) -> pb.ListOrdersRequest:
    for _ in range(3):
        await _order(harness)
    return pb.ListOrdersRequest()


async def _cancel_order(harness: ServiceHarness) -> pb.CancelOrderRequest:
    placement = await _order(harness)
    return pb.CancelOrderRequest(
        order=placement.order, request_id=unique(), etag="1", reason="changed my mind"
    )


async def _record_store_sale(_: ServiceHarness) -> pb.RecordStoreSaleRequest:
    return factories.store_sale()


async def _list_fulfilments(harness: ServiceHarness) -> pb.ListFulfilmentsRequest:
    for _ in range(3):
        await _order(harness)
    return pb.ListFulfilmentsRequest()


async def _ship(harness: ServiceHarness) -> pb.ShipFulfilmentRequest:
    return pb.ShipFulfilmentRequest(
        fulfilment=await _fulfilment(harness),
        request_id=unique(),
        carrier="colissimo",
        tracking_number="6A123",
    )


async def _ready(harness: ServiceHarness) -> pb.MarkReadyForPickupRequest:
    town = the_town()
    town.stock.units["store_lyon"] = {"KETTLE": 9, "LAMP": 9}
    cart = f"crt_{unique()}"
    town.carts.add(factories.quote(cart, delivery=factories.collected_in("store_lyon"), shipping=0))
    placement = await harness.call(
        "PlaceOrder", factories.place_order(cart), _customer(harness.tokens)
    )
    order = await harness.call(
        "GetOrder", pb.GetOrderRequest(order=placement.order), _customer(harness.tokens)
    )
    return pb.MarkReadyForPickupRequest(fulfilment=order.fulfilments[0].id, request_id=unique())


async def _hand_over(harness: ServiceHarness) -> pb.HandOverRequest:
    return pb.HandOverRequest(fulfilment=await _fulfilment(harness), request_id=unique())


EXAMPLES = {
    "PlaceOrder": Example(_cart, _customer),
    "GetPlacement": Example(_get_placement, _customer),
    "CancelPlacement": Example(_cancel_placement, _customer),
    "ListOverdueProcesses": Example(_list_overdue, lambda tokens: tokens.staff("orders.read")),
    "GetOrder": Example(_get_order, _customer),
    "ListOrders": Example(_list_orders, _customer, names_owned_thing=False),
    "WatchOrder": Example(_watch_order, _customer),
    "CancelOrder": Example(_cancel_order, _customer),
    "RecordStoreSale": Example(_record_store_sale, lambda tokens: tokens.staff("sales.record")),
    "ListFulfilments": Example(_list_fulfilments, _packer),
    "ShipFulfilment": Example(_ship, _packer),
    "MarkReadyForPickup": Example(_ready, _packer),
    "HandOver": Example(_hand_over, _packer),
}


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


async def _payment_authorised(harness: ServiceHarness) -> Message:
    placement = await _order(harness, "tok_3ds")
    payment = placement.next_action.payment
    the_town().payments.settle(payment, PaymentStatus.AUTHORISED)
    return payments_pb2.PaymentAuthorised(
        payment_id=payment, payment=payment_pb2.Payment(id=payment, order=placement.order)
    )


async def _payment_failed(harness: ServiceHarness) -> Message:
    placement = await _order(harness, "tok_3ds")
    payment = placement.next_action.payment
    the_town().payments.settle(payment, PaymentStatus.ENDED, "authentication_failed")
    return payments_pb2.PaymentFailed(
        payment_id=payment, payment=payment_pb2.Payment(id=payment, order=placement.order)
    )


async def _aftermath(harness: ServiceHarness) -> payment_pb2.Payment:
    placement = await _order(harness)
    lost = money_pb2.Money(currency="EUR", amount="5.00")
    return payment_pb2.Payment(id="pay_1", order=placement.order, charged_back_amount=lost)


async def _payment_refunded(harness: ServiceHarness) -> Message:
    return payments_pb2.PaymentRefunded(payment_id="pay_1", payment=await _aftermath(harness))


async def _payment_refund_failed(harness: ServiceHarness) -> Message:
    return payments_pb2.PaymentRefundFailed(payment_id="pay_1", payment=await _aftermath(harness))


async def _payment_disputed(harness: ServiceHarness) -> Message:
    return payments_pb2.PaymentDisputed(payment_id="pay_1", payment=await _aftermath(harness))


async def _payment_dispute_closed(harness: ServiceHarness) -> Message:
    return payments_pb2.PaymentDisputeClosed(payment_id="pay_1", payment=await _aftermath(harness))


async def _reservation_covered(harness: ServiceHarness) -> Message:
    stock = the_town().stock
    stock.units, stock.beyond = {LYON: {"KETTLE": 9}}, {LYON: {"LAMP": Beyond(9)}}
    placement = await _order(harness)
    return inventory_pb2.ReservationCovered(
        reservation_id="rsv_1", owner=f"order/{placement.order}", location=LYON
    )


def _signing_key_state(_: ServiceHarness) -> Message:
    key = SigningKey.generate("k-redelivery")
    jwk = public_jwk(key)
    return customers_pb2.SigningKeyState(kid=key.kid, jwk=orjson.dumps(jwk).decode())


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type[Message], MakeEvent]] = {
        payments_pb2.PaymentAuthorised: _payment_authorised,
        payments_pb2.PaymentFailed: _payment_failed,
        payments_pb2.PaymentRefunded: _payment_refunded,
        payments_pb2.PaymentRefundFailed: _payment_refund_failed,
        payments_pb2.PaymentDisputed: _payment_disputed,
        payments_pb2.PaymentDisputeClosed: _payment_dispute_closed,
        inventory_pb2.ReservationCovered: _reservation_covered,
        customers_pb2.SigningKeyState: _signing_key_state,
    }


def test_the_tables_are_what_the_migrations_make(database_url: str) -> None:
    migrations.check("comptoir_orders", database_url)
