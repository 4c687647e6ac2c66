"""Publishing: what the channels show, and what the other services learn."""

import asyncio
from typing import Any

import grpc
import pytest

from comptoir.pim.v1 import events_pb2, product_pb2
from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import (
    FILES,
    catalogue,
    files,
    imported,
    only,
    published,
    staff,
    worker,
)


async def shown(harness: ServiceHarness, product: str, **where: str) -> Any:
    request = pb.GetPublishedProductRequest(product=product, **where)
    return await harness.call("GetPublishedProduct", request)


async def listed(harness: ServiceHarness, **filters: Any) -> list[str]:
    request = pb.ListPublishedProductsRequest(**filters)
    answer = await harness.call("ListPublishedProducts", request)
    return [product.sku for product in answer.products]


async def withdrawn(harness: ServiceHarness, *skus: str, channel: str = "web") -> int:
    request = pb.WithdrawProductsRequest(channel=channel, skus=skus)
    answer = await harness.call("WithdrawProducts", request, staff(harness))
    count: int = answer.withdrawn_count
    return count


async def states(harness: ServiceHarness) -> list[events_pb2.ProductState]:
    return await harness.events(events_pb2.ProductState)


class TestPublish:
    async def test_incomplete_and_unknown_products_are_refused_with_what_is_missing(
        self, harness: ServiceHarness
    ) -> None:
        await imported(harness, files())

        answer = await published(harness, "POLO", "PLAIN", "NONE")

        assert answer.published_count == 1
        assert [(each.sku, [*each.missing], each.reason) for each in answer.refusals] == [
            ("NONE", [], "there is no such product"),
            ("PLAIN", ["price"], "required attributes have no value"),
        ]
        assert await listed(harness) == ["POLO"]
        assert [state.sku for state in await states(harness)] == ["POLO"]

    async def test_the_state_tells_others_all_they_may_know(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        await published(harness, "OXFORD-S", channel="store")

        state = (await states(harness))[-1]

        document = state.product
        assert (state.sku, state.version, document.version) == ("OXFORD-S", 2, 2)
        assert (document.model, document.family, document.gtin) == (
            "OXFORD",
            "shirt",
            "4006381333931",
        )
        assert [*document.categories] == ["clothing", "master", "shirts"]
        assert (document.tax_class, document.weight_grams) == ("standard", 210)
        assert document.name.texts == {"fr_FR": "Chemise Oxford", "en_GB": "Oxford shirt"}
        assert [*document.channels] == ["store", "web"]
        assert document.image == "oxford.svg"

    async def test_publishing_again_tells_nothing(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        before = await harness.snapshot()

        answer = await published(harness)

        assert (answer.published_count, len(answer.refusals)) == (3, 1)
        assert before.changes_to(await harness.snapshot()) == ""

    async def test_variants_know_their_sisters_in_the_order_of_their_sizes(
        self, harness: ServiceHarness
    ) -> None:
        await imported(harness, files())
        await published(harness, "OXFORD-M")
        alone = await shown(harness, "OXFORD-M")
        assert [each.sku for each in alone.variants] == ["OXFORD-M"]

        await published(harness, "OXFORD-S")

        beside = await shown(harness, "OXFORD-M")
        assert [each.sku for each in beside.variants] == ["OXFORD-S", "OXFORD-M"]
        assert [axis.text for axis in beside.variants[0].axes] == ["S"]
        assert (alone.etag, beside.etag) == ("1", "2")
        # A sister is no news for the other services.
        assert [state.sku for state in await states(harness)] == ["OXFORD-M", "OXFORD-S"]

    async def test_sisters_published_at_the_same_time_know_each_other(
        self, harness: ServiceHarness
    ) -> None:
        header, *_ = FILES["products.csv"]
        sizes = ("s", "m", "xl")
        rows = [f"V-{size};shirt;OXFORD;;1;;;;;{size};;;;" for size in sizes]
        await imported(harness, files(products=[header, *rows]))

        await asyncio.gather(*(published(harness, f"V-{size}") for size in sizes))

        for size in sizes:
            document = await shown(harness, f"V-{size}")
            assert [each.sku for each in document.variants] == ["V-s", "V-m", "V-xl"]

    async def test_an_unknown_channel_is_refused(self, harness: ServiceHarness) -> None:
        await imported(harness, files())

        with pytest.raises(RemoteFailure) as caught:
            await published(harness, "POLO", channel="radio")

        assert (caught.value.status, caught.value.reason) == (
            grpc.StatusCode.NOT_FOUND,
            "CHANNEL_NOT_FOUND",
        )
        assert await states(harness) == []


class TestWithdraw:
    async def test_the_last_channel_leaves_a_tombstone(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        await published(harness, "POLO", channel="store")

        assert await withdrawn(harness, "POLO", "PLAIN") == 1
        half = (await states(harness))[-1]
        assert (half.withdrawn, [*half.product.channels]) == (False, ["store"])

        assert await withdrawn(harness, "POLO", channel="store") == 1
        gone = (await states(harness))[-1]
        assert (gone.sku, gone.withdrawn, gone.version) == ("POLO", True, 4)
        assert not gone.HasField("product")
        assert await listed(harness) == ["OXFORD-S", "OXFORD-M"]

    async def test_withdrawing_again_changes_nothing(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        await withdrawn(harness, "POLO")
        before = await harness.snapshot()

        assert await withdrawn(harness, "POLO") == 0

        assert before.changes_to(await harness.snapshot()) == ""

    async def test_sisters_forget_the_withdrawn_one(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        await withdrawn(harness, "OXFORD-S")

        assert [each.sku for each in (await shown(harness, "OXFORD-M")).variants] == ["OXFORD-M"]

    async def test_a_product_comes_back_as_the_newest(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        await withdrawn(harness, "OXFORD-M")

        await published(harness, "OXFORD-M")

        assert await listed(harness) == ["OXFORD-S", "POLO", "OXFORD-M"]
        state = (await states(harness))[-1]
        assert (state.sku, state.withdrawn, state.version) == ("OXFORD-M", False, 3)


class TestReading:
    async def test_a_product_is_found_by_sku_and_by_id(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        by_sku = await shown(harness, "POLO")

        assert await shown(harness, by_sku.id) == by_sku
        assert (by_sku.channel, by_sku.locale, by_sku.name) == ("web", "fr_FR", "Polo")
        assert [(each.label, each.text) for each in by_sku.attributes] == [
            ("Couleur", "Rouge"),
            ("Taille", "M"),
        ]

    async def test_the_language_is_that_of_the_request_else_of_the_caller(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        request = pb.GetPublishedProductRequest(product="POLO")

        assert (await shown(harness, "POLO", locale="en_GB")).name == "Polo shirt"
        assert (await asked_in("en-US,fr;q=0.5", harness, request)).name == "Polo shirt"
        assert (await asked_in("de", harness, request)).name == "Polo"

    async def test_a_category_shows_what_lies_below_it(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        assert await listed(harness, category="master") == ["OXFORD-S", "OXFORD-M", "POLO"]
        assert await listed(harness, category="shoes") == []
        # The season tree is not the tree of this channel.
        assert await listed(harness, category="summer") == []

    async def test_skus_can_be_asked_for_within_a_category(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        assert await listed(harness, skus=["POLO", "PLAIN", "OXFORD-M"]) == ["OXFORD-M", "POLO"]
        assert await listed(harness, skus=["POLO"], category="shirts") == ["POLO"]
        assert await listed(harness, skus=["POLO"], category="shoes") == []

    async def test_what_a_channel_does_not_show_is_not_found(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        for product, channel in (("PLAIN", "web"), ("POLO", "store"), ("NONE", "web")):
            with pytest.raises(RemoteFailure) as caught:
                await shown(harness, product, channel=channel)
            assert caught.value.reason == "PRODUCT_NOT_PUBLISHED"
        with pytest.raises(RemoteFailure) as caught:
            await listed(harness, channel="radio")
        assert caught.value.reason == "CHANNEL_NOT_FOUND"


class TestDescriptionsChange:
    async def test_a_new_label_reaches_what_is_shown_but_is_no_event(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        before = len(await states(harness))
        await imported(
            harness,
            only("attribute_options", "code;attribute;label-fr_FR", "red;colour;Écarlate"),
        )
        assert (await shown(harness, "POLO")).attributes[0].text == "Rouge"

        assert not await worker(harness).work_once()

        document = await shown(harness, "POLO")
        assert (document.attributes[0].text, document.etag) == ("Écarlate", "2")
        assert (await shown(harness, "OXFORD-M")).etag == "1"
        assert len(await states(harness)) == before

    async def test_a_new_language_of_a_channel_is_shown(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        await imported(harness, only("channels", "code;locales", "web;fr_FR,de_DE"))

        assert not await worker(harness).work_once()

        # Whoever reads the channels sees them as they are; other readers do a little later.
        await harness.call("ListChannels", pb.ListChannelsRequest())
        document = await shown(harness, "POLO", locale="de_DE")
        assert (document.locale, document.name) == ("de_DE", "Polo")


async def asked_in(languages: str, harness: ServiceHarness, request: Any) -> Any:
    """The answer to a caller who prefers these languages."""
    async with grpc.aio.insecure_channel(harness.service.address) as channel:
        get: Any = channel.unary_unary(
            "/comptoir.pim.v1.PimService/GetPublishedProduct",
            request_serializer=pb.GetPublishedProductRequest.SerializeToString,
            response_deserializer=product_pb2.PublishedProduct.FromString,
        )
        return await get(request, timeout=5, metadata=(("accept-language", languages),))
