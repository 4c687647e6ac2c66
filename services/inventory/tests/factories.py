"""Stock and promises to test with."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir_testing.harness import ServiceHarness

WRITER = "stock.write"
PATIENCE_SECONDS = 30


def key() -> str:
    """A fresh request id."""
    return uuid4().hex


async def create_location(
    harness: ServiceHarness,
    code: str,
    *,
    kind: stock_pb2.Location.Kind.ValueType = stock_pb2.Location.KIND_STORE,
    active: bool = True,
    channels: Sequence[str] = (),
) -> stock_pb2.Location:
    """A location that ships and hands over, for some channels or all."""
    location = stock_pb2.Location(
        code=code,
        kind=kind,
        name=code,
        can_ship=True,
        can_pick_up=True,
        active=active,
        channels=channels,
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


def reserve_request(
    *lines: stock_pb2.ReservationLine, owner: str = "", channel: str = ""
) -> pb.ReserveRequest:
    """A promise for a new order."""
    owner = owner or f"order/{key()}"
    return pb.ReserveRequest(request_id=key(), owner=owner, lines=lines, channel=channel)


async def reserve(
    harness: ServiceHarness, *lines: stock_pb2.ReservationLine
) -> stock_pb2.Reservation:
    """A promise, made."""
    made: stock_pb2.Reservation = await harness.call(
        "Reserve", reserve_request(*lines), harness.tokens.service("orders")
    )
    return made


async def confirm(harness: ServiceHarness, reservation: str) -> stock_pb2.Reservation:
    """A promise that stands without end."""
    request = pb.ConfirmReservationRequest(reservation=reservation, request_id=key())
    confirmed: stock_pb2.Reservation = await harness.call(
        "ConfirmReservation", request, harness.tokens.service("orders")
    )
    return confirmed


async def figures(harness: ServiceHarness, sku: str) -> tuple[int, int, int]:
    """Units on hand, reserved and available of a sku, everywhere together."""
    answer = await harness.call(
        "GetAvailability",
        pb.GetAvailabilityRequest(skus=[sku], by_location=True),
        harness.tokens.staff("stock.read"),
    )
    levels = answer.availability[0].levels
    return (
        sum(level.on_hand for level in levels),
        sum(level.reserved for level in levels),
        answer.availability[0].available,
    )


async def until_sold_beyond(harness: ServiceHarness, sku: str, units: int) -> None:
    """Waits until the newest state of a sku tells that so many can be sold beyond stock."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            told = [
                (state.availability.revision, state.availability.backorder_available)
                for state in await harness.events(events_pb2.AvailabilityState)
                if state.availability.sku == sku
            ]
            if told and max(told)[1] == units:
                return
            await asyncio.sleep(0.05)


def days(number: int) -> Timestamp:
    """A moment so many days from now."""
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC).replace(microsecond=0) + timedelta(days=number))
    return moment


def supply(
    sku: str, units: int, *, in_days: int = 3, location: str = "lyon", reference: str = "po-1"
) -> stock_pb2.Supply:
    """A purchase order."""
    return stock_pb2.Supply(
        sku=sku,
        location=location,
        reference=reference,
        quantity=units,
        expected_time=days(in_days),
        source=stock_pb2.Supply.SOURCE_PURCHASE_ORDER,
    )


def transfer_request(
    sku: str, units: int, *, origin: str, destination: str
) -> pb.TransferStockRequest:
    """Goods to send."""
    return pb.TransferStockRequest(
        request_id=key(),
        origin=origin,
        destination=destination,
        lines=[stock_pb2.TransferLine(sku=sku, quantity=units)],
        expected_time=days(2),
    )


def import_requests(
    sequence: int,
    *lines: tuple[str, str, int],
    mode: pb.ImportStockRequest.Header.Mode.ValueType = pb.ImportStockRequest.Header.MODE_ABSOLUTE,
) -> list[Message]:
    """A file of an ERP: (sku, location, units), one line in each piece."""
    header = pb.ImportStockRequest.Header(source="erp", sequence=sequence, mode=mode)
    pieces = [
        pb.ImportStockRequest(
            lines=[pb.ImportStockRequest.Line(sku=sku, location=location, quantity=units)]
        )
        for sku, location, units in lines
    ]
    return [pb.ImportStockRequest(header=header), *pieces]


async def differences(harness: ServiceHarness) -> list[str]:
    """What the check of the books finds."""
    request, token = pb.GetStockDifferencesRequest(), harness.tokens.staff("stock.read")
    answer = await harness.call("GetStockDifferences", request, token)
    return [
        f"{each.sku}@{each.location} {each.figure}: {each.kept}, not {each.expected}"
        for each in answer.differences
    ]


async def shows(harness: ServiceHarness, sku: str, expected: tuple[int, int, int]) -> None:
    """Waits until the figures are these."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await figures(harness, sku) != expected:  # noqa: ASYNC110 - a database's state
            await asyncio.sleep(0.02)


async def until_from_memory(harness: ServiceHarness, location: str = "lyon") -> None:
    """Waits until the service answers from memory: it sees no change that nobody told of."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for sku in map("M{}".format, itertools.count()):
            await receive(harness, sku, location, 1)
            before = await figures(harness, sku)
            async with harness.transactions() as session:
                await session.execute("UPDATE stock_item SET on_hand = 2 WHERE sku = $1", sku)
            if await figures(harness, sku) == before:
                return
