"""The procedures: a message in, one call, a message out."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from comptoir.pim.v1 import pim_service_pb2 as pb
from comptoir.pim.v1 import product_pb2, structure_pb2
from comptoir_pim import convert
from comptoir_pim.convert.published import Answer
from comptoir_pim.domain.structure import Roles
from comptoir_pim.operations import (
    categories,
    imports,
    products,
    publications,
    published,
    structure,
)
from comptoir_pim.operations.publications import Catalogue
from comptoir_pim.store.answers import first_answer
from comptoir_pim.store.structure import Structures, list_categories
from comptoir_runtime import idempotency, mask, paging
from comptoir_runtime.database import Session
from comptoir_runtime.rpc import Call, process, query, step, upload

T = TypeVar("T")

_SERVICE = pb.DESCRIPTOR.services_by_name["PimService"].full_name

_CATEGORY_FIELDS = {"label", "position", "parent"}
_PRODUCT_FIELDS = {"categories", "values", "associations", "tax_class", "gtin", "enabled"}


class PimServicer:
    """`comptoir.pim.v1.PimService`."""

    def __init__(self, structures: Structures, roles: Roles, wake: Callable[[], None]) -> None:
        self._structures = structures
        self._roles = roles
        self._wake = wake

    # --- what the public sees -------------------------------------------------------------------

    @query
    async def ListPublishedProducts(
        self, request: pb.ListPublishedProductsRequest, call: Call
    ) -> Answer:
        page = paging.parse(request, paging.Number, default=20)
        (after,) = page.after or (0,)
        selection = convert.selection(request, call.locale)
        found = await published.list_published_products(
            call.session, self._structures, selection, after, page.limit
        )
        shown, token = page.cut(found, lambda each: paging.Number(each[0]))
        return convert.page_of_documents((document for _, document in shown), token)

    @query
    async def GetPublishedProduct(
        self, request: pb.GetPublishedProductRequest, call: Call
    ) -> Answer:
        selection = convert.selection(request, call.locale)
        document = await published.get_published_product(
            call.session, self._structures, request.product, selection
        )
        return convert.serialised(document)

    @query
    async def ListCategories(
        self, request: pb.ListCategoriesRequest, call: Call
    ) -> pb.ListCategoriesResponse:
        page = paging.parse(request, paging.Name, default=100, maximum=500)
        found = await list_categories(call.session, request.tree, _code(page), page.limit)
        shown, token = page.cut(found, lambda each: paging.Name(each.code))
        return pb.ListCategoriesResponse(
            categories=[convert.category(each) for each in shown], next_page_token=token
        )

    @query
    async def ListChannels(
        self, request: pb.ListChannelsRequest, call: Call
    ) -> pb.ListChannelsResponse:
        page = paging.parse(request, paging.Name, default=100, maximum=500)
        known = await self._structures.current(call.session)
        found = structure.page_of(known.channels, _code(page), page.limit)
        shown, token = page.cut(found, lambda each: paging.Name(each.code))
        return pb.ListChannelsResponse(
            channels=[convert.channel(each) for each in shown], next_page_token=token
        )

    # --- what describes products ----------------------------------------------------------------

    @step
    async def CreateCategory(
        self, request: pb.CreateCategoryRequest, call: Call
    ) -> structure_pb2.Category:
        created = await categories.create_category(
            call.session, self._structures, convert.category_to_create(request)
        )
        return convert.category(created)

    @step
    async def UpdateCategory(
        self, request: pb.UpdateCategoryRequest, call: Call
    ) -> structure_pb2.Category:
        updated = await categories.update_category(
            call.session,
            self._structures,
            convert.category_of(request.category),
            mask.apply(request.update_mask, _CATEGORY_FIELDS),
            request.etag,
        )
        return convert.category(updated)

    @query
    async def ListAttributes(
        self, request: pb.ListAttributesRequest, call: Call
    ) -> pb.ListAttributesResponse:
        page = paging.parse(request, paging.Name, default=100, maximum=500)
        known = await self._structures.current(call.session)
        found = structure.page_of(known.attributes, _code(page), page.limit)
        shown, token = page.cut(found, lambda each: paging.Name(each.code))
        return pb.ListAttributesResponse(
            attributes=[convert.attribute(each, known) for each in shown], next_page_token=token
        )

    @query
    async def ListFamilies(
        self, request: pb.ListFamiliesRequest, call: Call
    ) -> pb.ListFamiliesResponse:
        page = paging.parse(request, paging.Name, default=100, maximum=500)
        known = await self._structures.current(call.session)
        found = structure.page_of(known.families, _code(page), page.limit)
        shown, token = page.cut(found, lambda each: paging.Name(each.code))
        return pb.ListFamiliesResponse(
            families=[convert.family(each, known) for each in shown], next_page_token=token
        )

    # --- products -------------------------------------------------------------------------------

    @query
    async def GetProduct(self, request: pb.GetProductRequest, call: Call) -> product_pb2.Product:
        catalogue = await self._catalogue(call.session)
        view = await products.get_product(call.session, catalogue, request.product)
        return convert.product(view, catalogue.structure)

    @query
    async def ListProducts(
        self, request: pb.ListProductsRequest, call: Call
    ) -> pb.ListProductsResponse:
        page = paging.parse(request, paging.Name)
        catalogue = await self._catalogue(call.session)
        found = await products.list_products(
            call.session, catalogue, request.family, request.category, _code(page), page.limit
        )
        shown, token = page.cut(found, lambda each: paging.Name(each.product.sku))
        listed = [convert.product(each, catalogue.structure) for each in shown]
        return pb.ListProductsResponse(products=listed, next_page_token=token)

    @step
    async def UpsertProducts(
        self, request: pb.UpsertProductsRequest, call: Call
    ) -> pb.UpsertProductsResponse:
        catalogue = await self._catalogue(call.session)
        given = [convert.change_of_input(each) for each in request.products]
        views = await products.upsert_products(call.session, catalogue, given)
        listed = [convert.product(each, catalogue.structure) for each in views]
        return pb.UpsertProductsResponse(products=listed)

    @step
    async def UpdateProduct(
        self, request: pb.UpdateProductRequest, call: Call
    ) -> product_pb2.Product:
        catalogue = await self._catalogue(call.session)
        fields = mask.apply(request.update_mask, _PRODUCT_FIELDS)
        view = await products.update_product(
            call.session,
            catalogue,
            request.product.id,
            convert.change_of_update(request.product, fields),
            fields,
            request.etag,
        )
        return convert.product(view, catalogue.structure)

    @process
    async def PublishProducts(self, request: pb.PublishProductsRequest, call: Call) -> Answer:
        async def publish() -> pb.PublishProductsResponse:
            count, refusals = await publications.publish_many(
                call.transactions, self._structures, self._roles, request.channel, request.skus
            )
            return convert.publish_response(count, refusals)

        return await _repeatable("PublishProducts", request, call, publish)

    @step
    async def WithdrawProducts(
        self, request: pb.WithdrawProductsRequest, call: Call
    ) -> pb.WithdrawProductsResponse:
        count = await publications.withdraw(
            call.session, await self._catalogue(call.session), request.channel, request.skus
        )
        return pb.WithdrawProductsResponse(withdrawn_count=count)

    # --- imports --------------------------------------------------------------------------------

    @step
    async def StartImport(self, request: pb.StartImportRequest, call: Call) -> structure_pb2.Import:
        files = [convert.import_piece(file) for file in request.files]
        return convert.import_summary(await imports.start_import(call.session, files, self._wake))

    @upload
    async def UploadImport(
        self, requests: AsyncIterator[pb.UploadImportRequest], call: Call
    ) -> structure_pb2.Import:
        pieces = (convert.import_piece(request) async for request in requests)
        queued = await imports.upload_import(call.transactions, pieces, self._wake)
        return convert.import_summary(queued)

    @query
    async def GetImport(self, request: pb.GetImportRequest, call: Call) -> structure_pb2.Import:
        return convert.import_summary(await imports.get_import(call.session, request.import_id))

    @query
    async def ListImportErrors(
        self, request: pb.ListImportErrorsRequest, call: Call
    ) -> pb.ListImportErrorsResponse:
        page = paging.parse(request, imports.Position, default=100, maximum=500)
        found = await imports.list_import_errors(
            call.session, request.import_id, page.after, page.limit
        )
        shown, token = page.cut(found, imports.position)
        return pb.ListImportErrorsResponse(
            errors=map(convert.import_error, shown), next_page_token=token
        )

    async def _catalogue(self, session: Session) -> Catalogue:
        return Catalogue(await self._structures.current(session), self._roles)


async def _repeatable(
    name: str,
    request: pb.PublishProductsRequest,
    call: Call,
    work: Callable[[], Awaitable[Message]],
) -> Answer:
    """Answers a repeated request with the stored answer, for work in several transactions."""
    if not request.request_id:
        return await work()
    caller = call.principal.subject if call.principal is not None else ""
    key = idempotency.key_of(f"{_SERVICE}/{name}", caller, request)
    stored = await idempotency.recall(call.transactions, key)
    if stored is None:
        answer = (await work()).SerializeToString()
        stored = await first_answer(call.transactions, key, answer)
    return convert.serialised(stored)


def _code(page: paging.Page[paging.Name]) -> str:
    return page.after[0] if page.after else ""
