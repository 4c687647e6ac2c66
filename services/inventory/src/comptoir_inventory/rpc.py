"""The procedures: a message in, one call, a message out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory import convert
from comptoir_inventory.events.feed import AvailabilityFeed
from comptoir_inventory.operations import locations, reservations, stock, watching
from comptoir_inventory.operations.announcing import Announcer
from comptoir_runtime import mask, paging
from comptoir_runtime.rpc import Call, query, step, stream

# Positions of movements are 64-bit: below this one is everything.
BEYOND = 2**63 - 1


class InventoryServicer:
    """Answers for `comptoir.inventory.v1.InventoryService`."""

    def __init__(self, feed: AvailabilityFeed, announcer: Announcer) -> None:
        self._feed = feed
        self._announcer = announcer

    @query
    async def GetAvailability(
        self, request: pb.GetAvailabilityRequest, call: Call
    ) -> pb.GetAvailabilityResponse:
        entries = await stock.get_availability(
            call.session, request.skus, convert.wish_from(request)
        )
        return pb.GetAvailabilityResponse(
            availability=[
                convert.availability_to(entry, by_location=request.by_location) for entry in entries
            ]
        )

    @stream
    async def WatchAvailability(
        self, request: pb.WatchAvailabilityRequest, call: Call
    ) -> AsyncIterator[stock_pb2.Availability]:
        entries = watching.watch_availability(call.transactions, self._feed, request.skus)
        async for entry in entries:
            yield convert.availability_to(entry)

    @step
    async def Reserve(self, request: pb.ReserveRequest, call: Call) -> stock_pb2.Reservation:
        self._announcer.after(call.session)
        reservation = await reservations.reserve(
            call.session,
            request.owner,
            request.request_id,
            convert.reserved_from(request.lines),
            convert.time_to_live_from(request),
        )
        return convert.reservation_to(reservation)

    @step
    async def ConfirmReservation(
        self, request: pb.ConfirmReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        self._announcer.after(call.session)
        confirmed = await reservations.confirm_reservation(call.session, request.reservation)
        return convert.reservation_to(confirmed)

    @step
    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        self._announcer.after(call.session)
        released = await reservations.release_reservation(
            call.session, request.reservation, convert.reserved_from(request.lines)
        )
        return convert.reservation_to(released)

    @step
    async def ConsumeReservation(
        self, request: pb.ConsumeReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        self._announcer.after(call.session)
        consumed = await reservations.consume_reservation(
            call.session,
            request.reservation,
            convert.reserved_from(request.lines),
            request.reference,
            _actor(call),
        )
        return convert.reservation_to(consumed)

    @query
    async def GetReservation(
        self, request: pb.GetReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        found = await reservations.get_reservation(call.session, request.reservation)
        return convert.reservation_to(found)

    @step
    async def ReceiveStock(
        self, request: pb.ReceiveStockRequest, call: Call
    ) -> pb.ReceiveStockResponse:
        self._announcer.after(call.session)
        lines = convert.quantities_from(request.lines)
        entries = await stock.receive_stock(call.session, lines, request.reference, _actor(call))
        return pb.ReceiveStockResponse(
            availability=[convert.availability_to(entry) for entry in entries]
        )

    @step
    async def CountStock(self, request: pb.CountStockRequest, call: Call) -> pb.CountStockResponse:
        self._announcer.after(call.session)
        lines = convert.quantities_from(request.lines)
        entries = await stock.count_stock(call.session, lines, request.reference, _actor(call))
        return pb.CountStockResponse(
            availability=[convert.availability_to(entry) for entry in entries]
        )

    @step
    async def SellStock(self, request: pb.SellStockRequest, call: Call) -> stock_pb2.Reservation:
        self._announcer.after(call.session)
        sold = await reservations.sell_stock(
            call.session,
            request.owner,
            request.request_id,
            convert.reserved_from(request.lines),
            _actor(call),
        )
        return convert.reservation_to(sold)

    @query
    async def ListMovements(
        self, request: pb.ListMovementsRequest, call: Call
    ) -> pb.ListMovementsResponse:
        page = paging.parse(request)
        before = int(page.after[0]) if page.after else BEYOND
        found = await stock.list_movements(
            call.session, request.sku, request.location, before, page.size + 1
        )
        shown = found[: page.size]
        return pb.ListMovementsResponse(
            movements=[convert.movement_to(movement) for _, movement in shown],
            next_page_token=paging.token([shown[-1][0]], request) if found[page.size :] else "",
        )

    @step
    async def CreateLocation(
        self, request: pb.CreateLocationRequest, call: Call
    ) -> stock_pb2.Location:
        created = await locations.create_location(
            call.session, convert.location_from(request.location)
        )
        return convert.location_to(created)

    @step
    async def UpdateLocation(
        self, request: pb.UpdateLocationRequest, call: Call
    ) -> stock_pb2.Location:
        self._announcer.after(call.session)
        changed = await locations.update_location(
            call.session,
            convert.location_from(request.location),
            mask.apply(request.update_mask, locations.CHANGEABLE),
            request.etag,
        )
        return convert.location_to(changed)

    @query
    async def ListLocations(
        self, request: pb.ListLocationsRequest, call: Call
    ) -> pb.ListLocationsResponse:
        page = paging.parse(request)
        after = str(page.after[0]) if page.after else ""
        found = await locations.list_locations(call.session, request.kind, after, page.size + 1)
        shown = found[: page.size]
        return pb.ListLocationsResponse(
            locations=[convert.location_to(location) for location in shown],
            next_page_token=paging.token([shown[-1].code], request) if found[page.size :] else "",
        )


def _actor(call: Call) -> str:
    return "" if call.principal is None else call.principal.subject
