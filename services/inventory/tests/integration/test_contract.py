"""What every service owes its callers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import orjson
from google.protobuf.message import Message

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir.orders.v1 import order_pb2
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
from services.inventory.tests import factories
from services.inventory.tests.factories import key, wanted


def _orders(tokens: TokenFactory) -> str:
    return tokens.service("orders")


def _stock(tokens: TokenFactory) -> str:
    return tokens.staff("stock.write", "stock.read")


def _revoker(tokens: TokenFactory) -> str:
    return tokens.staff("reservations.revoke")


def _places(tokens: TokenFactory) -> str:
    return tokens.staff("locations.write")


async def _held(harness: ServiceHarness) -> str:
    await factories.stocked(harness, "A", 5)
    made = await factories.reserve(harness, wanted("A", 2))
    return made.id


async def _reserve(harness: ServiceHarness) -> pb.ReserveRequest:
    await factories.stocked(harness, "A", 5)
    return factories.reserve_request(wanted("A", 2))


async def _sell(harness: ServiceHarness) -> pb.SellStockRequest:
    await factories.stocked(harness, "A", 5)
    return pb.SellStockRequest(request_id=key(), owner="order/1", lines=[wanted("A", 2)])


async def _confirm(harness: ServiceHarness) -> pb.ConfirmReservationRequest:
    return pb.ConfirmReservationRequest(reservation=await _held(harness), request_id=key())


async def _release(harness: ServiceHarness) -> pb.ReleaseReservationRequest:
    return pb.ReleaseReservationRequest(reservation=await _held(harness), request_id=key())


async def _revoke(harness: ServiceHarness) -> pb.RevokeReservationRequest:
    await factories.stocked(harness, "A", 5)
    made = await factories.reserve(harness, wanted("A", 2))
    return pb.RevokeReservationRequest(
        reservation=made.id, request_id=key(), owner=made.owner, reason="held twice"
    )


async def _consume(harness: ServiceHarness) -> pb.ConsumeReservationRequest:
    return pb.ConsumeReservationRequest(
        reservation=await _held(harness), request_id=key(), reference="ful_1"
    )


async def _get(harness: ServiceHarness) -> pb.GetReservationRequest:
    return pb.GetReservationRequest(reservation=await _held(harness))


async def _receive(harness: ServiceHarness) -> pb.ReceiveStockRequest:
    await factories.create_location(harness, "lyon")
    line = pb.StockQuantity(sku="A", location="lyon", quantity=5)
    return pb.ReceiveStockRequest(request_id=key(), lines=[line], reference="note")


async def _count(harness: ServiceHarness) -> pb.CountStockRequest:
    await factories.stocked(harness, "A", 5)
    line = pb.StockQuantity(sku="A", location="lyon", quantity=4)
    return pb.CountStockRequest(request_id=key(), lines=[line], reference="count")


async def _movements(harness: ServiceHarness) -> pb.ListMovementsRequest:
    await factories.stocked(harness, "A", 5)
    for units in (1, 2):
        await factories.receive(harness, "A", "lyon", units)
    return pb.ListMovementsRequest()


async def _locations(harness: ServiceHarness) -> pb.ListLocationsRequest:
    for code in ("lyon", "nantes", "paris"):
        await factories.create_location(harness, code)
    return pb.ListLocationsRequest()


async def _update_location(harness: ServiceHarness) -> pb.UpdateLocationRequest:
    created = await factories.create_location(harness, "lyon")
    request = pb.UpdateLocationRequest(location=created, request_id=key(), etag=created.etag)
    request.location.name = "Lyon Part-Dieu"
    request.update_mask.paths.append("name")
    return request


async def _extend(harness: ServiceHarness) -> pb.ExtendReservationRequest:
    request = pb.ExtendReservationRequest(reservation=await _held(harness), request_id=key())
    request.time_to_live.FromSeconds(3600)
    return request


async def _adjust(harness: ServiceHarness) -> pb.AdjustStockRequest:
    await factories.stocked(harness, "A", 5)
    line = pb.StockDifference(sku="A", location="lyon", quantity=-2)
    reason = stock_pb2.Movement.REASON_DAMAGE
    return pb.AdjustStockRequest(request_id=key(), lines=[line], reason=reason)


async def _transfer(harness: ServiceHarness) -> pb.TransferStockRequest:
    await factories.stocked(harness, "A", 5)
    await factories.create_location(harness, "paris")
    return factories.transfer_request("A", 2, origin="lyon", destination="paris")


async def _receive_transfer(harness: ServiceHarness) -> pb.ReceiveTransferRequest:
    sent = await harness.call("TransferStock", await _transfer(harness), _stock(harness.tokens))
    return pb.ReceiveTransferRequest(transfer=sent.id, request_id=key())


async def _transfers(harness: ServiceHarness) -> pb.ListTransfersRequest:
    request = await _transfer(harness)
    for _ in range(2):
        await harness.call("TransferStock", request, _stock(harness.tokens))
        request.request_id = key()
    return pb.ListTransfersRequest()


async def _safety(harness: ServiceHarness) -> pb.SetSafetyStockRequest:
    await factories.stocked(harness, "A", 5)
    line = pb.SafetyStock(sku="A", location="lyon", quantity=2, low_stock=1)
    return pb.SetSafetyStockRequest(request_id=key(), lines=[line])


async def _policy(harness: ServiceHarness) -> pb.SetSellingPolicyRequest:
    await factories.stocked(harness, "A", 5)
    policy = stock_pb2.SellingPolicy(
        sku="A", backorder=stock_pb2.SellingPolicy.BACKORDER_NONE, max_per_order=3
    )
    request = pb.SetSellingPolicyRequest(request_id=key(), policy=policy)
    made = await harness.call("SetSellingPolicy", request, _stock(harness.tokens))
    return pb.SetSellingPolicyRequest(request_id=key(), policy=policy, etag=made.etag)


async def _supply(harness: ServiceHarness) -> pb.AnnounceSupplyRequest:
    await factories.create_location(harness, "lyon")
    return pb.AnnounceSupplyRequest(request_id=key(), supply=[factories.supply("A", 5)])


async def _supplies(harness: ServiceHarness) -> pb.ListSupplyRequest:
    await factories.create_location(harness, "lyon")
    supply = [factories.supply("A", 5, reference=f"po-{number}") for number in range(3)]
    request = pb.AnnounceSupplyRequest(request_id=key(), supply=supply)
    await harness.call("AnnounceSupply", request, _stock(harness.tokens))
    return pb.ListSupplyRequest()


async def _import(harness: ServiceHarness) -> list[Message]:
    await factories.create_location(harness, "lyon")
    return factories.import_requests(1, ("A", "lyon", 5))


async def _watch(harness: ServiceHarness) -> pb.WatchAvailabilityRequest:
    await factories.stocked(harness, "A", 5)
    return pb.WatchAvailabilityRequest(skus=["A"])


def _create_location(_: ServiceHarness) -> pb.CreateLocationRequest:
    location = stock_pb2.Location(code="lyon", kind=stock_pb2.Location.KIND_STORE, name="Lyon")
    return pb.CreateLocationRequest(request_id=key(), location=location)


EXAMPLES = {
    "GetAvailability": Example(lambda _: pb.GetAvailabilityRequest(skus=["A"])),
    "WatchAvailability": Example(_watch),
    "Reserve": Example(_reserve, token=_orders),
    "ConfirmReservation": Example(_confirm, token=_orders),
    "ReleaseReservation": Example(_release, token=_orders),
    "RevokeReservation": Example(_revoke, token=_revoker),
    "ConsumeReservation": Example(_consume, token=_orders),
    "GetReservation": Example(_get, token=_orders),
    "ReceiveStock": Example(_receive, token=_stock),
    "CountStock": Example(_count, token=_stock),
    "SellStock": Example(_sell, token=_orders),
    "ExtendReservation": Example(_extend, token=_orders),
    "AdjustStock": Example(_adjust, token=_stock),
    "TransferStock": Example(_transfer, token=_stock),
    "ReceiveTransfer": Example(_receive_transfer, token=_stock),
    "ListTransfers": Example(_transfers, token=_stock),
    "SetSafetyStock": Example(_safety, token=_stock),
    "SetSellingPolicy": Example(_policy, token=_stock),
    "AnnounceSupply": Example(_supply, token=_stock),
    "ListSupply": Example(_supplies, token=_stock),
    "ImportStock": Example(_import, token=_stock),
    "GetStockDifferences": Example(lambda _: pb.GetStockDifferencesRequest(), token=_stock),
    "ListMovements": Example(_movements, token=_stock),
    "CreateLocation": Example(_create_location, token=_places),
    "UpdateLocation": Example(_update_location, token=_places),
    "ListLocations": Example(_locations),
}


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


def _signing_key(_: ServiceHarness) -> customers_pb2.SigningKeyState:
    signing = SigningKey.generate("key-of-today")
    return customers_pb2.SigningKeyState(
        kid="key-of-today", jwk=orjson.dumps(public_jwk(signing)).decode()
    )


async def _placed(harness: ServiceHarness) -> orders_pb2.OrderPlaced:
    return orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=await _held(harness))


def _fulfilment() -> order_pb2.Fulfilment:
    return order_pb2.Fulfilment(
        id="ful_1",
        location="lyon",
        mode=order_pb2.Fulfilment.MODE_SHIP,
        lines=[order_pb2.FulfilmentLine(line="lin_1", sku="A", quantity=1)],
    )


async def _shipped(harness: ServiceHarness) -> orders_pb2.FulfilmentShipped:
    return orders_pb2.FulfilmentShipped(
        order_id="ord_1", reservation_id=await _held(harness), fulfilment=_fulfilment()
    )


async def _handed_over(harness: ServiceHarness) -> orders_pb2.FulfilmentHandedOver:
    return orders_pb2.FulfilmentHandedOver(
        order_id="ord_1", reservation_id=await _held(harness), fulfilment=_fulfilment()
    )


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type[Message], MakeEvent]] = {
        customers_pb2.SigningKeyState: _signing_key,
        orders_pb2.OrderPlaced: _placed,
        orders_pb2.FulfilmentShipped: _shipped,
        orders_pb2.FulfilmentHandedOver: _handed_over,
    }


class TestMigrations:
    def test_tables_and_database_are_the_same(self, database_url: str) -> None:
        migrations.check("comptoir_inventory", database_url)
