"""Many who want the same at once: groups, locks held by others, repetition, two replicas."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.registry import ServiceUnderTest
from comptoir_testing.tokens import TokenFactory
from services.inventory.tests import factories
from services.inventory.tests.factories import PATIENCE_SECONDS, key, wanted

COMMITS = "SELECT count(DISTINCT xmin::text) FROM reservation"
ANNOUNCING = "SELECT pg_advisory_xact_lock(7207101)"
UNTOLD = "SELECT count(*) FROM stock_change"
HAS = "UPDATE stock_item SET on_hand = $2 WHERE sku = $1"
HOLD = "SELECT 1 FROM stock_item WHERE sku = 'A' FOR UPDATE"


async def attempt(harness: ServiceHarness, request: pb.ReserveRequest | pb.SellStockRequest) -> str:
    """`granted`, or the reason of the refusal."""
    name = "Reserve" if isinstance(request, pb.ReserveRequest) else "SellStock"
    try:
        await harness.call(name, request, harness.tokens.service("orders"))
    except RemoteFailure as refusal:
        return refusal.reason
    return "granted"


class TestGroups:
    async def test_promises_of_one_row_are_all_granted(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 300)
        requests = [factories.reserve_request(wanted("A", 1)) for _ in range(200)]
        outcomes = await asyncio.gather(*(attempt(harness, each) for each in requests))
        assert Counter(outcomes) == {"granted": 200}
        assert await factories.figures(harness, "A") == (300, 200, 100)
        assert await factories.differences(harness) == []

    async def test_promises_that_wait_for_one_row_share_commits(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 100)
        requests = [factories.reserve_request(wanted("A", 1)) for _ in range(40)]
        async with harness.transactions() as session:
            await session.execute(HOLD)  # so that they gather, however fast each one is
            waiting = [asyncio.create_task(attempt(harness, each)) for each in requests]
            await factories.receive(harness, "B", "lyon", 1)
        assert Counter(await asyncio.gather(*waiting)) == {"granted": 40}
        assert await factories.figures(harness, "A") == (100, 40, 60)
        async with harness.transactions.reading() as session:
            assert await session.fetchval(COMMITS) < 20  # two, unless some arrive when it is free

    async def test_each_gets_its_own_refusal(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 3)
        lines = [wanted("A", 2), wanted("A", 2), wanted("A", 1), wanted("A", 1, "nowhere")]
        requests = [factories.reserve_request(line) for line in lines]
        outcomes = await asyncio.gather(*(attempt(harness, each) for each in requests))
        assert Counter(outcomes) == {
            "granted": 2,
            "OUT_OF_STOCK": 1,
            "LOCATION_NOT_FOUND": 1,
        }
        assert await factories.figures(harness, "A") == (3, 3, 0)

    async def test_repeated_among_others_has_one_effect(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 100)
        repeated = factories.reserve_request(wanted("A", 1))
        others = [factories.reserve_request(wanted("A", 1)) for _ in range(20)]
        requests = [repeated, *others, *([repeated] * 20)]
        made = await asyncio.gather(
            *(harness.call("Reserve", each, harness.tokens.service("orders")) for each in requests)
        )
        assert len({each.id for each in made}) == 21
        assert await factories.figures(harness, "A") == (100, 21, 79)

    async def test_a_row_that_others_hold_delays_only_who_wants_it(
        self, harness: ServiceHarness
    ) -> None:
        """F20."""
        await factories.stocked(harness, "A", 10)
        await factories.receive(harness, "B", "lyon", 10)
        async with harness.transactions() as session:
            await session.execute(HOLD)
            hot = [factories.reserve_request(wanted("A", 1)) for _ in range(5)]
            waiting = [asyncio.create_task(attempt(harness, each)) for each in hot]
            cold = [factories.reserve_request(wanted("B", 1)) for _ in range(5)]
            assert [await attempt(harness, each) for each in cold] == ["granted"] * 5
            assert await asyncio.gather(*waiting) == ["LOCK_TIMEOUT"] * 5
        assert await factories.figures(harness, "A") == (10, 0, 10)
        assert await attempt(harness, hot[0]) == "granted"

    async def test_a_row_that_is_soon_free_is_waited_for(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 10)
        async with harness.transactions() as session:
            await session.execute(HOLD)
            request = factories.reserve_request(wanted("A", 1))
            waiting = asyncio.create_task(attempt(harness, request))
            await factories.receive(harness, "B", "lyon", 1)
        assert await waiting == "granted"


class TestTills:
    async def test_sales_at_once_sell_what_is_there_and_no_more(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 30)
        await factories.receive(harness, "B", "lyon", 50)
        lines = [wanted("B", 1), wanted("A", 1)]
        sales = [
            pb.SellStockRequest(request_id=key(), owner=f"order/{number}", lines=lines)
            for number in range(50)
        ]
        outcomes = await asyncio.gather(*(attempt(harness, each) for each in sales))
        assert Counter(outcomes) == {"granted": 30, "OUT_OF_STOCK": 20}
        assert await factories.figures(harness, "A") == (0, 0, 0)
        assert await factories.figures(harness, "B") == (20, 0, 20)
        assert await factories.differences(harness) == []
        read = pb.ListMovementsRequest(sku="A", page_size=100)
        listed = await harness.call("ListMovements", read, harness.tokens.staff("stock.read"))
        sold = {each.reference: each.quantity for each in listed.movements if each.quantity < 0}
        assert (len(sold), set(sold.values())) == (30, {-1})


class TestReplicas:
    @pytest.fixture
    async def other(
        self,
        service_under_test: ServiceUnderTest,
        database_url: str,
        nats_url: str,
        harness: ServiceHarness,
        clock: ManualClock,
        tokens: TokenFactory,
    ) -> AsyncIterator[ServiceHarness]:
        """A second process of the service, on the same database."""
        async with ServiceHarness(
            service_under_test,
            database_url=database_url,
            nats_url=nats_url,
            clock=clock,
            tokens=tokens,
        ) as running:
            yield running

    async def test_what_one_commits_the_other_shows(
        self, harness: ServiceHarness, other: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 9)
        await factories.shows(other, "A", (9, 0, 9))
        for number in range(1, 4):
            await factories.reserve(harness, wanted("A", 1))
            assert await factories.figures(harness, "A") == (9, number, 9 - number)
            await factories.shows(other, "A", (9, number, 9 - number))
        location = stock_pb2.Location(code="lyon", active=False)
        request = pb.UpdateLocationRequest(location=location, request_id=key())
        request.location.name, request.location.kind = "lyon", stock_pb2.Location.KIND_STORE
        request.update_mask.paths.append("active")
        await harness.call("UpdateLocation", request, harness.tokens.staff("locations.write"))
        await factories.shows(harness, "A", (0, 0, 0))
        await factories.shows(other, "A", (0, 0, 0))

    async def test_who_watches_at_one_sees_at_once_what_the_other_commits(
        self, harness: ServiceHarness, other: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 9)
        await factories.shows(other, "A", (9, 0, 9))
        # Nothing is announced while somebody else announces: only the signal can tell.
        async with harness.transactions() as session:
            await session.execute(ANNOUNCING)
            await factories.reserve(harness, wanted("A", 2))
            await factories.shows(other, "A", (9, 2, 7))
            assert await session.fetchval(UNTOLD) > 0

    async def test_who_decides_by_it_is_told_what_is_committed_and_not_what_was_heard(
        self, harness: ServiceHarness
    ) -> None:
        orders, customer = harness.tokens.service("orders"), harness.tokens.customer()
        await factories.create_location(harness, "lyon")

        async def told(sku: str, who: str) -> int:
            request = pb.GetAvailabilityRequest(skus=[sku], current=True)
            answer = await harness.call("GetAvailability", request, who)
            return int(answer.availability[0].available)

        async with asyncio.timeout(PATIENCE_SECONDS):
            for sku in map("A{}".format, itertools.count()):  # until it answers from memory
                await factories.receive(harness, sku, "lyon", 9)
                assert await told(sku, customer) == 9
                async with harness.transactions() as session:
                    await session.execute(HAS, sku, 4)
                if await told(sku, customer) == 9:
                    break
        assert (await told(sku, orders), await told(sku, customer)) == (4, 9)

    async def test_a_policy_set_at_one_counts_at_the_other(
        self, harness: ServiceHarness, other: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 1)
        await factories.shows(other, "A", (1, 0, 1))
        policy = stock_pb2.SellingPolicy(
            sku="A", backorder=stock_pb2.SellingPolicy.BACKORDER_UNLIMITED
        )
        request = pb.SetSellingPolicyRequest(request_id=key(), policy=policy)
        await harness.call("SetSellingPolicy", request, harness.tokens.staff(factories.WRITER))

        async def shown() -> stock_pb2.Availability:
            answer: pb.GetAvailabilityResponse = await other.call(
                "GetAvailability", pb.GetAvailabilityRequest(skus=["A"])
            )
            return answer.availability[0]

        async with asyncio.timeout(PATIENCE_SECONDS):
            while not (await shown()).backorder_available:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)

    async def test_both_at_once_promise_no_unit_twice(
        self, harness: ServiceHarness, other: ServiceHarness
    ) -> None:
        """S2, S6: crossing lines, two processes."""
        await factories.stocked(harness, "A", 40)
        await factories.receive(harness, "B", "lyon", 40)
        both = [wanted("A", 1), wanted("B", 1)]
        requests = [
            factories.reserve_request(*(both if number % 2 else reversed(both)))
            for number in range(120)
        ]
        outcomes = Counter(
            await asyncio.gather(
                *(
                    attempt(harness if number % 3 else other, each)
                    for number, each in enumerate(requests)
                )
            )
        )
        assert outcomes == {"granted": 40, "OUT_OF_STOCK": 80}
        await factories.shows(other, "A", (40, 40, 0))
        await factories.shows(other, "B", (40, 40, 0))
        assert await factories.differences(harness) == []

    async def test_watching_shows_no_older_revision_after_a_newer(
        self, harness: ServiceHarness, other: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 100)
        seen: list[tuple[int, int]] = []

        async def watch() -> None:
            async for entry in harness.watch(
                "WatchAvailability", pb.WatchAvailabilityRequest(skus=["A"])
            ):
                seen.append((entry.revision, entry.available))
                if entry.available == 60:
                    return

        watching = asyncio.create_task(watch())
        for number in range(40):
            await factories.reserve(other if number % 2 else harness, wanted("A", 1))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await watching
        assert seen == sorted(seen, key=lambda each: each[0])
        assert [available for _, available in seen] == sorted(
            (available for _, available in seen), reverse=True
        )


class TestMemory:
    """Figures changed behind the service's back tell where its answers come from."""

    async def test_answers_come_from_memory(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await _notices(harness):  # noqa: ASYNC110 - until the news reach the service
                await asyncio.sleep(0.05)
        await factories.reserve(harness, wanted("A", 1))
        assert (await factories.figures(harness, "A"))[1] == 1

    async def test_without_news_the_database_is_asked(
        self,
        service_under_test: ServiceUnderTest,
        database_url: str,
        clock: ManualClock,
        tokens: TokenFactory,
    ) -> None:
        async with ServiceHarness(
            service_under_test,
            database_url=database_url,
            nats_url="nats://127.0.0.1:1",
            clock=clock,
            tokens=tokens,
        ) as alone:
            await factories.stocked(alone, "A", 5)
            for _ in range(3):
                assert await _notices(alone)


async def _notices(harness: ServiceHarness) -> bool:
    """Whether a change that nobody was told of is shown."""
    before = await factories.figures(harness, "A")
    async with harness.transactions() as session:
        await session.execute("UPDATE stock_item SET on_hand = on_hand + 1")
    return await factories.figures(harness, "A") != before
