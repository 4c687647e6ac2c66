"""Facts and states of this service, as messages for the outbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from google.protobuf.message import Message

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir_inventory.domain.locations import Location
from comptoir_inventory.domain.reservations import Reservation, State
from comptoir_inventory.domain.stock import Availability, Level, Movement, Turn
from comptoir_inventory.events import resources

_TURNS: Mapping[Turn, type[Message]] = {
    Turn.LOW: events_pb2.StockLow,
    Turn.OUT: events_pb2.StockOut,
    Turn.BACK: events_pb2.StockBack,
}
_STATES: Mapping[State, type[Message]] = {
    State.HELD: events_pb2.ReservationHeld,
    State.CONFIRMED: events_pb2.ReservationConfirmed,
    State.CONSUMED: events_pb2.ReservationConsumed,
    State.RELEASED: events_pb2.ReservationReleased,
    State.EXPIRED: events_pb2.ReservationExpired,
}


def availability_state(entry: Availability) -> events_pb2.AvailabilityState:
    """The latest figures of a sku."""
    return events_pb2.AvailabilityState(
        sku=entry.sku, availability=resources.availability_to(entry)
    )


def levels_changed(sku: str, levels: Iterable[Level]) -> events_pb2.LevelsChanged:
    """Figures of a sku that are being committed, for the other replicas."""
    figures = stock_pb2.Availability(sku=sku, levels=map(resources.level_to, levels))
    return events_pb2.LevelsChanged(sku=sku, availability=figures)


def location_state(location: Location) -> events_pb2.LocationState:
    """The latest state of a location."""
    return events_pb2.LocationState(code=location.code, location=resources.location_to(location))


def reservation_moved(reservation: Reservation) -> Message:
    """A promise has come into the state it is in: one fact, however many lines it has."""
    return _STATES[reservation.state](
        reservation_id=reservation.id, reservation=resources.reservation_to(reservation)
    )


def reservation_covered(reservation: str, owner: str, location: str) -> Message:
    """What was back-ordered of a promise at a location has come."""
    return events_pb2.ReservationCovered(reservation_id=reservation, owner=owner, location=location)


def stock_turned(turn: Turn, level: Level) -> Message:
    """The last unit is gone, the first one is back, or few are left."""
    return _TURNS[turn](sku=level.sku, location=level.location, available=level.available)


def stock_moved(movement: Movement) -> events_pb2.StockMoved:
    """What is on hand has changed."""
    return events_pb2.StockMoved(sku=movement.sku, movement=resources.movement_to(movement))
