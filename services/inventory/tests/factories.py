"""Stock and promises to test with."""

from __future__ import annotations

from uuid import uuid4

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory.operations.stock import check_movements
from comptoir_testing.harness import ServiceHarness

WRITER = "stock.write"


def key() -> str:
    """A fresh request id."""
    return uuid4().hex


async def create_location(
    harness: ServiceHarness,
    code: str,
    *,
    kind: stock_pb2.Location.Kind.ValueType = stock_pb2.Location.KIND_STORE,
    active: bool = True,
) -> stock_pb2.Location:
    """A location that ships and hands over."""
    location = stock_pb2.Location(
        code=code, kind=kind, name=code, can_ship=True, can_pick_up=True, active=active
    )
    created: stock_pb2.Location = await harness.call(
        "CreateLocation",
        pb.CreateLocationRequest(request_id=key(), location=location),
        harness.tokens.staff("locations.write"),
    )
    return created


async def receive(harness: ServiceHarness, sku: str, location: str, units: int) -> None:
    """Units that came in."""
    line = pb.StockQuantity(sku=sku, location=location, quantity=units)
    request = pb.ReceiveStockRequest(request_id=key(), lines=[line])
    await harness.call("ReceiveStock", request, harness.tokens.staff(WRITER))


async def stocked(harness: ServiceHarness, sku: str, units: int, location: str = "lyon") -> None:
    """A location with units of a sku."""
    await create_location(harness, location)
    await receive(harness, sku, location, units)


def wanted(sku: str, units: int, location: str = "lyon") -> stock_pb2.ReservationLine:
    """A line of a promise."""
    return stock_pb2.ReservationLine(sku=sku, location=location, quantity=units)


def reserve_request(*lines: stock_pb2.ReservationLine, owner: str = "") -> pb.ReserveRequest:
    """A promise for a new order."""
    return pb.ReserveRequest(request_id=key(), owner=owner or f"order/{key()}", lines=lines)


async def reserve(
    harness: ServiceHarness, *lines: stock_pb2.ReservationLine
) -> stock_pb2.Reservation:
    """A promise, made."""
    made: stock_pb2.Reservation = await harness.call(
        "Reserve", reserve_request(*lines), harness.tokens.service("orders")
    )
    return made


async def figures(harness: ServiceHarness, sku: str) -> tuple[int, int, int]:
    """Units on hand, reserved and available of a sku, everywhere together."""
    answer = await harness.call(
        "GetAvailability", pb.GetAvailabilityRequest(skus=[sku], by_location=True)
    )
    levels = answer.availability[0].levels
    return (
        sum(level.on_hand for level in levels),
        sum(level.reserved for level in levels),
        answer.availability[0].available,
    )


async def movements_differ(harness: ServiceHarness) -> list[str]:
    """What the check of movements finds."""
    async with harness.transactions.reading() as session:
        return await check_movements(session)
