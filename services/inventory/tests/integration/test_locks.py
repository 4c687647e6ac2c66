"""Locks are taken in one order, and waited for where what comes of it matters.

Places by sku and location, then what is expected there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from google.protobuf.message import Message

from comptoir.inventory.v1 import events_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.orders.v1 import events_pb2 as orders_pb2
from comptoir_runtime.database import Row
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories
from services.inventory.tests.factories import PATIENCE_SECONDS, WRITER, key, supply, wanted

HOLD = "SELECT FROM stock_item WHERE sku = 'A' AND location = $1 FOR UPDATE"
HOLD_PROMISE = "SELECT FROM reservation WHERE id = $1 FOR UPDATE"
WAITS = """
SELECT EXISTS (SELECT FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock') AS waits"""
# And whether what follows is free at that moment.
SEEN = f"""{WAITS},
    EXISTS (SELECT FROM stock_item
        WHERE sku = 'A' AND location = 'y' FOR UPDATE SKIP LOCKED) AS place,
    EXISTS (SELECT FROM supply WHERE reference = 'po-1' FOR UPDATE SKIP LOCKED) AS supply
"""


def sent() -> tuple[str, Message]:
    return "TransferStock", factories.transfer_request("A", 1, origin="y", destination="z")


def announced() -> tuple[str, Message]:
    again = supply("A", 3, location="y")
    return "AnnounceSupply", pb.AnnounceSupplyRequest(request_id=key(), supply=[again])


class TestOrder:
    @pytest.mark.parametrize("change", [sent, announced], ids=["sent", "announced"])
    async def test_who_waits_for_the_first_place_holds_none_that_follows(
        self, harness: ServiceHarness, change: Callable[[], tuple[str, Message]]
    ) -> None:
        """Else two of them wait for each other, until PostgreSQL ends one after a second."""
        for place in "xyz":
            await factories.stocked(harness, "A", 5, place)
        writer = harness.tokens.staff(WRITER)
        expected = [supply("A", 2, location="y")]
        request = pb.AnnounceSupplyRequest(request_id=key(), supply=expected)
        await harness.call("AnnounceSupply", request, writer)
        async with harness.transactions() as session:
            await session.execute(HOLD, "x")
            changing = asyncio.create_task(harness.call(*change(), writer))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (seen := await self._seen(harness))["waits"]:
                    if changing.done():  # it has waited for a second, and nobody looked
                        changing = asyncio.create_task(harness.call(*change(), writer))
                    await asyncio.sleep(0.01)
        await asyncio.wait({changing})
        assert (seen["place"], seen["supply"]) == (True, True)

    @staticmethod
    async def _seen(harness: ServiceHarness) -> Row:
        async with harness.transactions.reading() as session:
            row = await session.fetchrow(SEEN)
        assert row is not None
        return row


class TestGivingBack:
    """Who asks in the moment in which another gives stock back gets it."""

    async def test_a_reserve_is_not_refused_for_what_another_is_giving_back(
        self, harness: ServiceHarness
    ) -> None:
        await self._meanwhile(harness, "Reserve", factories.reserve_request(wanted("A", 1)))
        assert await factories.figures(harness, "A") == (2, 1, 1)

    async def test_a_till_is_not_refused_for_what_another_is_giving_back(
        self, harness: ServiceHarness
    ) -> None:
        sale = pb.SellStockRequest(request_id=key(), owner="order/1", lines=[wanted("A", 1)])
        await self._meanwhile(harness, "SellStock", sale)
        assert await factories.figures(harness, "A") == (1, 0, 1)
        assert await factories.differences(harness) == []

    @staticmethod
    async def _meanwhile(harness: ServiceHarness, name: str, request: Message) -> None:
        """Asks while somebody else works on a promise of all there is, whose time is up."""
        await factories.stocked(harness, "A", 2)
        made = await factories.reserve(harness, wanted("A", 2))
        async with harness.transactions() as another:
            await another.execute(HOLD_PROMISE, made.id)
            harness.clock.advance(15 * 60 + 1)
            asking = asyncio.create_task(
                harness.call(name, request, harness.tokens.service("orders"))
            )
            while not (asking.done() or await somebody_waits(harness)):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
        await asking


class TestKept:
    async def test_the_news_of_an_order_whose_stock_is_kept_wait_for_nobody(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 2)
        made = await factories.reserve(harness, wanted("A", 2))
        await factories.confirm(harness, made.id)
        placed = orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=made.id)
        async with harness.transactions() as another:
            await another.execute(HOLD_PROMISE, made.id)
            await harness.deliver(placed)
        [confirmed] = await harness.events(events_pb2.ReservationConfirmed)
        assert confirmed.reservation_id == made.id

    async def test_the_news_of_an_order_that_gives_its_stock_back_meanwhile_are_no_failure(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 2)
        made = await factories.reserve(harness, wanted("A", 2))
        placed = orders_pb2.OrderPlaced(order_id="ord_1", reservation_id=made.id)
        async with harness.transactions() as another:
            await another.execute("UPDATE reservation SET state = 4 WHERE id = $1", made.id)
            taking_in = asyncio.create_task(harness.deliver(placed))
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await somebody_waits(harness):  # noqa: ASYNC110 - PostgreSQL tells nobody
                    await asyncio.sleep(0.01)
        await taking_in
        assert await harness.events(events_pb2.ReservationConfirmed) == []


async def somebody_waits(harness: ServiceHarness) -> bool:
    # In a transaction of its own: within one, PostgreSQL shows no connection that is younger.
    async with harness.transactions.reading() as session:
        return bool(await session.fetchval(WAITS))
