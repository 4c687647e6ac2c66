"""Stock: what is where, and promising it."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from google.protobuf import duration_pb2

from comptoir.inventory.v1 import inventory_service_pb2 as inventory_pb2
from comptoir.inventory.v1 import stock_pb2
from comptoir_orders.clients.calls import Caller, ask
from comptoir_orders.domain.orders import Point
from comptoir_orders.domain.sourcing import Plan
from comptoir_orders.errors import OutcomeUnknown

_SECONDS = 2.0
_PLACES_PER_PAGE = 100
# Locations move about once a year.
_PLACES_KEPT_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """A location, with where it lies when that is known."""

    code: str
    point: Point | None


class Stock(Protocol):
    """Every method raises `OutcomeUnknown` without an answer, another `Failure` on refusal."""

    async def available(
        self, skus: Sequence[str], *, store: str = ""
    ) -> Mapping[str, dict[str, int]]:
        """Units by sku by location: of all that ship, or of one store where goods are collected."""

    async def places(self) -> Mapping[str, Place]:
        """All locations by code; the last known ones when there is no answer."""

    async def reserve(self, key: str, owner: str, plan: Plan, time_to_live: timedelta) -> str:
        """Promises all of the plan or nothing; answers the id of the reservation.

        The same owner and key give the same reservation. Refusal: OUT_OF_STOCK.
        """

    async def release(self, key: str, reservation: str) -> None:
        """Gives the promise back; releasing what has ended changes nothing."""

    async def sell(self, key: str, owner: str, plan: Plan) -> str:
        """Takes goods out of stock at once; answers the id of the reservation. As `reserve`."""


class GrpcStock:
    """Stock of the inventory service."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._places: dict[str, Place] = {}
        self._places_until = 0.0

    async def available(
        self, skus: Sequence[str], *, store: str = ""
    ) -> Mapping[str, dict[str, int]]:
        request = inventory_pb2.GetAvailabilityRequest(
            skus=skus,
            locations=[store] if store else [],
            by_location=True,
            can_ship=not store,
            can_pick_up=bool(store),
        )
        answer = await ask(self._caller, "GetAvailability", request, _SECONDS)
        units: dict[str, dict[str, int]] = {}
        for each in answer.availability:
            for level in each.levels:
                units.setdefault(level.location, {})[each.sku] = level.available
        return units

    async def places(self) -> Mapping[str, Place]:
        if time.monotonic() >= self._places_until:
            try:
                self._places = {place.code: place async for place in self._list_places()}
            except OutcomeUnknown:
                # Distances are a convenience: no order fails for them.
                return self._places
            self._places_until = time.monotonic() + _PLACES_KEPT_SECONDS
        return self._places

    async def reserve(self, key: str, owner: str, plan: Plan, time_to_live: timedelta) -> str:
        lifetime = duration_pb2.Duration()
        lifetime.FromTimedelta(time_to_live)
        request = inventory_pb2.ReserveRequest(
            request_id=key, owner=owner, lines=_lines(plan), time_to_live=lifetime
        )
        answer = await ask(self._caller, "Reserve", request, _SECONDS)
        reservation: str = answer.id
        return reservation

    async def release(self, key: str, reservation: str) -> None:
        request = inventory_pb2.ReleaseReservationRequest(request_id=key, reservation=reservation)
        await ask(self._caller, "ReleaseReservation", request, _SECONDS)

    async def sell(self, key: str, owner: str, plan: Plan) -> str:
        request = inventory_pb2.SellStockRequest(request_id=key, owner=owner, lines=_lines(plan))
        answer = await ask(self._caller, "SellStock", request, _SECONDS)
        reservation: str = answer.id
        return reservation

    async def _list_places(self) -> AsyncIterator[Place]:
        token = ""
        while True:
            request = inventory_pb2.ListLocationsRequest(
                page_size=_PLACES_PER_PAGE, page_token=token
            )
            answer = await ask(self._caller, "ListLocations", request, _SECONDS)
            for location in answer.locations:
                point = location.address.point
                known = location.address.HasField("point")
                yield Place(
                    location.code, Point(point.latitude, point.longitude) if known else None
                )
            token = answer.next_page_token
            if not token:
                return


def _lines(plan: Plan) -> list[stock_pb2.ReservationLine]:
    return [
        stock_pb2.ReservationLine(sku=each.sku, location=each.location, quantity=each.quantity)
        for each in plan
    ]
