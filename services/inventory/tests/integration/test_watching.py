"""Who watches what can be promised: some skus, or all that a location has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

import pytest

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_inventory.domain.locations import Wish
from comptoir_inventory.events.feed import Feed
from comptoir_inventory.operations import watching
from comptoir_inventory.operations.board import Board
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories

READER = "stock.read"


class TestWatch:
    async def test_a_change_reaches_those_who_watch(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        request = pb.WatchAvailabilityRequest(skus=["A"])
        seen: list[int] = []
        async with asyncio.timeout(factories.PATIENCE_SECONDS):
            async for entry in harness.watch("WatchAvailability", request):
                seen.append(entry.available)
                if len(seen) == 2:
                    break
                await factories.reserve(harness, factories.wanted("A", 2))
        assert seen == [5, 3]

    async def test_a_location_that_closes_is_seen(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.until_from_memory(harness)
        seen: list[int] = []
        location = stock_pb2.Location(code="lyon", name="x", kind=stock_pb2.Location.KIND_STORE)
        closing = pb.UpdateLocationRequest(location=location, request_id=factories.key())
        closing.update_mask.paths.append("active")
        watched = pb.WatchAvailabilityRequest(skus=["A"], locations=["lyon"])
        async with asyncio.timeout(factories.PATIENCE_SECONDS):
            async for entry in harness.watch("WatchAvailability", watched):
                seen.append(entry.available)
                if len(seen) == 2:
                    break
                token = harness.tokens.staff("locations.write")
                await harness.call("UpdateLocation", closing, token)
        assert seen == [5, 0]


class TestFigures:
    """What is in a building is for the retailer (19); what can be promised there is for all."""

    @staticmethod
    async def _asked(harness: ServiceHarness, token: str | None) -> list[stock_pb2.StockLevel]:
        request = pb.GetAvailabilityRequest(skus=["A"], by_location=True)
        answer = await harness.call("GetAvailability", request, token)
        watching = harness.watch(
            "WatchAvailability", pb.WatchAvailabilityRequest(skus=["A"]), token
        )
        async with asyncio.timeout(factories.PATIENCE_SECONDS), aclosing(watching) as entries:
            watched = await anext(entries)
        return [*answer.availability[0].levels, *watched.levels]

    async def test_staff_who_may_read_stock_see_what_is_there(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.reserve(harness, factories.wanted("A", 2))

        levels = await self._asked(harness, harness.tokens.staff(READER))

        assert [(level.on_hand, level.reserved, level.available) for level in levels] == [
            (5, 2, 3)
        ] * 2

    @pytest.mark.parametrize("who", ["nobody", "a customer", "other staff"])
    async def test_others_are_told_what_can_be_promised_only(
        self, harness: ServiceHarness, who: str
    ) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.reserve(harness, factories.wanted("A", 2))
        tokens = {
            "nobody": None,
            "a customer": harness.tokens.customer("cus_1"),
            "other staff": harness.tokens.staff("orders.read"),
        }

        for level in await self._asked(harness, tokens[who]):
            assert (level.location, level.available) == ("lyon", 3)
            told = {field.name for field, _ in level.ListFields()}
            assert told == {"location", "available", "version"}


class TestWholeLocations:
    async def test_all_that_a_location_has_is_told_page_by_page_and_then_as_it_changes(
        self, harness: ServiceHarness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(watching, "PAGE", 2)
        await factories.stocked(harness, "A", 1)
        for sku in ("B", "C"):
            await factories.receive(harness, sku, "lyon", 2)
        await factories.stocked(harness, "A", 4, "paris")
        await factories.receive(harness, "D", "paris", 4)
        await factories.create_location(harness, "depot")
        await factories.until_from_memory(harness, "depot")
        async with listening(harness, "lyon") as told:
            assert [await told() for _ in range(3)] == [("A", 1), ("B", 2), ("C", 2)]
            await factories.receive(harness, "D", "paris", 1)
            await factories.receive(harness, "A", "paris", 1)
            await factories.receive(harness, "B", "lyon", 1)
            assert await told() == ("B", 3)
            await factories.receive(harness, "E", "lyon", 5)
            assert await told() == ("E", 5)
            await factories.reserve(harness, factories.wanted("A", 1))
            assert await told() == ("A", 0)

    async def test_what_becomes_of_a_location_is_told_of_all_that_it_has(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        await factories.until_from_memory(harness, "lyon")
        async with listening(harness, "lyon") as told:
            assert await told() == ("A", 1)
            while (await told())[0] != "M0":
                pass
            location = stock_pb2.Location(code="lyon", name="x", kind=stock_pb2.Location.KIND_STORE)
            closing = pb.UpdateLocationRequest(location=location, request_id=factories.key())
            closing.update_mask.paths.append("active")
            token = harness.tokens.staff("locations.write")
            await harness.call("UpdateLocation", closing, token)
            while (entry := await told())[0] != "A":
                pass
            assert entry == ("A", 0)

    async def test_skus_that_nobody_has_named_are_for_staff(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 1)
        for token, locations, reason in (
            (None, ["lyon"], "UNAUTHENTICATED"),
            (harness.tokens.customer(), ["lyon"], "PERMISSION_DENIED"),
            (harness.tokens.staff("stock.write"), ["lyon"], "PERMISSION_DENIED"),
            (harness.tokens.staff(READER), [], "INVALID_FIELDS"),
        ):
            request = pb.WatchAvailabilityRequest(locations=locations)
            with pytest.raises(RemoteFailure) as refused:
                await anext(harness.watch("WatchAvailability", request, token))
            assert refused.value.reason == reason
        assert [each.field for each in refused.value.violations] == ["skus"]


class TestReadBeforeItIsTold:
    """Somebody asks for a sku between its change, in another replica, and the news of it."""

    async def test_who_listens_to_its_place_hears_of_it_all_the_same(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        board = board_of(harness)
        with board.watching([], ["lyon"]) as watch:
            watch.take()
            [entry] = await board.availability(harness.transactions, ["A"], Wish())
            board.glimpsed("A", entry.levels)
            assert watch.take() == ["A"]

    async def test_figures_are_known_when_who_listens_to_their_place_was_told(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        board = board_of(harness)
        with board.watching([], ["lyon"]) as watch, board.watching([], ["paris"]):
            [entry] = await board.availability(harness.transactions, ["A"], Wish())
            assert not board.knows("A", entry.revision)
            assert watch.is_new(entry)
            assert board.knows("A", entry.revision)
            assert not board.knows("A", entry.revision + 1)

    async def test_what_becomes_of_a_place_concerns_what_is_not_in_memory_too(
        self, harness: ServiceHarness
    ) -> None:
        board = board_of(harness)
        with (
            board.watching([], ["lyon"]) as watch,
            board.watching([], ["paris"]) as elsewhere,
        ):
            watch.take()
            elsewhere.take()
            board.place_changed("lyon")
            assert (watch.take(), elsewhere.take()) == (None, [])


class LiveFeed(Feed):
    """News come when a test brings them."""

    live = True


def board_of(harness: ServiceHarness) -> Board:
    """What another replica shows."""
    feed = LiveFeed(harness.service.runtime.bus)
    return Board(feed, lambda: None, harness.clock.now)


@asynccontextmanager
async def listening(
    harness: ServiceHarness, location: str
) -> AsyncIterator[Callable[[], Awaitable[tuple[str, int]]]]:
    """Asks what is told next of all that a location has: the sku and what is available of it."""
    request = pb.WatchAvailabilityRequest(locations=[location])
    entries = harness.watch("WatchAvailability", request, harness.tokens.staff(READER))

    async def told() -> tuple[str, int]:
        async with asyncio.timeout(factories.PATIENCE_SECONDS):
            entry = await anext(entries)
        return entry.sku, entry.available

    async with aclosing(entries):
        yield told
