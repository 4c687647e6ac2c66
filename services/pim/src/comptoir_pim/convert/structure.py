"""What describes products."""

from comptoir.pim.v1 import pim_service_pb2, structure_pb2
from comptoir.type.v1.localised_text_pb2 import LocalisedText
from comptoir_pim.domain.structure import Attribute, Category, Channel, Family, Structure
from comptoir_runtime import etag


def attribute(each: Attribute, structure: Structure) -> structure_pb2.Attribute:
    """An attribute with its options."""
    message = structure_pb2.Attribute(
        code=each.code,
        type=structure_pb2.Attribute.Type.ValueType(each.type),
        label=LocalisedText(texts=each.labels),
        localisable=each.localisable,
        scopable=each.scopable,
        unique=each.unique,
        group=each.group,
        metric_family=each.metric_family,
        metric_unit=each.metric_unit,
        max_characters=each.max_characters,
        number_min=each.number_min,
        number_max=each.number_max,
        decimals_allowed=each.decimals_allowed,
        validation_regexp=each.validation_regexp,
    )
    for option in structure.options.get(each.code, {}).values():
        message.options.add(
            code=option.code,
            label=LocalisedText(texts=option.labels),
            sort_order=option.sort_order,
        )
    return message


def family(each: Family, structure: Structure) -> structure_pb2.Family:
    """A family with its variants."""
    message = structure_pb2.Family(
        code=each.code,
        label=LocalisedText(texts=each.labels),
        attributes=each.attributes,
        label_attribute=each.label_attribute,
        image_attribute=each.image_attribute,
    )
    for code, attributes in sorted(each.requirements.items()):
        message.requirements.add(channel=code, attributes=attributes)
    for variant in structure.variants.values():
        if variant.family == each.code:
            added = message.variants.add(
                code=variant.code, label=LocalisedText(texts=variant.labels)
            )
            for level in variant.levels:
                added.levels.add(axes=level.axes, attributes=level.attributes)
    return message


def category(each: Category) -> structure_pb2.Category:
    """A category."""
    return structure_pb2.Category(
        code=each.code,
        parent=each.parent,
        tree=each.tree,
        label=LocalisedText(texts=each.labels),
        position=each.position,
        etag=etag.of(each.version),
    )


def channel(each: Channel) -> structure_pb2.Channel:
    """A channel."""
    return structure_pb2.Channel(
        code=each.code,
        label=LocalisedText(texts=each.labels),
        locales=each.locales,
        currencies=each.currencies,
        tree=each.tree,
    )


def category_to_create(request: pim_service_pb2.CreateCategoryRequest) -> Category:
    """A category as its creator wants it."""
    return Category(
        code=request.code,
        parent=request.parent,
        labels=dict(sorted(request.label.texts.items())),
        position=request.position,
    )


def category_of(message: structure_pb2.Category) -> Category:
    """A category as an update gives it."""
    return Category(
        code=message.code,
        parent=message.parent,
        labels=dict(sorted(message.label.texts.items())),
        position=message.position,
    )
