"""Products as staff reads and changes them."""

import asyncio
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from comptoir.pim.v1 import events_pb2, product_pb2
from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.pim.tests.factories import GTIN, catalogue, staff, unique


def value(attribute: str, *, locale: str = "", channel: str = "", **data: Any) -> product_pb2.Value:
    return product_pb2.Value(attribute=attribute, locale=locale, channel=channel, **data)


async def upserted(harness: ServiceHarness, *given: pb.ProductInput) -> Any:
    request = pb.UpsertProductsRequest(request_id=unique(), products=given)
    return (await harness.call("UpsertProducts", request, staff(harness))).products


async def refused(harness: ServiceHarness, *given: pb.ProductInput) -> list[tuple[str, str]]:
    """The violations; and nothing has changed."""
    before = await harness.snapshot()
    with pytest.raises(RemoteFailure) as caught:
        await upserted(harness, *given)
    assert caught.value.reason == "INVALID_PRODUCT"
    assert before.changes_to(await harness.snapshot()) == ""
    return [(each.field, each.description) for each in caught.value.violations]


async def product(harness: ServiceHarness, key: str) -> Any:
    return await harness.call("GetProduct", pb.GetProductRequest(product=key), staff(harness))


async def updated(
    harness: ServiceHarness, given: product_pb2.Product, *paths: str, etag: str = ""
) -> Any:
    request = pb.UpdateProductRequest(
        product=given, update_mask=FieldMask(paths=paths), etag=etag, request_id=unique()
    )
    return await harness.call("UpdateProduct", request, staff(harness))


class TestUpsert:
    async def test_a_new_product_has_all_kinds_of_values(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        given = pb.ProductInput(
            sku="TEE",
            gtin="96385074",
            family="shirt",
            categories=["shirts"],
            values=[
                value("name", locale="fr_FR", text="Tee"),
                value("colour", text="blue"),
                value("stars", number="4.0"),
                value("weight", metric=product_pb2.Metric(amount="0.150", unit="KILOGRAM")),
                value(
                    "price",
                    prices=product_pb2.Prices(amounts=[Money(currency="EUR", amount="12.00")]),
                ),
            ],
            associations=[product_pb2.Association(type="X_SELL", skus=["POLO"])],
            tax_class="reduced",
        )

        (made,) = await upserted(harness, given)

        assert (made.sku, made.gtin, made.etag, made.tax_class) == (
            "TEE",
            "96385074",
            "1",
            "reduced",
        )
        assert made.enabled
        assert made == await product(harness, made.id)
        assert [*made.values] == [
            value("colour", text="blue"),
            value("name", locale="fr_FR", text="Tee"),
            value("price", prices=given.values[4].prices),
            value("stars", number="4"),
            value("weight", metric=product_pb2.Metric(amount="0.15", unit="KILOGRAM")),
        ]

    async def test_what_is_given_is_replaced_and_the_rest_stays(
        self, harness: ServiceHarness
    ) -> None:
        await catalogue(harness)
        before = len(await harness.events(events_pb2.ProductState))

        (made,) = await upserted(
            harness,
            pb.ProductInput(sku="POLO", family="shirt", values=[value("colour", text="blue")]),
        )

        assert made.etag == "2"
        assert [*made.categories] == ["shirts", "summer"]
        assert {
            each.attribute: each.text
            for each in made.values
            if each.text and each.locale != "en_GB"
        } == {
            "colour": "blue",
            "name": "Polo",
            "size": "m",
        }
        shown = await harness.call(
            "GetPublishedProduct", pb.GetPublishedProductRequest(product="POLO", locale="en_GB")
        )
        assert shown.attributes[0].text == "Blue"
        # Others learn neither colours nor texts other than the name.
        assert len(await harness.events(events_pb2.ProductState)) == before

    async def test_all_or_none_and_every_violation_is_told(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        violations = await refused(
            harness,
            pb.ProductInput(sku="TEE", family="shirt"),
            pb.ProductInput(sku="A", family="hat", categories=["hats"]),
            pb.ProductInput(sku="B", family="shirt", gtin="4006381333930"),
            pb.ProductInput(sku="C", family="shirt", values=[value("ean", text=GTIN)]),
            pb.ProductInput(
                sku="D", family="shirt", parent="OXFORD", values=[value("size", text="m")]
            ),
        )

        assert violations == [
            ("products[1].family", "there is no family hat"),
            ("products[1].categories", "there is no category hats"),
            ("products[2].gtin", "is no GTIN: its length or check digit is wrong"),
            ("products[3].ean", "OXFORD-S already has this value"),
            ("products[4]", 'OXFORD-M below OXFORD already has {"size":"m"}'),
        ]

    async def test_bad_values_and_repeated_skus_are_told(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        violations = await refused(
            harness,
            pb.ProductInput(
                sku="TEE",
                family="shirt",
                values=[
                    value("stars", number="9"),
                    value("name", text="x"),
                    value("hue", text="x"),
                ],
                associations=[product_pb2.Association(type="X SELL", skus=["a b"])],
                tax_class="Odd one",
            ),
            pb.ProductInput(sku="TEE", family="shirt"),
        )

        assert violations == [
            ("products[1].sku", "TEE is there twice"),
            ("products[0].values[stars]", "is above 5"),
            ("products[0].values[name]", "name needs a locale"),
            ("products[0].values[hue]", "there is no attribute hue"),
            ("products[0].associations", "'X SELL' is no association type"),
            ("products[0].associations", "'a b' is no sku"),
            ("products[0].tax_class", "is no code of a tax class"),
        ]

    async def test_two_at_once_make_one_product(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        given = [
            pb.ProductInput(sku="TEE", family="shirt", values=[value("stars", number=str(n))])
            for n in range(5)
        ]

        made = await asyncio.gather(*(upserted(harness, each) for each in given))

        found = await product(harness, "TEE")
        assert {each[0].id for each in made} == {found.id}
        assert found.etag == "5"


class TestUpdate:
    async def test_only_the_named_fields_change(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        polo = await product(harness, "POLO")
        given = product_pb2.Product(
            id=polo.id, tax_class="reduced", categories=["shoes"], enabled=False
        )

        after = await updated(harness, given, "tax_class", "categories", etag=polo.etag)

        assert (after.tax_class, [*after.categories], after.enabled) == ("reduced", ["shoes"], True)
        assert [*after.values] == [*polo.values]
        assert after.etag == "2"
        listing = pb.ListPublishedProductsRequest(category="shoes")
        assert len((await harness.call("ListPublishedProducts", listing)).products) == 1
        state = (await harness.events(events_pb2.ProductState))[-1]
        assert (state.sku, state.product.tax_class) == ("POLO", "reduced")

    async def test_what_was_read_can_be_written_back(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        variant = await product(harness, "OXFORD-S")
        before = await harness.snapshot(ignoring=frozenset({"idempotency"}))

        after = await updated(harness, variant, "*")

        assert after.etag == "2"  # it has now said its tax class itself
        again = await updated(harness, after, "*")
        assert again.etag == "2"
        assert [*again.categories] == ["shirts"]
        assert (
            before.changes_to(await harness.snapshot(ignoring=frozenset({"idempotency"})))
            == "products: other content in its 4 rows"
        )

    async def test_values_are_replaced_as_a_whole(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        polo = await product(harness, "POLO")

        after = await updated(
            harness,
            product_pb2.Product(id=polo.id, values=[value("name", locale="fr_FR", text="P")]),
            "values",
        )

        assert [*after.values] == [value("name", locale="fr_FR", text="P")]

    async def test_switching_off_withdraws(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        polo = await product(harness, "POLO")

        after = await updated(harness, product_pb2.Product(id=polo.id), "enabled")

        assert dict(after.states) == {"store": 1, "web": 3}
        assert (await harness.events(events_pb2.ProductState))[-1].withdrawn

    async def test_an_unknown_product_or_field_is_refused(self, harness: ServiceHarness) -> None:
        await catalogue(harness)
        polo = await product(harness, "POLO")
        cases = [
            (product_pb2.Product(id="prd_none"), "enabled", "PRODUCT_NOT_FOUND"),
            (product_pb2.Product(id=polo.id), "sku", "INVALID_FIELDS"),
            (product_pb2.Product(id=polo.id, gtin="123"), "gtin", "INVALID_PRODUCT"),
        ]
        for given, path, reason in cases:
            with pytest.raises(RemoteFailure) as caught:
                await updated(harness, given, path)
            assert caught.value.reason == reason
        assert (await product(harness, "POLO")).etag == "1"


class TestList:
    async def test_families_and_categories_narrow_the_list(self, harness: ServiceHarness) -> None:
        await catalogue(harness)

        async def skus(**filters: Any) -> list[str]:
            answer = await harness.call(
                "ListProducts", pb.ListProductsRequest(**filters), staff(harness)
            )
            return [each.sku for each in answer.products]

        assert await skus() == ["OXFORD-M", "OXFORD-S", "PLAIN", "POLO"]
        assert await skus(family="hat") == []
        assert await skus(family="shirt", category="shirts") == ["OXFORD-M", "OXFORD-S", "POLO"]
        assert await skus(category="seasons") == ["POLO"]
