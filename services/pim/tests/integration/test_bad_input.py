"""Input that no rule of the contract foresees is refused by name, never an internal error."""

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.pim.v1 import structure_pb2
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import catalogue, staff

NUL = "a\x00b"
_LABEL = LocalisedText(texts={"fr_FR": NUL})
# Each with the field that is to be named.
_REQUESTS: list[tuple[str, str, Message]] = [
    ("GetProduct", "product", pb.GetProductRequest(product=NUL)),
    ("GetPublishedProduct", "product", pb.GetPublishedProductRequest(product=NUL)),
    ("ListPublishedProducts", "category", pb.ListPublishedProductsRequest(category=NUL)),
    ("ListPublishedProducts", "channel", pb.ListPublishedProductsRequest(channel=NUL)),
    ("ListPublishedProducts", "skus[1]", pb.ListPublishedProductsRequest(skus=["POLO", NUL])),
    ("ListProducts", "family", pb.ListProductsRequest(family=NUL)),
    ("ListCategories", "tree", pb.ListCategoriesRequest(tree=NUL)),
    ("GetImport", "import_id", pb.GetImportRequest(import_id=NUL)),
    ("PublishProducts", "skus[0]", pb.PublishProductsRequest(channel="web", skus=[NUL])),
    ("PublishProducts", "request_id", pb.PublishProductsRequest(channel="web", request_id=NUL)),
    ("WithdrawProducts", "skus[0]", pb.WithdrawProductsRequest(channel="web", skus=[NUL])),
    (
        "CreateCategory",
        'label.texts["fr_FR"]',
        pb.CreateCategoryRequest(code="hats", label=_LABEL),
    ),
    (
        "UpdateCategory",
        'category.label.texts["fr_FR"]',
        pb.UpdateCategoryRequest(
            category=structure_pb2.Category(code="shirts", label=_LABEL),
            update_mask=FieldMask(paths=["label"]),
        ),
    ),
    (
        "UpsertProducts",
        "products[0].parent",
        pb.UpsertProductsRequest(products=[pb.ProductInput(sku="A", family="shirt", parent=NUL)]),
    ),
    (
        "StartImport",
        "files[0].name",
        pb.StartImportRequest(files=[pb.ImportFile(name="products.csv\x00")]),
    ),
]


class TestBadInput:
    async def test_characters_that_cannot_be_kept_are_named_everywhere(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        before = await harness.snapshot()

        for name, field, request in _REQUESTS:
            with pytest.raises(RemoteFailure) as caught:
                await harness.call(name, request, staff(harness))
            assert caught.value.status is grpc.StatusCode.INVALID_ARGUMENT, (name, str(request))
            assert [each.field for each in caught.value.violations] == [field], name

        assert before.changes_to(await harness.snapshot()) == ""

    async def test_an_unknown_channel_or_locale_is_no_accident(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        with pytest.raises(RemoteFailure) as caught:
            await harness.call(
                "ListPublishedProducts", pb.ListPublishedProductsRequest(channel="we\u200bb")
            )
        assert caught.value.reason == "CHANNEL_NOT_FOUND"

        request = pb.GetPublishedProductRequest(product="POLO", locale="%'\u200b")
        assert (await harness.call("GetPublishedProduct", request)).locale == "fr_FR"
