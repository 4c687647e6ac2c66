"""Values → resources of the contract, for answers and for events."""

from __future__ import annotations

from datetime import datetime
from enum import Enum, auto

from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory.domain.locations import Location
from comptoir_inventory.domain.reservations import Reservation
from comptoir_inventory.domain.selling import Policy, Supply
from comptoir_inventory.domain.stock import Availability, Level, Movement
from comptoir_inventory.domain.transfers import Transfer
from comptoir_runtime import etag
from comptoir_runtime.addresses import Address, address_message
from comptoir_runtime.timestamps import timestamp, timestamp_or_none

NO_ADDRESS = Address()
NOTHING_BEYOND = (0, None)


class Detail(Enum):
    """How much is told of each location."""

    NOTHING = auto()
    OFFERS = auto()
    """What can be promised there."""
    FIGURES = auto()
    """What is in the building, too: nobody's business but the retailer's."""


def availability_to(entry: Availability, detail: Detail = Detail.FIGURES) -> stock_pb2.Availability:
    """What of one sku can be promised."""
    level_told = level_to if detail is Detail.FIGURES else _offer_to
    return stock_pb2.Availability(
        sku=entry.sku,
        available=entry.available,
        levels=[
            level_told(level, *entry.beyond.get(level.location, NOTHING_BEYOND))
            for level in (() if detail is Detail.NOTHING else entry.levels)
        ],
        revision=entry.revision,
        as_of_time=timestamp(entry.as_of),
        backorder_available=entry.backorder_available,
        expected_time=timestamp_or_none(entry.expected_at),
        policy=None if entry.policy is None else policy_to(entry.policy),
    )


def level_to(
    level: Level, beyond: int = 0, expected_at: datetime | None = None
) -> stock_pb2.StockLevel:
    """The figures at one location; what may be sold beyond them is told by whoever looked it up."""
    return stock_pb2.StockLevel(
        location=level.location,
        on_hand=level.on_hand,
        reserved=level.reserved,
        safety_stock=level.safety_stock,
        available=level.available,
        backordered=level.backordered,
        version=level.version,
        low_stock=level.low_stock,
        backorder_available=beyond,
        expected_time=timestamp_or_none(expected_at),
    )


def _offer_to(level: Level, beyond: int, expected_at: datetime | None) -> stock_pb2.StockLevel:
    return stock_pb2.StockLevel(
        location=level.location,
        available=level.available,
        version=level.version,
        backorder_available=beyond,
        expected_time=timestamp_or_none(expected_at),
    )


def levels_from(message: stock_pb2.Availability) -> list[Level]:
    """The figures by location that a state tells."""
    return [
        Level(
            message.sku,
            level.location,
            level.on_hand,
            level.reserved,
            level.safety_stock,
            level.version,
            level.backordered,
            level.low_stock,
        )
        for level in message.levels
    ]


def policy_to(policy: Policy) -> stock_pb2.SellingPolicy:
    """How a sku is sold beyond stock."""
    return stock_pb2.SellingPolicy(
        sku=policy.sku,
        backorder=stock_pb2.SellingPolicy.Backorder.ValueType(policy.backorder),
        backorder_until_time=timestamp_or_none(policy.backorder_until),
        preorder_time=timestamp_or_none(policy.preorder_at),
        max_per_order=policy.max_per_order,
        etag=etag.of(policy.version),
    )


def supply_to(supply: Supply) -> stock_pb2.Supply:
    """What is expected."""
    return stock_pb2.Supply(
        sku=supply.sku,
        location=supply.location,
        reference=supply.reference,
        quantity=supply.units,
        expected_time=timestamp(supply.expected_at),
        source=stock_pb2.Supply.Source.ValueType(supply.source),
    )


def transfer_to(transfer: Transfer) -> stock_pb2.Transfer:
    """Goods on their way."""
    return stock_pb2.Transfer(
        id=transfer.id,
        origin=transfer.origin,
        destination=transfer.destination,
        state=stock_pb2.Transfer.State.ValueType(transfer.state),
        lines=[
            stock_pb2.TransferLine(
                sku=line.sku, quantity=line.units, received_quantity=line.received
            )
            for line in transfer.lines
        ],
        reference=transfer.reference,
        expected_time=timestamp(transfer.expected_at),
        send_time=timestamp(transfer.sent_at),
        receive_time=timestamp_or_none(transfer.received_at),
    )


def reservation_to(reservation: Reservation) -> stock_pb2.Reservation:
    """A promise of stock."""
    return stock_pb2.Reservation(
        id=reservation.id,
        owner=reservation.owner,
        state=stock_pb2.Reservation.State.ValueType(reservation.state),
        lines=[
            stock_pb2.ReservationLine(
                sku=line.sku,
                location=line.location,
                quantity=line.units,
                consumed_quantity=line.consumed,
                backordered_quantity=line.backordered,
                expected_time=timestamp_or_none(line.expected_at),
            )
            for line in reservation.lines
        ],
        expire_time=timestamp(reservation.expires_at),
        create_time=timestamp(reservation.created_at),
        revoked_by=reservation.revoked_by,
        revoke_reason=reservation.revoke_reason,
    )


def movement_to(movement: Movement) -> stock_pb2.Movement:
    """One change of what is on hand."""
    return stock_pb2.Movement(
        id=movement.id,
        sku=movement.sku,
        location=movement.location,
        quantity=movement.units,
        reason=stock_pb2.Movement.Reason.ValueType(movement.reason),
        reference=movement.reference,
        actor=movement.actor,
        create_time=timestamp(movement.created_at),
    )


def location_to(location: Location) -> stock_pb2.Location:
    """A location as callers see it."""
    return stock_pb2.Location(
        code=location.code,
        kind=stock_pb2.Location.Kind.ValueType(location.kind),
        name=location.name,
        address=None if location.address == NO_ADDRESS else address_message(location.address),
        time_zone=location.time_zone,
        can_ship=location.can_ship,
        can_pick_up=location.can_pick_up,
        can_return=location.can_return,
        active=location.active,
        etag=etag.of(location.version),
        daily_capacity=location.daily_capacity,
        cut_off=location.cut_off,
        channels=sorted(location.channels),
    )
