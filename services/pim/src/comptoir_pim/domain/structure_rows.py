"""Rows of the files that describe products: attributes, options, families, categories, channels."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from comptoir_pim.domain.categories import Cycle, NoSuchParent, planted, replanted
from comptoir_pim.domain.cells import (
    LOCALE,
    OPTION_CODE,
    BadCell,
    Row,
    code_of,
    codes_of,
    decimal,
    flag,
    labels_of,
    lowest_number,
    pattern_of,
    require_known,
    whole_number,
)
from comptoir_pim.domain.products import Problem
from comptoir_pim.domain.records import Record
from comptoir_pim.domain.structure import (
    Attribute,
    AttributeType,
    Category,
    Channel,
    Family,
    FamilyVariant,
    Level,
    Option,
    Structure,
)
from comptoir_pim.domain.units import is_unit
from comptoir_runtime.errors import InvalidArgument
from comptoir_runtime.money import exponent

TYPES = {
    "pim_catalog_identifier": AttributeType.IDENTIFIER,
    "pim_catalog_text": AttributeType.TEXT,
    "pim_catalog_textarea": AttributeType.RICH_TEXT,
    "pim_catalog_number": AttributeType.NUMBER,
    "pim_catalog_boolean": AttributeType.BOOLEAN,
    "pim_catalog_date": AttributeType.DATE,
    "pim_catalog_simpleselect": AttributeType.OPTION,
    "pim_catalog_multiselect": AttributeType.MULTI_OPTION,
    "pim_catalog_metric": AttributeType.METRIC,
    "pim_catalog_price_collection": AttributeType.PRICE,
    "pim_catalog_image": AttributeType.ASSET,
    "pim_catalog_file": AttributeType.ASSET,
    "pim_reference_data_simpleselect": AttributeType.REFERENCE,
    "akeneo_reference_entity": AttributeType.REFERENCE,
}
_WITH_OPTIONS = frozenset({AttributeType.OPTION, AttributeType.MULTI_OPTION})
_AXIS_TYPES = frozenset(
    {AttributeType.OPTION, AttributeType.REFERENCE, AttributeType.BOOLEAN, AttributeType.METRIC}
)

Thing: TypeAlias = Attribute | Option | Family | FamilyVariant | Category | Channel


@dataclass(slots=True)
class Plan:
    """What a file makes of the structure."""

    changed: dict[Any, Thing] = field(default_factory=dict)
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[tuple[int, Problem]] = field(default_factory=list)
    """With the line they are about."""


def plan(name: str, headers: list[str], records: list[Record], structure: Structure) -> Plan:
    """Reads a whole file; bad rows become problems, the others changed things."""
    result = Plan()
    columns = [header for header in headers if header]
    missing = [each for each in REQUIRED[name] if each not in columns]
    if missing:
        reason = f"the column {missing[0]} is missing; no row could be read"
        result.problems.append((1, Problem(missing[0], "", reason)))
        return result
    if name == "categories.csv":
        _plan_categories(headers, records, structure, result)
        return result
    existing, read, key_of = _FILES[name](structure)
    seen: set[Any] = set()
    for line, row in _rows(headers, records, result):
        try:
            key = key_of(row)
            if key in seen:
                raise BadCell("code", row["code"], "the code is there before in this file")
            seen.add(key)
            _note(result, key, existing.get(key), read(row, existing.get(key), structure))
        except BadCell as error:
            result.problems.append((line, error.problem))
    return result


def _note(result: Plan, key: Any, before: Thing | None, after: Thing) -> None:
    if before is None:
        result.created += 1
    elif after == before:
        result.unchanged += 1
        return
    else:
        result.updated += 1
    result.changed[key] = after


def _rows(
    headers: list[str], records: list[Record], result: Plan
) -> Iterator[tuple[int, dict[str, str]]]:
    for record in records:
        if len(record.cells) != len(headers):
            reason = f"the row has {len(record.cells)} cells, the header {len(headers)}"
            result.problems.append((record.line, Problem("", "", reason)))
        else:
            yield record.line, dict(zip(headers, map(str.strip, record.cells), strict=True))


# --- one thing per row ------------------------------------------------------------------------


def _attribute(row: Row, before: Attribute | None, _: Structure) -> Attribute:
    kind = TYPES.get(row["type"])
    if kind is None:
        raise BadCell("type", row["type"], f"there is no attribute type {row['type']}")
    base = before or Attribute(code_of(row), kind)
    after = replace(
        base,
        type=kind,
        labels=labels_of(row, base.labels),
        localisable=flag(row, "localizable", base.localisable),
        scopable=flag(row, "scopable", base.scopable),
        unique=flag(row, "unique", base.unique),
        group=row.get("group", base.group),
        metric_family=row.get("metric_family", base.metric_family),
        metric_unit=row.get("default_metric_unit", base.metric_unit),
        max_characters=whole_number(row, "max_characters", base.max_characters),
        number_min=lowest_number(row, base.number_min),
        number_max=decimal(row, "number_max", base.number_max),
        date_min=row.get("date_min", base.date_min),
        date_max=row.get("date_max", base.date_max),
        decimals_allowed=flag(row, "decimals_allowed", base.decimals_allowed),
        validation_regexp=pattern_of(row, base.validation_regexp),
        sort_order=whole_number(row, "sort_order", base.sort_order),
    )
    if before is not None:
        for column, old, new in (
            ("type", before.type, after.type),
            ("localizable", before.localisable, after.localisable),
            ("scopable", before.scopable, after.scopable),
        ):
            if old != new:
                raise BadCell(column, row[column], "does not change once the attribute exists")
    if kind is AttributeType.METRIC and not is_unit(after.metric_family, after.metric_unit):
        reason = f"is no unit of {after.metric_family or 'an unnamed unit family'}"
        raise BadCell("default_metric_unit", after.metric_unit, reason)
    return after


def _option(row: Row, before: Option | None, structure: Structure) -> Option:
    attribute = structure.attributes.get(row["attribute"])
    if attribute is None or attribute.type not in _WITH_OPTIONS:
        reason = "is no attribute" if attribute is None else "is no attribute with options"
        raise BadCell("attribute", row["attribute"], reason)
    base = before or Option(attribute.code, code_of(row, OPTION_CODE))
    return replace(
        base,
        labels=labels_of(row, base.labels),
        sort_order=whole_number(row, "sort_order", base.sort_order),
    )


def _family(row: Row, before: Family | None, structure: Structure) -> Family:
    base = before or Family(code_of(row))
    attributes = codes_of(row, "attributes", base.attributes)
    require_known("attributes", attributes, structure.attributes)
    requirements = dict(base.requirements)
    for column in row:
        head, _, channel = column.partition("-")
        if head == "requirements":
            require_known(column, (channel,), structure.channels)
            requirements[channel] = codes_of(row, column, ())
            require_known(column, requirements[channel], attributes)
    family = replace(
        base,
        labels=labels_of(row, base.labels),
        attributes=attributes,
        label_attribute=row.get("attribute_as_label", base.label_attribute),
        image_attribute=row.get("attribute_as_image", base.image_attribute),
        requirements=requirements,
    )
    for column, code in (
        ("attribute_as_label", family.label_attribute),
        ("attribute_as_image", family.image_attribute),
    ):
        require_known(column, (code,) if code else (), attributes)
    return family


def _family_variant(row: Row, before: FamilyVariant | None, structure: Structure) -> FamilyVariant:
    family = structure.families.get(row["family"])
    if family is None:
        raise BadCell("family", row["family"], f"there is no family {row['family']}")
    levels = []
    for depth in ("1", "2"):
        axes = codes_of(row, f"variant-axes_{depth}", ())
        attributes = codes_of(row, f"variant-attributes_{depth}", ())
        require_known(f"variant-axes_{depth}", axes, family.attributes)
        require_known(f"variant-attributes_{depth}", attributes, family.attributes)
        for axis in axes:
            if structure.attributes[axis].type not in _AXIS_TYPES:
                raise BadCell(f"variant-axes_{depth}", axis, "cannot tell variants apart")
        if axes:
            levels.append(Level(axes, attributes))
        elif attributes or depth == "1":
            raise BadCell(f"variant-axes_{depth}", "", "a level needs an axis")
    base = before or FamilyVariant(code_of(row), family.code)
    shape = [level.axes for level in levels]
    if base.family != family.code or (before and shape != [each.axes for each in before.levels]):
        raise BadCell("code", base.code, "the family and the axes of a family variant stay")
    return replace(base, labels=labels_of(row, base.labels), levels=tuple(levels))


def _channel(row: Row, before: Channel | None, structure: Structure) -> Channel:
    base = before or Channel(code_of(row))
    channel = replace(
        base,
        labels=labels_of(row, base.labels),
        locales=codes_of(row, "locales", base.locales),
        currencies=codes_of(row, "currencies", base.currencies),
        tree=row.get("tree", base.tree),
    )
    if not channel.locales:
        raise BadCell("locales", "", "a channel needs a locale")
    for locale in channel.locales:
        if LOCALE.fullmatch(locale) is None:
            raise BadCell("locales", locale, "is not a locale such as fr_FR")
    for currency in channel.currencies:
        try:
            exponent(currency)
        except InvalidArgument:
            raise BadCell("currencies", currency, "is not an ISO 4217 currency") from None
    category = structure.categories.get(channel.tree)
    if channel.tree and (category is None or category.parent):
        raise BadCell("tree", channel.tree, "is not the root of a category tree")
    return channel


def _plan_categories(
    headers: list[str], records: list[Record], structure: Structure, result: Plan
) -> None:
    """Parents may stand below their children: rows wait until the category above is known."""
    known = dict(structure.categories)
    waiting = list(_rows(headers, records, result))
    seen: set[str] = set()
    while waiting:
        ahead = {row["code"] for _, row in waiting} - seen
        later = []
        for line, row in waiting:
            if row.get("parent", "") in ahead - {row["code"]}:
                later.append((line, row))
                continue
            try:
                if row["code"] in seen:
                    raise BadCell("code", row["code"], "the code is there before in this file")
                seen.add(row["code"])
                _plant(row, known, structure, result)
            except BadCell as error:
                result.problems.append((line, error.problem))
        if len(later) == len(waiting):
            for line, row in later:
                reason = "the categories above lead back to this one"
                result.problems.append((line, Problem("parent", row["parent"], reason)))
            return
        waiting = later


def _plant(row: Row, known: dict[str, Category], structure: Structure, result: Plan) -> None:
    before = structure.categories.get(row["code"])
    base = before or Category(code_of(row))
    parent = row.get("parent", base.parent)
    try:
        after = planted(replace(base, parent=parent, labels=labels_of(row, base.labels)), known)
    except NoSuchParent:
        raise BadCell("parent", parent, f"there is no category {parent}") from None
    except Cycle:
        raise BadCell("parent", parent, "a category cannot lie below itself") from None
    if before is not None and after != before:
        after = replace(after, version=before.version + 1)
    _note(result, after.code, before, after)
    if before is not None and after.path != before.path:
        for moved in replanted(after, known):
            known[moved.code] = result.changed[moved.code] = moved
    known[after.code] = after


Reader: TypeAlias = Callable[[Any, Any, Structure], Thing]
_File: TypeAlias = tuple[Mapping[Any, Thing], Reader, Callable[[Row], Any]]


def _by_code(row: Row) -> str:
    return row["code"]


_FILES: Mapping[str, Callable[[Structure], _File]] = {
    "attributes.csv": lambda structure: (structure.attributes, _attribute, _by_code),
    "attribute_options.csv": lambda structure: (
        {
            (option.attribute, option.code): option
            for options in structure.options.values()
            for option in options.values()
        },
        _option,
        lambda row: (row["attribute"], row["code"]),
    ),
    "families.csv": lambda structure: (structure.families, _family, _by_code),
    "family_variants.csv": lambda structure: (structure.variants, _family_variant, _by_code),
    "channels.csv": lambda structure: (structure.channels, _channel, _by_code),
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "categories.csv": ("code",),
    "channels.csv": ("code",),
    "attributes.csv": ("code", "type"),
    "attribute_options.csv": ("code", "attribute"),
    "families.csv": ("code",),
    "family_variants.csv": ("code", "family"),
}
