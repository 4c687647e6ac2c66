"""Imports: what goes in, what is refused, and what happens when something breaks."""

import contextlib
from typing import Any

import pytest

from comptoir.pim.v1 import events_pb2, structure_pb2
from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir_pim.operations.import_work import Worker
from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.ids import new_id
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import (
    FILES,
    GTIN,
    catalogue,
    errors_of,
    files,
    imported,
    only,
    staff,
    worker,
    worker_of,
)

PRODUCTS = FILES["products.csv"]
_ERROR = structure_pb2.ImportError.SEVERITY_ERROR
_WARNING = structure_pb2.ImportError.SEVERITY_WARNING
_BAD_PRODUCTS = (
    PRODUCTS[0],
    "BAD 1;shirt;;;1;;;;;;;;;",
    "BAD-2;shirt;;hats,shirts;1;;;;green;;1,5;;;",
    "BAD-3;shirt;NONE;;1;;;;;s;;;;",
    "BAD-4;shirt;oxford;;1;;;;;s;;;;",
    "BAD-5;shirt;OXFORD;;1;;;;;;;;;",
    "BAD-6;shirt;;;1;;;;;;;10;METER;",
    "BAD-7;shirt",
    *PRODUCTS[1:],
    "POLO;shirt;;;1;;;;;;;;;",
    f"BAD-8;shirt;;;1;{GTIN};;;;;;;;",
    "BAD-9;shirt;OXFORD;;1;;;;;m;;;;",
    "ODD;shirt;;;1;12345;;;;;;;;",
)
_COMPLAINTS = [
    (
        2,
        "sku",
        "BAD 1",
        "a sku has 1 to 64 letters, digits, points, hyphens and underscores",
    ),
    (3, "colour", "green", "colour has no option green"),
    (3, "price-EUR", "1,5", "is not a decimal number such as 12.5"),
    (4, "parent", "NONE", "there is no product model NONE"),
    (
        5,
        "parent",
        "oxford",
        "there is no product model oxford; OXFORD differs in upper and lower case",
    ),
    (6, "size", "", "size tells variants apart and needs a value"),
    (7, "weight", "10", "METER is no unit of Weight"),
    (8, "", "", "the row has 2 cells, the header 14"),
    (13, "sku", "POLO", "POLO is in line 11 already"),
    (14, "ean", GTIN, "OXFORD-S already has this value"),
    (15, "", '{"size":"m"}', 'OXFORD-M below OXFORD already has {"size":"m"}'),
]


class Crash(BaseException):
    """The process is gone, without a word."""


class CrashingWorker(Worker):
    """Is gone when it wants to note another batch after `left` ones."""

    left = 0

    async def note(self, *args: Any, **named: Any) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1
        await super().note(*args, **named)


class OvertakenWorker(Worker):
    """Is so slow that another one takes the import over in the middle of a batch."""

    overtaken = False

    async def note(self, *args: Any, **named: Any) -> None:
        if not self.overtaken:
            self.overtaken = True
            async with self.transactions() as session:
                await session.execute("UPDATE imports SET lease_owner = 'wrk_fast'")
        await super().note(*args, **named)


class BrokenWorker(Worker):
    """Fails at every batch."""

    async def note(self, *args: Any, **named: Any) -> None:
        raise ValueError("broken")


async def product(harness: ServiceHarness, sku: str) -> Any:
    return await harness.call("GetProduct", pb.GetProductRequest(product=sku), staff(harness))


async def start(harness: ServiceHarness, given: list[pb.ImportFile]) -> str:
    request = pb.StartImportRequest(files=given)
    found = await harness.call("StartImport", request, staff(harness))
    assert found.state == structure_pb2.Import.STATE_QUEUED
    import_id: str = found.id
    return import_id


async def get(harness: ServiceHarness, import_id: str) -> Any:
    request = pb.GetImportRequest(import_id=import_id)
    return await harness.call("GetImport", request, staff(harness))


def outcome(found: Any) -> tuple[int, int, int, int]:
    return found.created_count, found.updated_count, found.unchanged_count, found.error_count


def without_id(errors: list[structure_pb2.ImportError]) -> list[tuple[int, str, str, str]]:
    return [(each.line, each.column, each.value, each.reason) for each in errors]


class TestImport:
    async def test_files_in_any_order_become_products(self, harness: ServiceHarness) -> None:
        done = await imported(harness, files()[::-1])

        assert outcome(done) == (33, 0, 0, 0)
        assert done.read_count == done.row_count == 33
        found = await product(harness, "OXFORD-M")
        assert (found.family, found.parent, found.gtin) == ("shirt", "OXFORD", "3017620422003")
        assert ([*found.categories], found.tax_class) == (["shirts"], "standard")
        assert {value.attribute: value for value in found.values}[
            "weight"
        ].metric.unit == "KILOGRAM"
        assert dict(found.states) == {"store": 1, "web": 1}
        assert [
            (each.type, [*each.skus]) for each in (await product(harness, "OXFORD-S")).associations
        ] == [("X_SELL", ["POLO"])]

    async def test_the_end_of_an_import_is_a_fact(self, harness: ServiceHarness) -> None:
        done = await imported(harness, files())

        (fact,) = await harness.events(events_pb2.ImportFinished)
        assert fact.import_id == done.id
        assert getattr(fact, "import") == done

    async def test_the_same_files_again_change_nothing(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        bookkeeping = frozenset(
            {"imports", "import_files", "import_chunks", "outbox", "idempotency"}
        )
        before = await harness.snapshot(ignoring=bookkeeping)

        again = await imported(harness, files())

        assert outcome(again) == (0, 0, 33, 0)
        assert before.changes_to(await harness.snapshot(ignoring=bookkeeping)) == ""
        assert len(await harness.events(events_pb2.ProductState)) == 3

    async def test_bad_rows_are_named_and_good_ones_are_in(self, harness: ServiceHarness) -> None:
        done = await imported(harness, files(products=_BAD_PRODUCTS))

        errors = await errors_of(harness, done.id)
        assert without_id([each for each in errors if each.severity == _ERROR]) == _COMPLAINTS
        assert without_id([each for each in errors if each.severity == _WARNING]) == [
            (
                16,
                "ean",
                "12345",
                "is no GTIN: its length or check digit is wrong; the product has no GTIN",
            )
        ]
        assert (done.error_count, done.warning_count) == (10, 1)
        assert done.files[-1].accepted_count == 5
        assert (await product(harness, "ODD")).gtin == ""
        with pytest.raises(RemoteFailure, match="there is no product BAD-2"):
            await product(harness, "BAD-2")

    async def test_an_unreadable_file_keeps_nobody_else_out(self, harness: ServiceHarness) -> None:
        done = await imported(
            harness,
            [
                pb.ImportFile(name="categories.csv", content=b"code\ncaf\xe9\n"),
                pb.ImportFile(name="channels.csv", content=b"code;locales\napp;fr_FR\n"),
                pb.ImportFile(name="product_models.csv", content=b""),
                pb.ImportFile(name="products.csv", content=b"name\nx\n"),
            ],
        )

        errors = await errors_of(harness, done.id)
        assert [(each.file, each.line, each.reason) for each in errors] == [
            ("categories.csv", 1, "the file is not UTF-8 text"),
            ("product_models.csv", 1, "the file is empty"),
            ("products.csv", 1, "the file has no column sku"),
        ]
        assert outcome(done)[0] == 1

    async def test_nothing_readable_is_a_failed_import(self, harness: ServiceHarness) -> None:
        import_id = await start(harness, [pb.ImportFile(name="products.csv", content=b"\x00")])

        assert await worker(harness).work_once()

        assert (await get(harness, import_id)).state == structure_pb2.Import.STATE_FAILED

    async def test_unknown_and_repeated_files_are_refused(self, harness: ServiceHarness) -> None:
        before = await harness.snapshot()
        for given in (only("prices", "x"), [*only("products", "sku"), *only("products", "sku")]):
            with pytest.raises(RemoteFailure) as caught:
                await start(harness, given)
            assert caught.value.reason == "UNKNOWN_IMPORT_FILE"
        assert before.changes_to(await harness.snapshot()) == ""


class TestChanges:
    async def test_a_changed_row_is_a_new_version_of_one_product(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)

        done = await imported(harness, only("products", "sku;price-EUR", "POLO;45", "PLAIN;"))

        assert outcome(done) == (0, 1, 1, 0)
        found = await product(harness, "POLO")
        assert found.etag == "2"
        prices = {value.attribute: value for value in found.values}["price"].prices.amounts
        assert [(money.currency, money.amount) for money in prices] == [("EUR", "45.00")]

    async def test_what_is_published_follows_with_one_event(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        before = len(await harness.events(events_pb2.ProductState))

        await imported(harness, only("products", "sku;name-fr_FR", "POLO;Polo d'été"))

        shown = await harness.call(
            "GetPublishedProduct", pb.GetPublishedProductRequest(product="POLO")
        )
        assert (shown.name, shown.etag) == ("Polo d'été", "2")
        (event,) = (await harness.events(events_pb2.ProductState))[before:]
        assert (event.sku, event.version) == ("POLO", 2)
        assert event.product.name.texts == {"fr_FR": "Polo d'été", "en_GB": "Polo shirt"}

    async def test_a_changed_model_changes_its_published_variants(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        before = len(await harness.events(events_pb2.ProductState))
        header, _ = FILES["product_models.csv"]
        row = "OXFORD;by_size;;summer;Oxford;Oxford shirt;En lin.;blue;59.90;oxford.svg"

        done = await imported(harness, only("product_models", header, row))

        assert outcome(done) == (0, 1, 0, 0)
        events = (await harness.events(events_pb2.ProductState))[before:]
        assert sorted(event.sku for event in events) == ["OXFORD-M", "OXFORD-S"]
        request = pb.GetPublishedProductRequest(product="OXFORD-M")
        shown = await harness.call("GetPublishedProduct", request)
        assert (shown.name, shown.description, [*shown.categories]) == ("Oxford", "En lin.", [])
        listed = await harness.call(
            "ListProducts", pb.ListProductsRequest(category="seasons"), staff(harness)
        )
        assert [each.sku for each in listed.products] == ["OXFORD-M", "OXFORD-S", "POLO"]

    async def test_a_product_that_is_switched_off_is_withdrawn(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)

        await imported(harness, only("products", "sku;enabled", "POLO;0"))

        with pytest.raises(RemoteFailure) as caught:
            await harness.call("GetPublishedProduct", pb.GetPublishedProductRequest(product="POLO"))
        assert caught.value.reason == "PRODUCT_NOT_PUBLISHED"
        event = (await harness.events(events_pb2.ProductState))[-1]
        assert (event.sku, event.withdrawn, event.HasField("product")) == ("POLO", True, False)


class TestCrash:
    async def test_another_process_goes_on_after_the_last_batch(
        self, harness: ServiceHarness
    ) -> None:
        import_id = await start(harness, files())
        await crash_after(8, harness)
        half = await get(harness, import_id)
        assert (half.read_count, half.row_count) == (31, 33)

        other = worker(harness, owner="wrk_other")
        assert not await other.work_once(), "the lease of the first still holds"
        harness.clock.advance(16)
        assert await other.work_once()

        done = await get(harness, import_id)
        assert outcome(done) == (33, 0, 0, 0)
        assert done.state == structure_pb2.Import.STATE_FINISHED
        assert (await product(harness, "PLAIN")).etag == "1"

    async def test_it_may_break_after_every_batch(self, harness: ServiceHarness) -> None:
        bad = "BAD;shirt;NONE;;1;;;;;s;;;;"
        import_id = await start(harness, files(products=[*PRODUCTS, bad, PRODUCTS[1]]))
        for _ in range(30):
            await crash_after(1, harness)
            harness.clock.advance(16)
            if (await get(harness, import_id)).state == structure_pb2.Import.STATE_FINISHED:
                break

        done = await get(harness, import_id)
        assert outcome(done) == (33, 0, 0, 2)
        assert without_id(await errors_of(harness, import_id)) == [
            (6, "parent", "NONE", "there is no product model NONE"),
            (7, "sku", "OXFORD-S", "OXFORD-S is in line 2 already"),
        ]
        assert len(await harness.events(events_pb2.ImportFinished)) == 1

    async def test_who_lost_the_lease_writes_nothing_any_more(
        self, harness: ServiceHarness
    ) -> None:
        import_id = await start(harness, files())

        assert await worker_of(OvertakenWorker, harness, owner="wrk_slow").work_once()
        assert (await get(harness, import_id)).read_count == 0

        assert await worker(harness, owner="wrk_fast").work_once()
        assert outcome(await get(harness, import_id)) == (33, 0, 0, 0)

    async def test_an_import_that_always_breaks_ends_as_failed(
        self, harness: ServiceHarness
    ) -> None:
        import_id = await start(harness, files())

        for _ in range(5):
            assert await worker_of(BrokenWorker, harness).work_once()

        assert (await get(harness, import_id)).state == structure_pb2.Import.STATE_FAILED
        assert not await worker(harness).work_once()


class TestUpload:
    async def test_pieces_of_a_file_must_follow_each_other(self, harness: ServiceHarness) -> None:
        names = ("products.csv", "categories.csv", "products.csv")
        pieces = [pb.UploadImportRequest(name=name, content=b"code\n") for name in names]

        with pytest.raises(RemoteFailure) as caught:
            await harness.upload("UploadImport", pieces, staff(harness))

        assert caught.value.reason == "UNKNOWN_IMPORT_FILE"
        assert not await worker(harness).work_once()

    async def test_an_empty_upload_is_refused(self, harness: ServiceHarness) -> None:
        with pytest.raises(RemoteFailure) as caught:
            await harness.upload("UploadImport", [], staff(harness))

        assert caught.value.reason == "EMPTY_IMPORT"

    async def test_an_upload_that_broke_off_is_forgotten(self, harness: ServiceHarness) -> None:
        names = ("categories.csv", "prices.csv")
        pieces = [pb.UploadImportRequest(name=name, content=b"code\n") for name in names]
        before = await harness.snapshot()
        with pytest.raises(RemoteFailure):
            await harness.upload("UploadImport", pieces, staff(harness))
        assert before.changes_to(await harness.snapshot()) != ""

        harness.clock.advance(3601)
        assert not await worker(harness).work_once()

        assert before.changes_to(await harness.snapshot()) == ""


async def crash_after(batches: int, harness: ServiceHarness) -> None:
    """Works until so many batches are written, then is gone; or ends the import."""
    crashing = worker_of(CrashingWorker, harness, owner=new_id("wrk"))
    crashing.left = batches
    with contextlib.suppress(Crash):
        await crashing.work_once()
