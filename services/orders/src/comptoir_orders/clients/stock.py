"""Stock: what is where, and promising it."""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeAlias

from google.protobuf import duration_pb2

from comptoir.inventory.v1 import inventory_service_pb2 as inventory_pb2
from comptoir.inventory.v1 import stock_pb2
from comptoir_orders.clients.calls import Caller, ask
from comptoir_orders.domain.sourcing import Beyond, Late, Offer, Plan, Promised
from comptoir_orders.errors import OutcomeUnknown
from comptoir_runtime.addresses import Point, address_of

_SECONDS = 2.0
_PLACES_PER_PAGE = 100
# Locations move about once a year.
_PLACES_KEPT_SECONDS = 60.0
# What is promised on figures that are a little old is refused, never oversold: then new ones are
# asked for. So most orders need one question less.
_UNITS_KEPT_SECONDS = 1.0
_UNITS_KEPT = 10_000

# Of one sku, by location: units that are there, and what can be promised beyond them.
_Levels: TypeAlias = dict[str, tuple[int, Beyond | None]]


@dataclass(frozen=True, slots=True)
class Place:
    """A location, with where it lies when that is known."""

    code: str
    point: Point | None


class Stock(Protocol):
    """Every method raises `OutcomeUnknown` without an answer, another `Failure` on refusal."""

    async def available(
        self, skus: Sequence[str], channel: str, *, store: str = "", fresh: bool = True
    ) -> Mapping[str, Offer]:
        """By location, of all that ship for the channel, or of one store where goods are collected.

        Without `fresh` the figures may be a second old; with it they are as committed.
        """

    async def places(self) -> Mapping[str, Place]:
        """All locations by code; the last known ones when there is no answer."""

    async def reserve(
        self, key: str, owner: str, channel: str, plan: Plan, time_to_live: timedelta
    ) -> Promised:
        """Promises all of the plan or nothing; tells what of it has still to come.

        The same owner and key give the same reservation. Refusal: OUT_OF_STOCK, also where a
        location does not serve the channel.
        """

    async def keep(self, reservation: str) -> None:
        """Makes a held promise stand without end, as often as it is asked for.

        Refusal: RESERVATION_EXPIRED, RESERVATION_ENDED.
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
        self._units: dict[tuple[str, str, str], tuple[float, _Levels]] = {}

    async def available(
        self, skus: Sequence[str], channel: str, *, store: str = "", fresh: bool = True
    ) -> Mapping[str, Offer]:
        by_sku = None if fresh else self._remembered(skus, channel, store)
        if by_sku is None:
            by_sku = await self._asked(skus, channel, store, fresh=fresh)
        offers: dict[str, Offer] = {}
        for sku, levels in by_sku.items():
            for location, (available, beyond) in levels.items():
                offer = offers.setdefault(location, Offer())
                offer.available[sku] = available
                if beyond is not None:
                    offer.beyond[sku] = beyond
        return offers

    def _remembered(
        self, skus: Sequence[str], channel: str, store: str
    ) -> dict[str, _Levels] | None:
        now, found = time.monotonic(), {}
        for sku in skus:
            until, levels = self._units.get((channel, store, sku), (0.0, {}))
            if until <= now:
                return None
            found[sku] = levels
        return found

    async def _asked(
        self, skus: Sequence[str], channel: str, store: str, *, fresh: bool
    ) -> dict[str, _Levels]:
        request = inventory_pb2.GetAvailabilityRequest(
            skus=skus,
            locations=[store] if store else [],
            by_location=True,
            can_ship=not store,
            can_pick_up=bool(store),
            channel=channel,
            # The replica that answers may not have heard yet what made another one refuse.
            current=fresh,
        )
        answer = await ask(self._caller, "GetAvailability", request, _SECONDS)
        found = {
            each.sku: {level.location: (level.available, _beyond(level)) for level in each.levels}
            for each in answer.availability
        }
        until = time.monotonic() + _UNITS_KEPT_SECONDS
        if len(self._units) > _UNITS_KEPT:
            self._units.clear()
        self._units.update(
            {(channel, store, sku): (until, levels) for sku, levels in found.items()}
        )
        return found

    async def places(self) -> Mapping[str, Place]:
        if time.monotonic() >= self._places_until:
            try:
                self._places = {place.code: place async for place in self._list_places()}
            except OutcomeUnknown:
                # Distances are a convenience: no order fails for them.
                return self._places
            self._places_until = time.monotonic() + _PLACES_KEPT_SECONDS
        return self._places

    async def reserve(
        self, key: str, owner: str, channel: str, plan: Plan, time_to_live: timedelta
    ) -> Promised:
        lifetime = duration_pb2.Duration()
        lifetime.FromTimedelta(time_to_live)
        request = inventory_pb2.ReserveRequest(
            request_id=key,
            owner=owner,
            lines=_lines(plan),
            time_to_live=lifetime,
            channel=channel,
        )
        answer = await ask(self._caller, "Reserve", request, _SECONDS)
        late = tuple(
            Late(line.sku, line.location, line.backordered_quantity, _expected(line))
            for line in answer.lines
            if line.backordered_quantity
        )
        return Promised(answer.id, late)

    async def keep(self, reservation: str) -> None:
        # Without a key: it is the state of the promise that makes it repeatable.
        request = inventory_pb2.ConfirmReservationRequest(reservation=reservation, held_only=True)
        await ask(self._caller, "ConfirmReservation", request, _SECONDS)

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
                yield Place(location.code, address_of(location.address).point)
            token = answer.next_page_token
            if not token:
                return


def _beyond(level: stock_pb2.StockLevel) -> Beyond | None:
    units = level.backorder_available
    return Beyond(units, _expected(level)) if units else None


def _expected(said: stock_pb2.StockLevel | stock_pb2.ReservationLine) -> datetime | None:
    return said.expected_time.ToDatetime(tzinfo=UTC) if said.HasField("expected_time") else None


def _lines(plan: Plan) -> list[stock_pb2.ReservationLine]:
    return [
        stock_pb2.ReservationLine(sku=each.sku, location=each.location, quantity=each.quantity)
        for each in plan
    ]
