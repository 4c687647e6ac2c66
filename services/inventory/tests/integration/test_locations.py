"""Places where stock can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.inventory.tests import factories
from services.inventory.tests.factories import PATIENCE_SECONDS, key, wanted

WRITER = "locations.write"


def place(time_zone: str) -> stock_pb2.Location:
    kind = stock_pb2.Location.KIND_STORE
    return stock_pb2.Location(code="lyon", name="Lyon", kind=kind, time_zone=time_zone)


class TestTimeZone:
    async def test_is_one_of_the_iana_database(self, harness: ServiceHarness) -> None:
        writer = harness.tokens.staff(WRITER)
        for name in ("Europe/Lyon", "CET-1", "europe/paris"):
            request = pb.CreateLocationRequest(request_id=key(), location=place(name))
            with pytest.raises(RemoteFailure) as refused:
                await harness.call("CreateLocation", request, writer)
            assert [each.field for each in refused.value.violations] == ["location.time_zone"]

        request = pb.CreateLocationRequest(request_id=key(), location=place("Europe/Paris"))
        created = await harness.call("CreateLocation", request, writer)
        assert created.time_zone == "Europe/Paris"

        change = pb.UpdateLocationRequest(request_id=key(), location=place("Paris"))
        change.update_mask.paths.append("time_zone")
        with pytest.raises(RemoteFailure) as refused:
            await harness.call("UpdateLocation", change, writer)
        assert [each.field for each in refused.value.violations] == ["location.time_zone"]


class TestChannels:
    async def test_only_places_that_serve_a_channel_count_for_it(
        self, harness: ServiceHarness
    ) -> None:
        await _two_places(harness)
        assert await _available(harness, "") == (3, ["lyon", "paris"])
        assert await _available(harness, "store") == (3, ["lyon", "paris"])
        assert await _available(harness, "web") == (1, ["lyon"])

    async def test_an_order_takes_nothing_from_a_place_that_does_not_serve_its_channel(
        self, harness: ServiceHarness
    ) -> None:
        await _two_places(harness)
        orders = harness.tokens.service("orders")
        request = factories.reserve_request(wanted("A", 1, "paris"), channel="web")
        with pytest.raises(RemoteFailure) as refused:
            await harness.call("Reserve", request, orders)
        assert refused.value.reason == "OUT_OF_STOCK"
        [short] = refused.value.preconditions
        assert (short.subject, short.description) == ("A@paris", "0 available, 1 asked for")
        assert await factories.figures(harness, "A") == (3, 0, 3)

        request = factories.reserve_request(wanted("A", 1, "paris"), channel="store")
        await harness.call("Reserve", request, orders)
        assert await factories.figures(harness, "A") == (3, 1, 2)

    async def test_who_watches_for_a_channel_sees_that_a_place_serves_it_no_more(
        self, harness: ServiceHarness
    ) -> None:
        await _two_places(harness)
        request = pb.WatchAvailabilityRequest(skus=["A"], channel="store")
        seen = []
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for entry in harness.watch("WatchAvailability", request):
                seen.append(entry.available)
                if len(seen) == 2:
                    break
                await _serves(harness, "paris", ["app"])
        assert seen == [3, 1]

    async def test_a_place_says_which_it_serves_each_once(self, harness: ServiceHarness) -> None:
        made = await factories.create_location(harness, "lyon", channels=["web", "app"])
        assert list(made.channels) == ["app", "web"]
        changed = await _serves(harness, "lyon", [])
        assert list(changed.channels) == []
        listed = await harness.call("ListLocations", pb.ListLocationsRequest())
        assert [list(each.channels) for each in listed.locations] == [[]]
        with pytest.raises(RemoteFailure) as refused:
            await _serves(harness, "lyon", ["web", "web"])
        assert [each.field for each in refused.value.violations] == ["location.channels"]


async def _two_places(harness: ServiceHarness) -> None:
    """A unit in Lyon, for all; two in Paris, for its own customers."""
    await factories.stocked(harness, "A", 1)
    await factories.create_location(harness, "paris", channels=["store"])
    await factories.receive(harness, "A", "paris", 2)


async def _available(harness: ServiceHarness, channel: str) -> tuple[int, list[str]]:
    request = pb.GetAvailabilityRequest(skus=["A"], by_location=True, channel=channel)
    answer = await harness.call("GetAvailability", request)
    [entry] = answer.availability
    return entry.available, [level.location for level in entry.levels]


async def _serves(
    harness: ServiceHarness, code: str, channels: Sequence[str]
) -> stock_pb2.Location:
    location = stock_pb2.Location(
        code=code, name=code, kind=stock_pb2.Location.KIND_STORE, channels=channels
    )
    request = pb.UpdateLocationRequest(request_id=key(), location=location)
    request.update_mask.paths.append("channels")
    changed: stock_pb2.Location = await harness.call(
        "UpdateLocation", request, harness.tokens.staff(WRITER)
    )
    return changed
