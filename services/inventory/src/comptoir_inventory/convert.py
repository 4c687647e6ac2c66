"""Messages ↔ values, both ways; no decisions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir.type.v1 import address_pb2
from comptoir_inventory.domain.locations import Address, Location, LocationKind, Point, Wish
from comptoir_inventory.domain.stock import Quantity
from comptoir_inventory.events.resources import (
    availability_to,
    location_to,
    movement_to,
    reservation_to,
)

# Resources are written the same in answers and in events.
__all__ = [
    "availability_to",
    "location_from",
    "location_to",
    "movement_to",
    "quantities_from",
    "reservation_to",
    "reserved_from",
    "time_to_live_from",
    "wish_from",
]


def wish_from(request: pb.GetAvailabilityRequest) -> Wish:
    """Which locations a question is about."""
    return Wish(
        codes=frozenset(request.locations),
        can_ship=request.can_ship,
        can_pick_up=request.can_pick_up,
        near=_point_from(request.near) if request.HasField("near") else None,
        within_km=request.within_km,
    )


def reserved_from(lines: Iterable[stock_pb2.ReservationLine]) -> list[Quantity]:
    """Lines of a promise."""
    return [Quantity(line.sku, line.location, line.quantity) for line in lines]


def quantities_from(lines: Iterable[pb.StockQuantity]) -> list[Quantity]:
    """Numbers of units at places."""
    return [Quantity(line.sku, line.location, line.quantity) for line in lines]


def time_to_live_from(request: pb.ReserveRequest) -> timedelta | None:
    """How long a promise holds; None when the caller leaves it to us."""
    return request.time_to_live.ToTimedelta() if request.HasField("time_to_live") else None


def location_from(message: stock_pb2.Location) -> Location:
    """A location as a caller describes it."""
    return Location(
        code=message.code,
        kind=LocationKind(message.kind),
        name=message.name,
        address=_address_from(message.address),
        time_zone=message.time_zone,
        can_ship=message.can_ship,
        can_pick_up=message.can_pick_up,
        can_return=message.can_return,
        active=message.active,
    )


def _point_from(message: address_pb2.Point) -> Point:
    return Point(message.latitude, message.longitude)


def _address_from(message: address_pb2.Address) -> Address:
    return Address(
        recipient=message.recipient,
        lines=tuple(message.lines),
        postal_code=message.postal_code,
        city=message.city,
        country=message.country,
        phone=message.phone,
        point=_point_from(message.point) if message.HasField("point") else None,
    )
