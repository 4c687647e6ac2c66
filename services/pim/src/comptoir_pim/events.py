"""Messages made from values: what is published, and what is kept ready to be sent."""

from collections.abc import Sequence
from datetime import datetime

from comptoir.pim.v1 import events_pb2, product_pb2, structure_pb2
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_pim.domain.documents import Document, Shown, State
from comptoir_pim.store.imports import Import
from comptoir_runtime import etag


def published_product(document: Document) -> product_pb2.PublishedProduct:
    """What the public gets, without the time and the etag of its publication."""
    message = product_pb2.PublishedProduct(
        id=document.id,
        sku=document.sku,
        gtin=document.gtin,
        channel=document.channel,
        locale=document.locale,
        name=document.name,
        description=document.description,
        image=document.image,
        family=document.family,
        model=document.model,
        categories=document.categories,
        attributes=_display_values(document.attributes),
        tax_class=document.tax_class,
        weight_grams=document.weight_grams,
    )
    for sister in document.variants:
        message.variants.add(id=sister.id, sku=sister.sku, axes=_display_values(sister.axes))
    for kind, skus in document.associations.items():
        message.associations.add(type=kind, skus=skus)
    return message


def dated(message: product_pb2.PublishedProduct, version: int, at: datetime) -> bytes:
    """The message as it is sent, with the time and the etag of its publication."""
    message.publish_time.FromDatetime(at)
    message.etag = etag.of(version)
    return message.SerializeToString()


def product_document(state: State) -> product_pb2.ProductDocument:
    """A product with its names, without a version."""
    return product_pb2.ProductDocument(
        sku=state.sku,
        gtin=state.gtin,
        product_id=state.id,
        family=state.family,
        model=state.model,
        categories=state.categories,
        tax_class=state.tax_class,
        weight_grams=state.weight_grams,
        name=LocalisedText(texts=state.names),
        image=state.image,
        channels=state.channels,
    )


def product_shown(document: product_pb2.ProductDocument, version: int) -> events_pb2.ProductState:
    """The latest state of a product that some channel shows."""
    document.version = version
    return events_pb2.ProductState(
        product_id=document.product_id, sku=document.sku, product=document, version=version
    )


def product_withdrawn(product_id: str, sku: str, version: int) -> events_pb2.ProductState:
    """The tombstone of a product that no channel shows any more."""
    return events_pb2.ProductState(product_id=product_id, sku=sku, withdrawn=True, version=version)


def import_finished(done: Import) -> events_pb2.ImportFinished:
    """An import has read all its rows."""
    return events_pb2.ImportFinished(import_id=done.id, **{"import": import_message(done)})


def import_message(each: Import) -> structure_pb2.Import:
    """An import as far as it is; rows are those of all files together."""
    message = structure_pb2.Import(
        id=each.id,
        # An upload that is still arriving is as good as queued.
        state=structure_pb2.Import.State.ValueType(max(each.state, 1)),
        row_count=sum(file.row_count for file in each.files),
        read_count=sum(file.read_count for file in each.files),
        created_count=each.created_count,
        updated_count=each.updated_count,
        unchanged_count=each.unchanged_count,
        error_count=sum(file.error_count for file in each.files),
        warning_count=each.warning_count,
    )
    for file in each.files:
        message.files.add(
            name=file.name,
            row_count=file.row_count,
            accepted_count=file.read_count - file.error_count,
            error_count=file.error_count,
        )
    message.create_time.FromDatetime(each.created_at)
    if each.finished_at is not None:
        message.finish_time.FromDatetime(each.finished_at)
    return message


def _display_values(values: Sequence[Shown]) -> list[product_pb2.DisplayValue]:
    return [
        product_pb2.DisplayValue(
            attribute=each.attribute, label=each.label, text=each.text, code=each.code
        )
        for each in values
    ]
