"""Figures of stock over gRPC: adjustments, safety stock, transfers, imports, what is told."""

from __future__ import annotations

import asyncio

import asyncpg
import psycopg
import pytest

from comptoir.inventory.v1 import events_pb2, stock_pb2
from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir_inventory.domain.stock import Change, Movement, Reason
from comptoir_inventory.store import stock as stock_store
from comptoir_runtime import migrations
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.reading import rows_read
from services.inventory.tests import factories
from services.inventory.tests.factories import WRITER, import_requests, key, wanted

DELTA = pb.ImportStockRequest.Header.MODE_DELTA


async def set_safety(harness: ServiceHarness, units: int, low_stock: int = 0) -> None:
    line = pb.SafetyStock(sku="A", location="lyon", quantity=units, low_stock=low_stock)
    request = pb.SetSafetyStockRequest(request_id=key(), lines=[line])
    await harness.call("SetSafetyStock", request, harness.tokens.staff(WRITER))


async def adjust(harness: ServiceHarness, units: int) -> None:
    line = pb.StockDifference(sku="A", location="lyon", quantity=units)
    reason = stock_pb2.Movement.REASON_DAMAGE
    request = pb.AdjustStockRequest(request_id=key(), lines=[line], reason=reason)
    await harness.call("AdjustStock", request, harness.tokens.staff(WRITER))


async def upload(
    harness: ServiceHarness,
    sequence: int,
    *lines: tuple[str, str, int],
    mode: pb.ImportStockRequest.Header.Mode.ValueType = pb.ImportStockRequest.Header.MODE_ABSOLUTE,
) -> pb.ImportStockResponse:
    requests = import_requests(sequence, *lines, mode=mode)
    answer: pb.ImportStockResponse = await harness.upload(
        "ImportStock", requests, harness.tokens.staff(WRITER)
    )
    return answer


async def count(harness: ServiceHarness, sku: str, units: int) -> None:
    line = pb.StockQuantity(sku=sku, location="lyon", quantity=units)
    request = pb.CountStockRequest(request_id=key(), lines=[line])
    await harness.call("CountStock", request, harness.tokens.staff(factories.WRITER))


class TestCount:
    async def test_a_count_writes_the_difference(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await count(harness, "A", 3)
        assert await factories.figures(harness, "A") == (3, 0, 3)
        listed = await harness.call(
            "ListMovements",
            pb.ListMovementsRequest(sku="A"),
            harness.tokens.staff("stock.read"),
        )
        assert [movement.quantity for movement in listed.movements] == [-2, 5]
        assert await factories.differences(harness) == []

    async def test_a_count_below_what_is_promised_is_refused(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.reserve(harness, wanted("A", 3))
        with pytest.raises(RemoteFailure) as refusal:
            await count(harness, "A", 2)
        assert refusal.value.reason == "COUNT_BELOW_RESERVED"
        assert await factories.figures(harness, "A") == (5, 3, 2)


class TestSafetyStock:
    async def test_is_kept_back_from_sale(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await set_safety(harness, 4)
        assert await factories.figures(harness, "A") == (5, 0, 1)
        with pytest.raises(RemoteFailure, match="only 1 of A"):
            await factories.reserve(harness, wanted("A", 2))

    async def test_low_out_and_back_are_told_once_each(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await set_safety(harness, 0, low_stock=2)
        for units in (1, 2, 1, 1):
            made = await factories.reserve(harness, wanted("A", units))
        request = pb.ReleaseReservationRequest(reservation=made.id, request_id=key())
        await harness.call("ReleaseReservation", request, harness.tokens.service("orders"))
        assert [each.available for each in await harness.events(events_pb2.StockLow)] == [2]
        assert [each.available for each in await harness.events(events_pb2.StockOut)] == [0]
        assert [each.available for each in await harness.events(events_pb2.StockBack)] == [5, 1]


class TestAdjust:
    async def test_damage_is_taken_off(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await adjust(harness, -2)
        assert await factories.figures(harness, "A") == (3, 0, 3)
        assert await factories.differences(harness) == []

    async def test_what_is_promised_stays_covered(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.reserve(harness, wanted("A", 4))
        with pytest.raises(RemoteFailure) as refusal:
            await adjust(harness, -2)
        assert refusal.value.reason == "NOT_ENOUGH_STOCK"
        assert refusal.value.metadata["free"] == "1"
        assert await factories.figures(harness, "A") == (5, 4, 1)


class TestTransfer:
    async def test_goods_leave_are_on_their_way_and_come(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.create_location(harness, "paris")
        staff = harness.tokens.staff(WRITER, "stock.read")
        request = factories.transfer_request("A", 3, origin="lyon", destination="paris")
        sent = await harness.call("TransferStock", request, staff)
        assert await factories.figures(harness, "A") == (2, 0, 2)
        listed = await harness.call("ListSupply", pb.ListSupplyRequest(location="paris"), staff)
        [coming] = listed.supply
        assert (coming.quantity, coming.source) == (3, stock_pb2.Supply.SOURCE_TRANSFER)

        came = [stock_pb2.TransferLine(sku="A", quantity=2)]
        arrival = pb.ReceiveTransferRequest(transfer=sent.id, request_id=key(), lines=came)
        received = await harness.call("ReceiveTransfer", arrival, staff)
        assert received.state == stock_pb2.Transfer.STATE_RECEIVED
        assert (received.lines[0].quantity, received.lines[0].received_quantity) == (3, 2)
        assert await factories.figures(harness, "A") == (4, 0, 4)
        listed = await harness.call("ListSupply", pb.ListSupplyRequest(), staff)
        assert list(listed.supply) == []
        assert await factories.differences(harness) == []
        arrival.request_id = key()
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("ReceiveTransfer", arrival, staff)
        assert refusal.value.reason == "TRANSFER_ENDED"

    async def test_what_never_came_is_told_to_be_expected_no_more(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.create_location(harness, "paris")
        writer = harness.tokens.staff(WRITER)
        policy = stock_pb2.SellingPolicy(
            sku="A", backorder=stock_pb2.SellingPolicy.BACKORDER_UNTIL_DATE
        )
        policy.backorder_until_time.CopyFrom(factories.days(9))
        request = pb.SetSellingPolicyRequest(request_id=key(), policy=policy)
        await harness.call("SetSellingPolicy", request, writer)
        sending = factories.transfer_request("A", 2, origin="lyon", destination="paris")
        sent = await harness.call("TransferStock", sending, writer)
        nothing = pb.ReceiveTransferRequest(
            transfer=sent.id,
            request_id=key(),
            lines=[stock_pb2.TransferLine(sku="A", quantity=0)],
        )
        await factories.until_sold_beyond(harness, "A", 2)
        await harness.call("ReceiveTransfer", nothing, writer)
        await factories.until_sold_beyond(harness, "A", 0)

    async def test_a_sku_that_came_is_named_once(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.create_location(harness, "paris")
        writer = harness.tokens.staff(WRITER)
        sending = factories.transfer_request("A", 2, origin="lyon", destination="paris")
        sent = await harness.call("TransferStock", sending, writer)
        half = stock_pb2.TransferLine(sku="A", quantity=1)
        request = pb.ReceiveTransferRequest(transfer=sent.id, request_id=key(), lines=[half, half])
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("ReceiveTransfer", request, writer)
        assert [each.field for each in refusal.value.violations] == ["lines[1].sku"]
        assert await factories.figures(harness, "A") == (3, 0, 3)

    async def test_what_is_no_moment_is_named(self, harness: ServiceHarness) -> None:
        sending = factories.transfer_request("A", 2, origin="lyon", destination="paris")
        sending.expected_time.seconds = 2**60
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("TransferStock", sending, harness.tokens.staff(WRITER))
        assert [each.field for each in refusal.value.violations] == ["expected_time"]

    async def test_what_is_promised_does_not_leave(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.create_location(harness, "paris")
        await factories.reserve(harness, wanted("A", 3))
        request = factories.transfer_request("A", 3, origin="lyon", destination="paris")
        with pytest.raises(RemoteFailure) as refusal:
            await harness.call("TransferStock", request, harness.tokens.staff(WRITER))
        assert refusal.value.reason == "NOT_ENOUGH_STOCK"
        assert await factories.figures(harness, "A") == (5, 3, 2)


class TestImport:
    async def test_absolute_figures_are_set_and_bad_lines_named(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        await factories.reserve(harness, wanted("A", 2))
        answer = await upload(harness, 1, ("A", "lyon", 4), ("B", "lyon", 7), ("B", "mars", 1))
        assert (answer.applied, answer.skipped, answer.rejected_count) == (2, 0, 1)
        [rejected] = answer.rejected
        assert (rejected.line, rejected.reason) == (3, "LOCATION_NOT_FOUND")
        assert await factories.figures(harness, "A") == (4, 2, 2)
        assert await factories.figures(harness, "B") == (7, 0, 7)
        answer = await upload(harness, 2, ("A", "lyon", 1))
        assert [each.reason for each in answer.rejected] == ["BELOW_RESERVED"]
        assert await factories.differences(harness) == []

    async def test_a_file_sent_again_is_taken_over_once(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        first = await upload(harness, 1, ("A", "lyon", 3), mode=DELTA)
        second = await upload(harness, 1, ("A", "lyon", 3), ("B", "lyon", 2), mode=DELTA)
        assert (first.applied, second.applied, second.skipped) == (1, 1, 1)
        assert await factories.figures(harness, "A") == (8, 0, 8)
        assert await factories.figures(harness, "B") == (2, 0, 2)

    async def test_a_second_line_of_a_place_is_named_however_far_behind(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        lines = (("A", "lyon", 3), ("B", "lyon", 1), ("A", "lyon", 4))
        first = await upload(harness, 1, *lines, mode=DELTA)
        again = await upload(harness, 1, *lines, mode=DELTA)
        assert [(each.line, each.reason) for each in first.rejected] == [(3, "DUPLICATE_LINE")]
        assert (first.applied, first.skipped) == (2, 0)
        assert (again.applied, again.skipped) == (0, 3)
        assert await factories.figures(harness, "A") == (8, 0, 8)

    async def test_a_stale_file_changes_nothing(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        await upload(harness, 2, ("A", "lyon", 8))
        with pytest.raises(RemoteFailure) as refusal:
            await upload(harness, 1, ("A", "lyon", 1))
        assert refusal.value.reason == "STALE_IMPORT"
        assert refusal.value.metadata["newest"] == "2"
        assert await factories.figures(harness, "A") == (8, 0, 8)

    async def test_lines_without_a_header_are_refused(self, harness: ServiceHarness) -> None:
        with pytest.raises(RemoteFailure) as refusal:
            await harness.upload(
                "ImportStock",
                import_requests(1, ("A", "lyon", 1))[1:],
                harness.tokens.staff(WRITER),
            )
        assert [each.field for each in refusal.value.violations] == ["header"]


class TestBooks:
    async def test_a_difference_is_found_and_named(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        assert await factories.differences(harness) == []
        async with harness.transactions() as session:
            await session.execute("UPDATE stock_item SET on_hand = 7, reserved = 1")
        assert await factories.differences(harness) == [
            "A@lyon on_hand: 7, not 5",
            "A@lyon promised: 1, not 0",
        ]

    async def test_a_look_reads_no_movement(self, harness: ServiceHarness) -> None:
        await factories.stocked(harness, "A", 5)
        for _ in range(5):
            await adjust(harness, -1)
        async with harness.transactions() as session:
            await session.execute("UPDATE stock_item SET on_hand = 99")
            before = await rows_read(session, "movement")
            found = await stock_store.moved_otherwise(session, 10)
            fetched = await rows_read(session, "movement") - before
        assert (found, fetched) == ([("A", "lyon", 99, 0)], 0)

    async def test_nothing_is_moved_where_there_is_no_stock(self, harness: ServiceHarness) -> None:
        now = harness.clock.now()
        stray = Movement("mov_1", "A", "nowhere", 3, Reason.RECEIPT, "", "shop", now)
        with pytest.raises(asyncpg.ForeignKeyViolationError, match="no stock of A at nowhere"):
            async with harness.transactions() as session:
                await stock_store.add_movements(session, [stray])
        async with harness.transactions.reading() as session:
            assert await session.fetchval("SELECT count(*) FROM movement") == 0

    async def test_what_was_moved_before_sums_were_kept_is_summed_by_the_migration(
        self, harness: ServiceHarness, owner_url: str
    ) -> None:
        await factories.stocked(harness, "A", 5)
        await upload(harness, 1, ("A", "lyon", 7), ("B", "lyon", 3))
        head = await asyncio.to_thread(_forget_sums, owner_url)

        await asyncio.to_thread(migrations.run, "comptoir_inventory", owner_url, revision="0009")

        await asyncio.to_thread(_say_revision, owner_url, head)
        async with harness.transactions.reading() as session:
            sums = await session.fetch("SELECT sku, moved FROM stock_item ORDER BY sku")
        assert [(row["sku"], row["moved"]) for row in sums] == [("A", 7), ("B", 3)]
        assert await factories.differences(harness) == []

    async def test_the_database_refuses_to_wake_a_promise_that_ended(
        self, harness: ServiceHarness
    ) -> None:
        await factories.stocked(harness, "A", 5)
        made = await factories.reserve(harness, wanted("A", 1))
        request = pb.ReleaseReservationRequest(reservation=made.id, request_id=key())
        await harness.call("ReleaseReservation", request, harness.tokens.service("orders"))
        with pytest.raises(Exception, match="has ended"):
            async with harness.transactions() as session:
                await session.execute("UPDATE reservation SET state = 2")

    async def test_what_is_not_there_is_promised_to_nobody_whatever_was_decided(
        self, harness: ServiceHarness
    ) -> None:
        """S2: the statement that changes the figures has the last word."""
        await factories.stocked(harness, "A", 2)
        await factories.reserve(harness, wanted("A", 1))
        too_many = Change("A", "lyon", reserved=2, promised=2, needed=2)

        async with harness.transactions() as session:
            changed = await stock_store.change(session, [too_many])

        assert changed == []
        assert await factories.figures(harness, "A") == (2, 1, 1)


def _forget_sums(owner_url: str) -> str:
    """The sums as they were when nobody had summed anything; answers the newest revision."""
    with psycopg.connect(owner_url) as owner:
        [head] = owner.execute("SELECT version_num FROM alembic_version").fetchall()
        owner.execute("ALTER TABLE stock_item ALTER COLUMN moved DROP NOT NULL")
        owner.execute("UPDATE stock_item SET moved = NULL")
    _say_revision(owner_url, "0008")
    return str(head[0])


def _say_revision(owner_url: str, revision: str) -> None:
    with psycopg.connect(owner_url) as owner:
        owner.execute("UPDATE alembic_version SET version_num = %s", [revision])
