"""Products as staff sees and changes them."""

from collections.abc import Iterable

from comptoir.pim.v1 import pim_service_pb2, product_pb2
from comptoir.type.v1.money_pb2 import Money
from comptoir_pim.domain.completeness import Refusal
from comptoir_pim.domain.products import Change, GivenValue
from comptoir_pim.domain.structure import AttributeType, Structure
from comptoir_pim.domain.values import Json, parts_of
from comptoir_pim.store.products import ProductView
from comptoir_runtime import etag

_DRAFT = product_pb2.Product.STATE_DRAFT


def product(view: ProductView, structure: Structure) -> product_pb2.Product:
    """A product with all its values; in channels it was never published in it is a draft."""
    own = view.product
    message = product_pb2.Product(
        id=own.id,
        sku=own.sku,
        gtin=own.gtin,
        family=own.family,
        parent=own.parent,
        categories=view.categories,
        values=[_value(key, value, structure) for key, value in sorted(own.values.items())],
        tax_class=view.tax_class,
        enabled=own.enabled,
        etag=etag.of(own.version),
    )
    for kind, skus in own.associations.items():
        message.associations.add(type=kind, skus=skus)
    for channel in structure.channels:
        message.states[channel] = product_pb2.Product.State.ValueType(
            view.states.get(channel, _DRAFT)
        )
    message.create_time.FromDatetime(view.created_at)
    message.update_time.FromDatetime(view.updated_at)
    return message


def publish_response(
    count: int, refusals: Iterable[Refusal]
) -> pim_service_pb2.PublishProductsResponse:
    """What was published and what was not."""
    response = pim_service_pb2.PublishProductsResponse(published_count=count)
    for refusal in refusals:
        response.refusals.add(sku=refusal.sku, missing=refusal.missing, reason=refusal.reason)
    return response


def change_of_input(given: pim_service_pb2.ProductInput) -> tuple[Change, list[GivenValue]]:
    """What a caller says of a product; what is empty says nothing."""
    change = Change(
        key=given.sku,
        gtin=given.gtin or None,
        family=given.family,
        parent=given.parent or None,
        categories=tuple(dict.fromkeys(given.categories)) or None,
        tax_class=given.tax_class or None,
        associations=_associations(given.associations),
        association_types=frozenset(each.type for each in given.associations),
    )
    return change, _values(given.values)


def change_of_update(
    given: product_pb2.Product, fields: set[str]
) -> tuple[Change, list[GivenValue]]:
    """What an update says of the named fields of a product; an empty one is emptied."""
    change = Change(
        gtin=given.gtin if "gtin" in fields else None,
        categories=tuple(dict.fromkeys(given.categories)) if "categories" in fields else None,
        tax_class=given.tax_class if "tax_class" in fields else None,
        enabled=given.enabled if "enabled" in fields else None,
        associations=_associations(given.associations) if "associations" in fields else {},
    )
    return change, _values(given.values) if "values" in fields else []


def _associations(given: Iterable[product_pb2.Association]) -> dict[str, list[str]]:
    return {each.type: list(dict.fromkeys(each.skus)) for each in given if each.skus}


def _values(given: Iterable[product_pb2.Value]) -> list[GivenValue]:
    return [GivenValue(each.attribute, each.locale, each.channel, _content(each)) for each in given]


def _content(value: product_pb2.Value) -> Json:
    match value.WhichOneof("data"):
        case "text":
            return value.text
        case "number":
            return value.number
        case "flag":
            return value.flag
        case "codes":
            return list(value.codes.codes)
        case "metric":
            return {"amount": value.metric.amount, "unit": value.metric.unit}
        case "prices":
            return {money.currency: money.amount for money in value.prices.amounts}
    return None


def _value(key: str, content: Json, structure: Structure) -> product_pb2.Value:
    code, locale, channel = parts_of(key)
    value = product_pb2.Value(attribute=code, locale=locale, channel=channel)
    attribute = structure.attributes.get(code)
    match content:
        case bool():
            value.flag = content
        case list():
            value.codes.codes.extend(content)
        case {"amount": amount, "unit": unit}:
            value.metric.amount, value.metric.unit = amount, unit
        case dict():
            value.prices.amounts.extend(
                Money(currency=currency, amount=amount) for currency, amount in content.items()
            )
        case _ if attribute is not None and attribute.type is AttributeType.NUMBER:
            value.number = content
        case _:
            value.text = content
    return value
