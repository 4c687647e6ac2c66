"""Category trees."""

from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.pim.v1 import structure_pb2
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import catalogue, staff, worker


async def create(harness: ServiceHarness, code: str, parent: str = "", **given: Any) -> Any:
    request = pb.CreateCategoryRequest(code=code, parent=parent, **given)
    return await harness.call("CreateCategory", request, staff(harness))


async def update(harness: ServiceHarness, *paths: str, etag: str = "", **given: Any) -> Any:
    request = pb.UpdateCategoryRequest(
        category=structure_pb2.Category(**given), update_mask=FieldMask(paths=paths), etag=etag
    )
    return await harness.call("UpdateCategory", request, staff(harness))


async def skus(harness: ServiceHarness, category: str) -> list[str]:
    """What "web" shows in a category, and what staff finds there."""
    shown = await harness.call(
        "ListPublishedProducts", pb.ListPublishedProductsRequest(category=category)
    )
    found = await harness.call(
        "ListProducts", pb.ListProductsRequest(category=category), staff(harness)
    )
    published = {each.sku for each in shown.products}
    return [each.sku + ("" if each.sku in published else " (not shown)") for each in found.products]


class TestCategories:
    async def test_a_new_one_grows_on_its_tree(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        label = LocalisedText(texts={"fr_FR": "Polos"})

        made = await create(harness, "polos", "shirts", label=label, position=2)

        assert made == structure_pb2.Category(
            code="polos", parent="shirts", tree="master", label=label, position=2, etag="1"
        )
        answer = await harness.call("ListCategories", pb.ListCategoriesRequest(tree="master"))
        assert [each.code for each in answer.categories] == [
            "clothing",
            "master",
            "polos",
            "shirts",
            "shoes",
        ]

    async def test_a_move_takes_products_along(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        assert await skus(harness, "shoes") == []

        moved = await update(harness, "parent", code="shirts", parent="shoes", etag="1")
        assert (moved.parent, moved.etag) == ("shoes", "2")
        assert not await worker(harness).work_once()

        assert await skus(harness, "shoes") == ["OXFORD-M", "OXFORD-S", "POLO"]
        assert await skus(harness, "clothing") == ["PLAIN (not shown)"]

    async def test_a_move_to_another_tree_hides_it_from_the_channel(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)

        moved = await update(harness, "parent", code="clothing", parent="seasons")
        assert moved.tree == "seasons"
        assert not await worker(harness).work_once()

        shown = await harness.call(
            "ListPublishedProducts", pb.ListPublishedProductsRequest(category="shirts")
        )
        assert [*shown.products] == []
        request = pb.GetPublishedProductRequest(product="POLO")
        assert [*(await harness.call("GetPublishedProduct", request)).categories] == []

    async def test_a_move_below_itself_is_refused(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        before = await harness.snapshot()

        with pytest.raises(RemoteFailure) as caught:
            await update(harness, "parent", code="clothing", parent="shirts")

        assert caught.value.reason == "CATEGORY_CYCLE"
        assert before.changes_to(await harness.snapshot()) == ""

    async def test_taken_codes_and_unknown_ones_are_refused(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        before = await harness.snapshot()

        for call, reason in (
            (create(harness, "shirts"), "CATEGORY_EXISTS"),
            (create(harness, "caps", "hats"), "CATEGORY_NOT_FOUND"),
            (update(harness, "position", code="hats"), "CATEGORY_NOT_FOUND"),
            (update(harness, "parent", code="shirts", parent="hats"), "CATEGORY_NOT_FOUND"),
        ):
            with pytest.raises(RemoteFailure) as caught:
                await call
            assert caught.value.reason == reason
        assert before.changes_to(await harness.snapshot()) == ""

    async def test_the_same_values_are_no_new_version(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        assert (await update(harness, "parent", code="shirts", parent="clothing")).etag == "1"
