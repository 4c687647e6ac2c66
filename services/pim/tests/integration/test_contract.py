"""What every service owes its callers."""

from collections.abc import Mapping
from typing import ClassVar

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from comptoir.customers.v1 import events_pb2 as customers_pb2
from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.pim.v1 import product_pb2, structure_pb2
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_runtime import migrations
from comptoir_runtime.auth import SigningKey, public_jwk
from comptoir_testing.examples import Example
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites import (
    AuthorisationSuite,
    EtagSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from comptoir_testing.tokens import TokenFactory
from services.pim.tests.factories import (
    STAFF_PERMISSIONS,
    catalogue,
    files,
    imported,
    only,
    staff,
    unique,
)


def _staff(tokens: TokenFactory) -> str:
    return tokens.staff(*STAFF_PERMISSIONS)


async def _list_published(harness: ServiceHarness) -> pb.ListPublishedProductsRequest:
    await catalogue(harness)
    return pb.ListPublishedProductsRequest(category="clothing")


async def _get_published(harness: ServiceHarness) -> pb.GetPublishedProductRequest:
    await catalogue(harness)
    return pb.GetPublishedProductRequest(product="POLO")


async def _list_categories(harness: ServiceHarness) -> pb.ListCategoriesRequest:
    await catalogue(harness)
    return pb.ListCategoriesRequest(tree="master")


def _create_category(_: ServiceHarness) -> pb.CreateCategoryRequest:
    return pb.CreateCategoryRequest(
        request_id=unique(), code="hats", label=LocalisedText(texts={"fr_FR": "Chapeaux"})
    )


async def _update_category(harness: ServiceHarness) -> pb.UpdateCategoryRequest:
    await catalogue(harness)
    return pb.UpdateCategoryRequest(
        request_id=unique(),
        category=structure_pb2.Category(code="shirts", position=3),
        update_mask=FieldMask(paths=["position"]),
        etag="1",
    )


async def _list_attributes(harness: ServiceHarness) -> pb.ListAttributesRequest:
    await catalogue(harness)
    return pb.ListAttributesRequest()


async def _list_families(harness: ServiceHarness) -> pb.ListFamiliesRequest:
    await catalogue(harness)
    await imported(harness, only("families", "code;attributes", "hat;sku,name"))
    return pb.ListFamiliesRequest()


async def _list_channels(harness: ServiceHarness) -> pb.ListChannelsRequest:
    await catalogue(harness)
    return pb.ListChannelsRequest()


async def _get_product(harness: ServiceHarness) -> pb.GetProductRequest:
    await catalogue(harness)
    return pb.GetProductRequest(product="PLAIN")


async def _list_products(harness: ServiceHarness) -> pb.ListProductsRequest:
    await catalogue(harness)
    return pb.ListProductsRequest(family="shirt", category="master")


async def _upsert_products(harness: ServiceHarness) -> pb.UpsertProductsRequest:
    await catalogue(harness)
    given = pb.ProductInput(sku="TEE", family="shirt", categories=["shirts"], tax_class="reduced")
    return pb.UpsertProductsRequest(request_id=unique(), products=[given])


async def _update_product(harness: ServiceHarness) -> pb.UpdateProductRequest:
    await catalogue(harness)
    product = await harness.call(
        "GetProduct", pb.GetProductRequest(product="PLAIN"), staff(harness)
    )
    return pb.UpdateProductRequest(
        request_id=unique(),
        product=product_pb2.Product(id=product.id, tax_class="reduced"),
        update_mask=FieldMask(paths=["tax_class"]),
        etag=product.etag,
    )


async def _publish(harness: ServiceHarness) -> pb.PublishProductsRequest:
    await imported(harness, files(), batch_rows=50)
    return pb.PublishProductsRequest(request_id=unique(), channel="web", skus=["POLO", "PLAIN"])


async def _withdraw(harness: ServiceHarness) -> pb.WithdrawProductsRequest:
    await catalogue(harness)
    return pb.WithdrawProductsRequest(request_id=unique(), channel="web", skus=["POLO"])


def _start_import(_: ServiceHarness) -> pb.StartImportRequest:
    return pb.StartImportRequest(request_id=unique(), files=only("categories", "code", "hats"))


def _upload_import(_: ServiceHarness) -> list[Message]:
    pieces = [("categories.csv", b"code\nha"), ("categories.csv", b"ts\n"), ("channels.csv", b"x")]
    return [pb.UploadImportRequest(name=name, content=piece) for name, piece in pieces]


async def _get_import(harness: ServiceHarness) -> pb.GetImportRequest:
    done = await imported(harness, only("categories", "code", "hats"))
    return pb.GetImportRequest(import_id=done.id)


async def _list_errors(harness: ServiceHarness) -> pb.ListImportErrorsRequest:
    bad = ["code;parent", "hats;nowhere", "ha ts;", "caps;elsewhere"]
    done = await imported(harness, only("categories", *bad))
    return pb.ListImportErrorsRequest(import_id=done.id)


EXAMPLES: Mapping[str, Example] = {
    "ListPublishedProducts": Example(_list_published),
    "GetPublishedProduct": Example(_get_published),
    "ListCategories": Example(_list_categories),
    "CreateCategory": Example(_create_category, _staff),
    "UpdateCategory": Example(_update_category, _staff),
    "ListAttributes": Example(_list_attributes, _staff),
    "ListFamilies": Example(_list_families, _staff),
    "ListChannels": Example(_list_channels),
    "GetProduct": Example(_get_product, _staff),
    "ListProducts": Example(_list_products, _staff),
    "UpsertProducts": Example(_upsert_products, _staff),
    "UpdateProduct": Example(_update_product, _staff),
    "PublishProducts": Example(_publish, _staff),
    "WithdrawProducts": Example(_withdraw, _staff),
    "StartImport": Example(_start_import, _staff),
    "UploadImport": Example(_upload_import, _staff),
    "GetImport": Example(_get_import, _staff),
    "ListImportErrors": Example(_list_errors, _staff),
}


def _signing_key_state(_: ServiceHarness) -> customers_pb2.SigningKeyState:
    key = SigningKey.generate("key-1")
    return customers_pb2.SigningKeyState(kid=key.kid, jwk=orjson.dumps(public_jwk(key)).decode())


def test_the_tables_are_what_the_migrations_make(database_url: str) -> None:
    migrations.check("comptoir_pim", database_url)


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


class TestEtag(EtagSuite):
    examples = EXAMPLES


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type[Message], MakeEvent]] = {
        customers_pb2.SigningKeyState: _signing_key_state
    }
