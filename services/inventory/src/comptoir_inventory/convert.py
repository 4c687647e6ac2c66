"""Messages ↔ values, both ways; no decisions."""

from __future__ import annotations

from collections.abc import Iterable

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory.domain.imports import File, Mode, Outcome, Piece
from comptoir_inventory.domain.locations import Location, LocationKind, Wish
from comptoir_inventory.domain.promising import Ask
from comptoir_inventory.domain.selling import Backorder, Policy, Source, Supply
from comptoir_inventory.domain.stock import Availability, Quantity
from comptoir_inventory.domain.transfers import Arrived, TransferLine
from comptoir_inventory.events.resources import (
    Detail,
    availability_to,
    location_to,
    movement_to,
    policy_to,
    reservation_to,
    supply_to,
    transfer_to,
)
from comptoir_runtime.addresses import address_of, point_of
from comptoir_runtime.timestamps import asked_moment, given_moment

# Resources are written the same in answers and in events.
__all__ = [
    "Detail",
    "ReadyMessages",
    "arrived_from",
    "ask_from",
    "availability_to",
    "check_to",
    "differences_from",
    "import_piece_from",
    "import_to",
    "location_from",
    "location_to",
    "movement_to",
    "policy_from",
    "policy_to",
    "quantities_from",
    "reservation_to",
    "reserved_from",
    "safety_from",
    "sale_from",
    "supply_from",
    "supply_to",
    "transfer_lines_from",
    "transfer_to",
    "wish_from",
]

MOST_READY = 20_000


def wish_from(request: pb.GetAvailabilityRequest) -> Wish:
    """Which locations a question is about."""
    return Wish(
        codes=frozenset(request.locations),
        can_ship=request.can_ship,
        can_pick_up=request.can_pick_up,
        can_return=request.can_return,
        near=point_of(request.near) if request.HasField("near") else None,
        within_km=request.within_km,
        channel=request.channel,
    )


class ReadyMessages:
    """Messages of entries that are asked for again and again while nothing changes."""

    def __init__(self) -> None:
        # By identity: to compare figures would cost more than to write them. The entry is kept
        # so that its identity stays its own.
        self._ready: dict[tuple[int, Detail], tuple[Availability, stock_pb2.Availability]] = {}

    def of(self, entry: Availability, detail: Detail) -> stock_pb2.Availability:
        """As `availability_to`; the message must not be altered."""
        key = (id(entry), detail)
        ready = self._ready.get(key)
        if ready is None:
            if len(self._ready) >= MOST_READY:
                self._ready.clear()
            ready = self._ready[key] = (entry, availability_to(entry, detail))
        return ready[1]


def reserved_from(lines: Iterable[stock_pb2.ReservationLine]) -> list[Quantity]:
    """Lines of a promise."""
    return [Quantity(line.sku, line.location, line.quantity) for line in lines]


def quantities_from(lines: Iterable[pb.StockQuantity]) -> list[Quantity]:
    """Numbers of units at places."""
    return [Quantity(line.sku, line.location, line.quantity) for line in lines]


def ask_from(request: pb.ReserveRequest) -> Ask:
    """A wish for a promise."""
    given = request.HasField("time_to_live")
    lifetime = request.time_to_live.ToTimedelta() if given else None
    lines = reserved_from(request.lines)
    return Ask(request.owner, request.request_id, lines, lifetime, request.channel)


def sale_from(request: pb.SellStockRequest) -> Ask:
    """What is sold over the counter."""
    return Ask(request.owner, request.request_id, reserved_from(request.lines))


def differences_from(lines: Iterable[pb.StockDifference]) -> list[Quantity]:
    """Units to add or to take off."""
    return [Quantity(line.sku, line.location, line.quantity) for line in lines]


def safety_from(lines: Iterable[pb.SafetyStock]) -> list[tuple[Quantity, int]]:
    """Units to keep back, each with the figure at which to warn."""
    return [(Quantity(line.sku, line.location, line.quantity), line.low_stock) for line in lines]


def policy_from(message: stock_pb2.SellingPolicy) -> Policy:
    """How a sku is sold beyond stock, as a caller describes it."""
    return Policy(
        message.sku,
        Backorder(message.backorder),
        asked_moment(message, "backorder_until_time", "policy"),
        asked_moment(message, "preorder_time", "policy"),
        message.max_per_order,
    )


def supply_from(messages: Iterable[stock_pb2.Supply]) -> list[Supply]:
    """What is expected, as a caller announces it."""
    return [
        Supply(
            each.sku,
            each.location,
            each.reference,
            each.quantity,
            Source(each.source),
            given_moment(each.expected_time, f"supply[{number}].expected_time"),
        )
        for number, each in enumerate(messages)
    ]


def transfer_lines_from(lines: Iterable[stock_pb2.TransferLine]) -> list[TransferLine]:
    """What is sent."""
    return [TransferLine(line.sku, line.quantity) for line in lines]


def arrived_from(lines: Iterable[stock_pb2.TransferLine]) -> list[Arrived]:
    """What came of each sku."""
    return [(line.sku, line.quantity) for line in lines]


def import_piece_from(message: pb.ImportStockRequest) -> Piece:
    """A part of a file; the first one says which."""
    header = message.header
    file = None
    if message.HasField("header"):
        file = File(header.source, header.sequence, Mode(header.mode))
    lines = [Quantity(line.sku, line.location, line.quantity) for line in message.lines]
    return Piece(file, lines)


def import_to(outcome: Outcome) -> pb.ImportStockResponse:
    """What became of an import."""
    return pb.ImportStockResponse(
        applied=outcome.applied,
        skipped=outcome.skipped,
        rejected_count=outcome.rejected_count,
        rejected=[
            pb.ImportStockResponse.Rejected(
                line=number, sku=line.sku, location=line.location, reason=reason
            )
            for number, line, reason in outcome.rejected
        ],
    )


def check_to(
    places: int, differences: Iterable[tuple[str, str, str, int, int]]
) -> pb.GetStockDifferencesResponse:
    """What a check found."""
    return pb.GetStockDifferencesResponse(
        places=places,
        differences=[
            pb.GetStockDifferencesResponse.Difference(
                sku=sku, location=location, figure=figure, kept=kept, expected=expected
            )
            for sku, location, figure, kept, expected in differences
        ],
    )


def location_from(message: stock_pb2.Location) -> Location:
    """A location as a caller describes it."""
    return Location(
        code=message.code,
        kind=LocationKind(message.kind),
        name=message.name,
        address=address_of(message.address),
        time_zone=message.time_zone,
        can_ship=message.can_ship,
        can_pick_up=message.can_pick_up,
        can_return=message.can_return,
        active=message.active,
        daily_capacity=message.daily_capacity,
        cut_off=message.cut_off,
        channels=frozenset(message.channels),
    )
