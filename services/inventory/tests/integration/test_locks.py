"""Locks are taken in one order, and waited for where what comes of it matters.

Places by sku and location, then what is expected there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from google.protobuf.message import Message

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir_runtime.database import Row
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories
from services.inventory.tests.factories import PATIENCE_SECONDS, WRITER, key, supply

HOLD = "SELECT FROM stock_item WHERE sku = 'A' AND location = $1 FOR UPDATE"
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
    async def test_a_reserve_is_not_refused_for_what_another_is_giving_back(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 2)
        made = await factories.reserve(harness, factories.wanted("A", 2))
        async with harness.transactions() as another:
            await another.execute("SELECT FROM reservation WHERE id = $1 FOR UPDATE", made.id)
            harness.clock.advance(15 * 60 + 1)
            asking = asyncio.create_task(factories.reserve(harness, factories.wanted("A", 1)))
            while not (asking.done() or await another.fetchval(WAITS)):  # noqa: ASYNC110 - PostgreSQL tells nobody
                await asyncio.sleep(0.01)
        await asking
        assert await factories.figures(harness, "A") == (2, 1, 1)
