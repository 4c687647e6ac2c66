"""The rows themselves: leases, versions, news."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import asyncpg
import pytest

from comptoir_orders.domain.orders import Order
from comptoir_orders.domain.placement import State
from comptoir_orders.domain.processes import CaptureData, Kind, PlacementData, Step
from comptoir_orders.domain.schedule import LEASE
from comptoir_orders.errors import CartAlreadyOrdered, Overtaken
from comptoir_orders.store import bystanders, processes
from comptoir_orders.store import orders as order_store
from comptoir_orders.store.processes import Lease, Process
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Database
from comptoir_runtime.errors import IdempotencyKeyReused
from comptoir_runtime.idempotency import RequestKey
from services.orders.tests import factories


@pytest.fixture
def lease(clock: ManualClock) -> Lease:
    return Lease("drv_1", clock.now() + LEASE)


async def begun(
    database: Database, lease: Lease | None, *, key: str = "req-1", order: str = "ord_1"
) -> Process:
    now = database.clock.now()
    new = processes.new(
        Kind.PLACEMENT,
        RequestKey("", "cus_test", key, b"body"),
        order,
        State.CREATED,
        PlacementData(factories.intent()),
        now,
        now + timedelta(minutes=2),
    )
    async with database.transactions() as session:
        process = await processes.begin(session, new, lease, numbered=True)
    assert process is not None
    return process


async def claimed(database: Database, lease: Lease) -> list[str]:
    async with database.transactions() as session:
        return [process.id for process in await processes.claim(session, lease, 10)]


class TestLease:
    async def test_what_somebody_drives_is_left_alone_until_the_lease_is_over(
        self, database: Database, clock: ManualClock, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        other = Lease("drv_2", clock.now() + 3 * LEASE)

        assert await claimed(database, other) == []
        clock.advance(14)
        assert await claimed(database, other) == []
        clock.advance(1)
        assert await claimed(database, other) == [process.id]
        assert await claimed(database, lease) == []

    async def test_who_was_overtaken_can_write_nothing(
        self, database: Database, clock: ManualClock, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        clock.advance(15)
        await claimed(database, Lease("drv_2", clock.now() + LEASE))
        after = replace(process, state=State.SOURCED)

        async with database.transactions() as session:
            for write in (
                processes.advance(session, process, after, lease.until),
                processes.advance(session, process, after, lease.until, numbered=True),
                processes.park(session, process, after),
                processes.end(session, process, after),
                processes.forget(session, process),
                order_store.place(session, process, after, order_of(process)),
            ):
                with pytest.raises(Overtaken):
                    await write

        async with database.transactions.reading() as session:
            found = await processes.by_id(session, process.id, Kind.PLACEMENT)
            assert found is not None
            assert (found.state, found.version) == (State.CREATED, process.version + 1)
            assert await order_store.by_id(session, process.order) is None

    async def test_two_workers_never_take_the_same(
        self, database: Database, clock: ManualClock
    ) -> None:
        for number in range(20):
            await begun(database, None, key=f"req-{number}", order=f"ord_{number}")
        first, second = (Lease(f"drv_{number}", clock.now() + LEASE) for number in (1, 2))

        async with database.transactions() as one, database.transactions() as two:
            taken = await processes.claim(one, first, 10)
            others = await processes.claim(two, second, 10)

        assert len({process.id for process in (*taken, *others)}) == 20

    async def test_what_is_driven_is_not_taken_from_the_driver(
        self, database: Database, clock: ManualClock, lease: Lease
    ) -> None:
        process = await begun(database, lease)

        async with database.transactions() as session:
            with pytest.raises(Overtaken):
                await processes.advance(session, replace(process, version=7), process, lease.until)

    async def test_what_is_called_off_is_heard_with_the_next_write(
        self, database: Database, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        async with database.transactions() as session:
            told = await bystanders.call_off(session, process, "no more", Lease("x", lease.until))
            sourced = replace(process, state=State.SOURCED)
            written = await processes.advance(session, process, sourced, lease.until)

        assert (told.version, told.called_off) == (process.version, "no more")
        assert (written.version, written.called_off) == (process.version + 1, "no more")

    async def test_what_is_called_off_cannot_be_placed(
        self, database: Database, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        async with database.transactions() as session:
            await bystanders.call_off(session, process, "no more", lease)

        with pytest.raises(Overtaken):
            async with database.transactions() as session:
                await order_store.place(session, process, placed(process), order_of(process))
        async with database.transactions.reading() as session:
            assert await order_store.by_id(session, process.order) is None
            assert await bystanders.called_off(session, process) == "no more"


class TestRequest:
    async def test_the_same_key_is_found_and_another_body_refused(
        self, database: Database, lease: Lease
    ) -> None:
        process = await begun(database, lease)

        async with database.transactions() as session:
            same = RequestKey("", "cus_test", "req-1", b"body")
            assert await processes.begin(session, process, lease) is None
            found = await processes.by_request(session, Kind.PLACEMENT, same)
            assert found is not None
            assert (found.id, found.document) == (process.id, process.document)
            with pytest.raises(IdempotencyKeyReused):
                await processes.by_request(
                    session, Kind.PLACEMENT, replace(same, request_hash=b"other")
                )
            stranger = replace(same, caller="cus_other")
            assert await processes.by_request(session, Kind.PLACEMENT, stranger) is None


class TestNews:
    async def test_news_for_what_has_ended_are_for_nobody(
        self, database: Database, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        async with database.transactions() as session:
            assert await bystanders.nudge(session, "ord_1") is None
            await processes.end(session, process, replace(process, state=State.FAILED))
            assert await bystanders.nudge(session, "ord_1") == State.FAILED
            assert await bystanders.nudge(session, "ord_unknown") is None

    async def test_an_end_that_comes_in_between_is_not_missed(
        self, database: Database, lease: Lease
    ) -> None:
        """The end commits while the news wait for its row."""
        process = await begun(database, lease)

        async def hear() -> str | None:
            async with database.transactions() as session:
                return await bystanders.nudge(session, "ord_1")

        async with database.transactions() as session:
            await processes.end(session, process, replace(process, state=State.FAILED))
            hearing = asyncio.create_task(hear())
            async with database.transactions.reading() as other:
                while not await other.fetchval(_WAITING):  # noqa: ASYNC110 - the server's doing
                    await asyncio.sleep(0.01)

        assert await hearing == State.FAILED


class TestWhatTheDatabaseRefuses:
    async def test_a_cart_becomes_one_order(self, database: Database, lease: Lease) -> None:
        for number in (1, 2):
            process = await begun(database, lease, key=f"req-{number}", order=f"ord_{number}")
            order = order_of(process)
            if number == 1:
                async with database.transactions() as session:
                    await order_store.place(session, process, placed(process), order)
        with pytest.raises(CartAlreadyOrdered):
            async with database.transactions() as session:
                await order_store.place(session, process, placed(process), order)

    async def test_more_than_the_total_is_never_captured(
        self, database: Database, lease: Lease
    ) -> None:
        process = await begun(database, lease)
        async with database.transactions() as session:
            await order_store.place(session, process, placed(process), order_of(process))

        async with database.transactions() as session:
            await order_store.add_captured(session, "ord_1", 7490)
        with pytest.raises(asyncpg.CheckViolationError):
            async with database.transactions() as session:
                await order_store.add_captured(session, "ord_1", 1)

    async def test_a_fulfilment_is_captured_by_one_process(self, database: Database) -> None:
        capture = processes.new(
            Kind.CAPTURE,
            processes.own("ful_1"),
            "ord_1",
            Step.STARTED,
            CaptureData("ful_1", "pay_1", 100, "EUR"),
            database.clock.now(),
            database.clock.now(),
        )
        async with database.transactions() as session:
            assert await processes.begin(session, capture, None) is not None
            again = replace(capture, id="cap_2")
            assert await processes.begin(session, again, None) is None


# Somebody waits for a row of ours.
_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'"""


def placed(process: Process) -> Process:
    return replace(process, state=State.PLACED, next_run_at=None)


def order_of(process: Process) -> Order:
    return factories.order(order_id=process.order, serial=process.serial or 0)
