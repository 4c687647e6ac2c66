"""Real catalogues, imported and published through the service."""

import asyncio
import lzma
from collections import Counter
from pathlib import Path

import pytest

from comptoir.pim.v1 import events_pb2, structure_pb2
from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir_pim.domain.import_files import NAMES
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import errors_of, published, staff

_CHECKOUT = Path(__file__).resolve().parents[5]
SAMPLE = _CHECKOUT / "infra/local/catalogue"
ICECAT = _CHECKOUT.parent / "shared/data/akeneo-icecat-demo"
PIECE_BYTES = 500_000

_ERROR = structure_pb2.ImportError.SEVERITY_ERROR
_WARNING = structure_pb2.ImportError.SEVERITY_WARNING


def pieces_of(folder: Path) -> list[pb.UploadImportRequest]:
    """The files of a catalogue as a caller would send them."""
    requests = []
    for name in NAMES:
        packed = folder / f"{name}.xz"
        content = lzma.decompress(packed.read_bytes()) if packed.exists() else b""
        content = content or (folder / name).read_bytes()
        for start in range(0, len(content), PIECE_BYTES):
            piece = content[start : start + PIECE_BYTES]
            requests.append(pb.UploadImportRequest(name=name, content=piece))
    return requests


async def imported(harness: ServiceHarness, folder: Path) -> structure_pb2.Import:
    """Uploads a catalogue and waits for the end of its import."""
    token = staff(harness)
    found: structure_pb2.Import = await harness.upload("UploadImport", pieces_of(folder), token)
    request = pb.GetImportRequest(import_id=found.id)
    async with asyncio.timeout(45):
        while found.state != structure_pb2.Import.STATE_FINISHED:
            await asyncio.sleep(0.05)
            found = await harness.call("GetImport", request, token)
    return found


def counts(found: structure_pb2.Import) -> tuple[int, int, int, int, int]:
    return (
        found.created_count,
        found.updated_count,
        found.unchanged_count,
        found.error_count,
        found.warning_count,
    )


async def versions(harness: ServiceHarness) -> int:
    """A number that grows with each change of any product or model."""
    async with harness.transactions.reading() as session:
        total: int = await session.fetchval(
            "SELECT (SELECT sum(version) FROM products) + (SELECT sum(version) FROM product_models)"
        )
    return total


class TestSampleCatalogue:
    async def test_all_of_it_is_taken_and_can_be_published_everywhere(
        self, harness: ServiceHarness
    ) -> None:
        found = await imported(harness, SAMPLE)

        assert counts(found)[3:] == (0, 0)
        products = found.files[-1]
        assert (products.name, products.accepted_count) == ("products.csv", products.row_count)
        for channel in ("web", "mobile", "store"):
            answer = await published(harness, channel=channel)
            assert (answer.published_count, [*answer.refusals]) == (products.row_count, [])


@pytest.mark.skipif(not ICECAT.is_dir(), reason=f"the catalogue is not there: {ICECAT}")
class TestIcecat:
    """Real product data with real faults: 18 variants of five models that are written otherwise."""

    async def test_every_row_is_tried_and_every_bad_one_is_named(
        self, harness: ServiceHarness
    ) -> None:
        found = await imported(harness, ICECAT)

        assert [(each.name, each.row_count, each.error_count) for each in found.files] == [
            ("categories.csv", 168, 0),
            ("channels.csv", 3, 0),
            ("attributes.csv", 77, 0),
            ("attribute_options.csv", 121, 0),
            ("families.csv", 17, 0),
            ("family_variants.csv", 9, 0),
            ("product_models.csv", 81, 0),
            ("products.csv", 1239, 18),
        ]
        assert counts(found) == (1697, 0, 0, 18, 205)
        errors = await errors_of(harness, found.id)
        assert Counter((each.file, each.column, each.severity) for each in errors) == {
            ("products.csv", "parent", _ERROR): 18,
            ("products.csv", "ean", _WARNING): 89,
            ("products.csv", "image", _WARNING): 78,
            ("products.csv", "variation_image", _WARNING): 23,
            ("product_models.csv", "image", _WARNING): 15,
        }
        first = next(each for each in errors if each.severity == _ERROR)
        assert (first.line, first.column, first.value, first.reason) == (
            1523,
            "parent",
            "Model-tshirt-divided-blue",
            (
                "there is no product model Model-tshirt-divided-blue; "
                "model-tshirt-divided-blue differs in upper and lower case"
            ),
        )

    async def test_the_same_files_again_change_nothing(self, harness: ServiceHarness) -> None:
        await imported(harness, ICECAT)
        await published(harness, channel="print")
        before = await versions(harness), len(await harness.events(events_pb2.ProductState))

        again = await imported(harness, ICECAT)

        assert counts(again) == (0, 0, 1697, 18, 205)
        assert before == (
            await versions(harness),
            len(await harness.events(events_pb2.ProductState)),
        )

    async def test_what_is_complete_is_published_and_the_rest_refused_with_its_gaps(
        self, harness: ServiceHarness
    ) -> None:
        await imported(harness, ICECAT)

        answer = await published(harness, channel="print")

        assert (answer.published_count, len(answer.refusals)) == (333, 888)
        gaps = {refusal.sku: [*refusal.missing] for refusal in answer.refusals}
        assert gaps["13871461"] == ["multifunctional_functions", "price"]
        listed = await harness.call(
            "ListPublishedProducts",
            pb.ListPublishedProductsRequest(channel="print", category="master", page_size=100),
        )
        assert len(listed.products) == 100
        assert listed.next_page_token
