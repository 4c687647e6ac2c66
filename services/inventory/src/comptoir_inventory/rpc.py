"""The procedures: a message in, one call, a message out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory import convert
from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.domain.stock import Reason
from comptoir_inventory.operations import (
    counter,
    imports,
    locations,
    promising,
    reservations,
    selling,
    stock,
    transfers,
    watching,
)
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.promising import Answer, Wait
from comptoir_runtime import mask, paging
from comptoir_runtime.auth import Kind
from comptoir_runtime.errors import Failure
from comptoir_runtime.rpc import (
    Batch,
    Call,
    Later,
    Outcome,
    batch,
    process,
    query,
    step,
    stream,
    upload,
)
from comptoir_runtime.timestamps import given_moment

# Positions of movements are 64-bit: below this one is everything.
BEYOND = 2**63 - 1


class InventoryServicer:
    """Answers for `comptoir.inventory.v1.InventoryService`."""

    def __init__(self, board: Board, sweep: Callable[[], Awaitable[None]]) -> None:
        self._board = board
        self._sweep = sweep
        self._ready = convert.ReadyMessages()

    @process
    async def GetAvailability(
        self, request: pb.GetAvailabilityRequest, call: Call
    ) -> pb.GetAvailabilityResponse:
        entries = await self._board.availability(
            call.transactions,
            request.skus,
            convert.wish_from(request),
            current=request.current and _is_service(call),
        )
        detail = _detail(call) if request.by_location else convert.Detail.NOTHING
        return pb.GetAvailabilityResponse(
            availability=[self._ready.of(entry, detail) for entry in entries]
        )

    @stream
    async def WatchAvailability(
        self, request: pb.WatchAvailabilityRequest, call: Call
    ) -> AsyncIterator[stock_pb2.Availability]:
        wish = Wish(codes=frozenset(request.locations), channel=request.channel)
        watching.require_may_watch(call.principal, request.skus, wish)
        entries = watching.watch_availability(call.transactions, self._board, request.skus, wish)
        async for entry in entries:
            yield convert.availability_to(entry, _detail(call))

    @batch
    async def Reserve(self, requests: Sequence[pb.ReserveRequest], batch: Batch) -> list[Outcome]:
        asks = [convert.ask_from(request) for request in requests]
        decided = await promising.reserve(
            batch.session, self._board, asks, waits=batch.waits, again=batch.again
        )
        return [self._outcome(each) for each in decided]

    @step
    async def ConfirmReservation(
        self, request: pb.ConfirmReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        confirmed = await reservations.confirm_reservation(
            call.session, self._board, request.reservation, held_only=request.held_only
        )
        return convert.reservation_to(confirmed)

    @step
    async def ReleaseReservation(
        self, request: pb.ReleaseReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        released = await reservations.release_reservation(
            call.session, self._board, request.reservation, convert.reserved_from(request.lines)
        )
        return convert.reservation_to(released)

    @step
    async def RevokeReservation(
        self, request: pb.RevokeReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        revoked = await reservations.revoke_reservation(
            call.session,
            self._board,
            request.reservation,
            request.owner,
            request.reason,
            _actor(call),
        )
        return convert.reservation_to(revoked)

    @step
    async def ConsumeReservation(
        self, request: pb.ConsumeReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        consumed = await reservations.consume_reservation(
            call.session,
            self._board,
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
        lines = convert.quantities_from(request.lines)
        entries = await stock.receive_stock(
            call.session, self._board, lines, request.reference, _actor(call)
        )
        return pb.ReceiveStockResponse(availability=map(convert.availability_to, entries))

    @step
    async def CountStock(self, request: pb.CountStockRequest, call: Call) -> pb.CountStockResponse:
        lines = convert.quantities_from(request.lines)
        entries = await stock.count_stock(
            call.session, self._board, lines, request.reference, _actor(call)
        )
        return pb.CountStockResponse(availability=map(convert.availability_to, entries))

    @batch
    async def SellStock(
        self, requests: Sequence[pb.SellStockRequest], batch: Batch
    ) -> list[Outcome]:
        asks, sellers = map(convert.sale_from, requests), map(_actor, batch.calls)
        sold = await counter.sell_stock(
            batch.session,
            self._board,
            list(zip(asks, sellers, strict=True)),
            waits=batch.waits,
            again=batch.again,
        )
        return [self._outcome(each) for each in sold]

    @step
    async def ExtendReservation(
        self, request: pb.ExtendReservationRequest, call: Call
    ) -> stock_pb2.Reservation:
        extended = await reservations.extend_reservation(
            call.session, request.reservation, request.time_to_live.ToTimedelta()
        )
        return convert.reservation_to(extended)

    @step
    async def AdjustStock(
        self, request: pb.AdjustStockRequest, call: Call
    ) -> pb.AdjustStockResponse:
        lines, reason = convert.differences_from(request.lines), Reason(request.reason)
        entries = await stock.adjust_stock(
            call.session, self._board, lines, reason, request.reference, _actor(call)
        )
        return pb.AdjustStockResponse(availability=map(convert.availability_to, entries))

    @step
    async def TransferStock(
        self, request: pb.TransferStockRequest, call: Call
    ) -> stock_pb2.Transfer:
        sent = await transfers.transfer_stock(
            call.session,
            self._board,
            request.origin,
            request.destination,
            convert.transfer_lines_from(request.lines),
            request.reference,
            given_moment(request.expected_time, "expected_time"),
            _actor(call),
        )
        return convert.transfer_to(sent)

    @step
    async def ReceiveTransfer(
        self, request: pb.ReceiveTransferRequest, call: Call
    ) -> stock_pb2.Transfer:
        came = convert.arrived_from(request.lines)
        arrived = await transfers.receive_transfer(
            call.session, self._board, request.transfer, came, _actor(call)
        )
        return convert.transfer_to(arrived)

    @query
    async def ListTransfers(
        self, request: pb.ListTransfersRequest, call: Call
    ) -> pb.ListTransfersResponse:
        page = paging.parse(request, paging.Name)
        (before,) = page.after or ("",)
        found = await transfers.list_transfers(call.session, request.state, before, page.limit)
        shown, token = page.cut(found, lambda transfer: paging.Name(transfer.id))
        return pb.ListTransfersResponse(
            transfers=map(convert.transfer_to, shown), next_page_token=token
        )

    @step
    async def SetSafetyStock(
        self, request: pb.SetSafetyStockRequest, call: Call
    ) -> pb.SetSafetyStockResponse:
        lines = convert.safety_from(request.lines)
        entries = await stock.set_safety_stock(call.session, self._board, lines)
        return pb.SetSafetyStockResponse(availability=map(convert.availability_to, entries))

    @step
    async def SetSellingPolicy(
        self, request: pb.SetSellingPolicyRequest, call: Call
    ) -> stock_pb2.SellingPolicy:
        wanted = convert.policy_from(request.policy)
        policy = await selling.set_selling_policy(call.session, self._board, wanted, request.etag)
        return convert.policy_to(policy)

    @step
    async def AnnounceSupply(
        self, request: pb.AnnounceSupplyRequest, call: Call
    ) -> pb.AnnounceSupplyResponse:
        wanted = convert.supply_from(request.supply)
        announced = await selling.announce_supply(call.session, self._board, wanted)
        return pb.AnnounceSupplyResponse(supply=map(convert.supply_to, announced))

    @query
    async def ListSupply(self, request: pb.ListSupplyRequest, call: Call) -> pb.ListSupplyResponse:
        page = paging.parse(request, selling.Position)
        found = await selling.list_supply(
            call.session, request.sku, request.location, page.after, page.limit
        )
        shown, token = page.cut(found, selling.position)
        return pb.ListSupplyResponse(supply=map(convert.supply_to, shown), next_page_token=token)

    @upload
    async def ImportStock(
        self, requests: AsyncIterator[pb.ImportStockRequest], call: Call
    ) -> pb.ImportStockResponse:
        pieces = (convert.import_piece_from(request) async for request in requests)
        outcome = await imports.import_stock(call.transactions, self._board, pieces, _actor(call))
        return convert.import_to(outcome)

    @query
    async def GetStockDifferences(
        self, _: pb.GetStockDifferencesRequest, call: Call
    ) -> pb.GetStockDifferencesResponse:
        return convert.check_to(*await stock.check_stock(call.session))

    @query
    async def ListMovements(
        self, request: pb.ListMovementsRequest, call: Call
    ) -> pb.ListMovementsResponse:
        page = paging.parse(request, paging.Number)
        (before,) = page.after or (BEYOND,)
        found = await stock.list_movements(
            call.session, request.sku, request.location, before, page.limit
        )
        shown, token = page.cut(found, lambda numbered: paging.Number(numbered[0]))
        return pb.ListMovementsResponse(
            movements=[convert.movement_to(movement) for _, movement in shown],
            next_page_token=token,
        )

    @step
    async def CreateLocation(
        self, request: pb.CreateLocationRequest, call: Call
    ) -> stock_pb2.Location:
        created = await locations.create_location(
            call.session, self._board, convert.location_from(request.location)
        )
        return convert.location_to(created)

    @step
    async def UpdateLocation(
        self, request: pb.UpdateLocationRequest, call: Call
    ) -> stock_pb2.Location:
        changed = await locations.update_location(
            call.session,
            self._board,
            convert.location_from(request.location),
            mask.apply(request.update_mask, locations.CHANGEABLE),
            request.etag,
        )
        return convert.location_to(changed)

    @query
    async def ListLocations(
        self, request: pb.ListLocationsRequest, call: Call
    ) -> pb.ListLocationsResponse:
        page = paging.parse(request, paging.Name)
        (after,) = page.after or ("",)
        found = await locations.list_locations(call.session, request.kind, after, page.limit)
        shown, token = page.cut(found, lambda location: paging.Name(location.code))
        return pb.ListLocationsResponse(
            locations=map(convert.location_to, shown), next_page_token=token
        )

    def _outcome(self, decided: Answer) -> Outcome:
        if isinstance(decided, Wait):
            return Later(self._sweep if decided is Wait.FOR_EXPIRED else None)
        return decided if isinstance(decided, Failure) else convert.reservation_to(decided)


def _is_service(call: Call) -> bool:
    return call.principal is not None and call.principal.kind is Kind.SERVICE


def _detail(call: Call) -> convert.Detail:
    seen = watching.FIGURES.permits(call.principal)
    return convert.Detail.FIGURES if seen else convert.Detail.OFFERS


def _actor(call: Call) -> str:
    return "" if call.principal is None else call.principal.subject
