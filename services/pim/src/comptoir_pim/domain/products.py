"""Products and product models: what a change makes of them, and whether it may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson

from comptoir_pim.domain.gtin import is_gtin
from comptoir_pim.domain.structure import FamilyVariant, Structure
from comptoir_pim.domain.values import (
    BadValue,
    Json,
    Values,
    checked_key,
    normaliser,
    parts_of,
)

MAX_VALUE_SHOWN = 200
STANDARD_TAX_CLASS = "standard"


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row or an input was refused; a warning tells what was left out of one that was not."""

    column: str
    value: str
    reason: str
    warning: bool = False

    @property
    def shown(self) -> str:
        """The value, shortened."""
        return self.value[:MAX_VALUE_SHOWN]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What several variants have in common. `axes` tells it apart from its siblings."""

    code: str
    family_variant: str
    parent: str = ""
    categories: tuple[str, ...] = ()
    values: Values = field(default_factory=dict)
    axes: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing that is sold, with the values of its own level only.

    `tax_class` is empty when it comes from an attribute or is the standard one.
    """

    sku: str
    id: str = ""
    gtin: str = ""
    family: str = ""
    parent: str = ""
    categories: tuple[str, ...] = ()
    values: Values = field(default_factory=dict)
    associations: Mapping[str, list[str]] = field(default_factory=dict)
    tax_class: str = ""
    enabled: bool = True
    axes: str | None = None
    version: int = 0


@dataclass(frozen=True, slots=True)
class GivenValue:
    """A value as a caller gives it, in the form it is kept in, not checked."""

    attribute: str
    locale: str
    channel: str
    content: Json


@dataclass(slots=True, kw_only=True)
class Change:
    """What a row or a request says of one product or model; None says nothing.

    `replaced` are the value keys it speaks of: those without a value in `values` are emptied.
    `currencies` narrows that to some currencies of a price. `names` are the columns to blame.
    """

    key: str = ""
    gtin: str | None = None
    family: str | None = None
    family_variant: str | None = None
    parent: str | None = None
    categories: tuple[str, ...] | None = None
    tax_class: str | None = None
    enabled: bool | None = None
    values: Values = field(default_factory=dict)
    replaced: frozenset[str] = frozenset()
    currencies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    associations: dict[str, list[str]] = field(default_factory=dict)
    association_types: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, key: str) -> str:
        """The column, or the attribute, that a value came from."""
        return self.names.get(key) or parts_of(key)[0]


Lineage = Sequence[Model]
"""The models above a product or model, nearest first."""


def lineage_of(parent: str, models: Mapping[str, Model]) -> Lineage:
    """The models from `parent` upwards, as far as they are known."""
    lineage = []
    while (model := models.get(parent)) is not None:
        lineage.append(model)
        parent = model.parent
    return lineage


def changed_product(
    before: Product | None,
    change: Change,
    lineage: Lineage,
    structure: Structure,
    *,
    gtin_attribute: str = "",
) -> tuple[Product | None, list[Problem]]:
    """The product after the change, or None when it is refused.

    Versions and ids are the caller's business; a product equal to `before` is unchanged.
    """
    base = before or Product(sku=change.key)
    parent = base.parent if change.parent is None else change.parent
    variant, problems = _variant_of_product(parent, lineage, structure)
    family = base.family if change.family is None else change.family
    if variant is not None:
        family = family or variant.family
        if family != variant.family:
            problems.append(
                Problem("family", family, f"the model {parent} is of the family {variant.family}")
            )
    if family and family not in structure.families:
        problems.append(Problem("family", family, f"there is no family {family}"))
    depth = len(variant.levels) if variant is not None else 0
    values, complaints = _placed(change, family, variant, depth, lineage, structure)
    problems += complaints
    problems += _unknown_categories(change.categories, structure)
    merged = merge_values(base.values, values, change)
    axes, complaints = _axes(variant, depth, merged, change)
    problems += complaints
    if any(not problem.warning for problem in problems):
        return None, problems
    after = replace(
        base,
        family=family,
        parent=parent,
        categories=base.categories if change.categories is None else change.categories,
        values=merged,
        associations=_merged_associations(base.associations, change),
        tax_class=base.tax_class if change.tax_class is None else change.tax_class,
        enabled=base.enabled if change.enabled is None else change.enabled,
        axes=axes,
    )
    gtin, complaints = _gtin(after, change, gtin_attribute)
    refused = any(not problem.warning for problem in complaints)
    return None if refused else replace(after, gtin=gtin), problems + complaints


def changed_model(
    before: Model | None, change: Change, lineage: Lineage, structure: Structure
) -> tuple[Model | None, list[Problem]]:
    """The model after the change, or None when it is refused."""
    base = before or Model(code=change.key, family_variant="")
    code = change.family_variant or base.family_variant
    parent = base.parent if change.parent is None else change.parent
    variant = structure.variants.get(code)
    if variant is None:
        reason = f"there is no family variant {code}" if code else "a model needs a family variant"
        return None, [Problem("family_variant", code, reason)]
    problems = _wrong_parent_of_model(before, code, parent, lineage, variant)
    depth = 1 if parent else 0
    values, complaints = _placed(change, variant.family, variant, depth, lineage, structure)
    problems += complaints
    problems += _unknown_categories(change.categories, structure)
    merged = merge_values(base.values, values, change)
    axes, complaints = _axes(variant, depth, merged, change)
    problems += complaints
    if any(not problem.warning for problem in problems):
        return None, problems
    after = replace(
        base,
        family_variant=code,
        parent=parent,
        categories=base.categories if change.categories is None else change.categories,
        values=merged,
        axes=axes,
    )
    return after, problems


def take_values(change: Change, given: Iterable[GivenValue], structure: Structure) -> list[Problem]:
    """Puts checked values into the change; answers what is wrong with the others."""
    problems = []
    for each in given:
        attribute = structure.attributes.get(each.attribute)
        try:
            if attribute is None:
                raise BadValue(f"there is no attribute {each.attribute}")
            key = checked_key(attribute, each.locale, each.channel, structure)
            change.values[key] = normaliser(attribute, structure)(each.content)
        except BadValue as error:
            column = f"values[{each.attribute}]"
            problems.append(Problem(column, shown(each.content), str(error)))
    return problems


def merge_values(before: Values, given: Values, change: Change) -> Values:
    """The values after a change: what it speaks of is replaced, the rest stays."""
    merged = {key: value for key, value in before.items() if key not in change.replaced}
    for key, currencies in change.currencies.items():
        kept = {
            currency: amount
            for currency, amount in before.get(key, {}).items()
            if currency not in currencies
        }
        prices = {**kept, **given.get(key, {})}
        if prices:
            merged[key] = dict(sorted(prices.items()))
    merged.update((key, value) for key, value in given.items() if key not in change.currencies)
    return merged


def resolved_values(own: Values, lineage: Lineage) -> Values:
    """The values of a product with those of the models above it."""
    resolved: Values = {}
    for model in reversed(lineage):
        resolved.update(model.values)
    resolved.update(own)
    return resolved


def all_categories(own: Iterable[str], lineage: Lineage) -> tuple[str, ...]:
    """The categories of a product with those of the models above it, each once."""
    codes = dict.fromkeys(own)
    for model in lineage:
        codes.update(dict.fromkeys(model.categories))
    return tuple(codes)


def unique_values(values: Values, structure: Structure) -> dict[str, str]:
    """The values no other product may have, by attribute."""
    found = {}
    for key, value in values.items():
        attribute = structure.attributes.get(parts_of(key)[0])
        if attribute is not None and attribute.unique and isinstance(value, str):
            found[attribute.code] = value
    return found


def _variant_of_product(
    parent: str, lineage: Lineage, structure: Structure
) -> tuple[FamilyVariant | None, list[Problem]]:
    if not parent:
        return None, []
    if not lineage:
        return None, [Problem("parent", parent, f"there is no product model {parent}")]
    variant = structure.variants[lineage[0].family_variant]
    if len(lineage) != len(variant.levels):
        reason = f"{variant.code} has {len(variant.levels)} levels; {parent} is not at the last"
        return None, [Problem("parent", parent, reason)]
    return variant, []


def _wrong_parent_of_model(
    before: Model | None, code: str, parent: str, lineage: Lineage, variant: FamilyVariant
) -> list[Problem]:
    if before is not None and (before.family_variant != code or before.parent != parent):
        column = "parent" if before.parent != parent else "family_variant"
        return [Problem(column, parent or code, "a model stays where it was made")]
    if not parent:
        return []
    if not lineage:
        return [Problem("parent", parent, f"there is no product model {parent}")]
    if lineage[0].family_variant != code:
        reason = f"the model {parent} is of the family variant {lineage[0].family_variant}"
        return [Problem("family_variant", code, reason)]
    if lineage[0].parent or len(variant.levels) < 2:
        return [Problem("parent", parent, f"{code} has no level for a model below {parent}")]
    return []


def _placed(
    change: Change,
    family: str,
    variant: FamilyVariant | None,
    depth: int,
    lineage: Lineage,
    structure: Structure,
) -> tuple[Values, list[Problem]]:
    """The values that belong to this level of the family.

    Exports repeat the values of the models above in each row: repeated, they are left out
    silently; different, with a warning.
    """
    if not family or family not in structure.families:
        return change.values, []
    own, problems = {}, []
    allowed = structure.families[family].attributes
    for key, value in change.values.items():
        attribute = parts_of(key)[0]
        if attribute not in allowed:
            reason = f"{attribute} is no attribute of the family {family}"
            problems.append(Problem(change.name_of(key), shown(value), reason))
        elif variant is None or (level := variant.level_of(attribute)) == depth:
            own[key] = value
        elif level > depth or resolved_values({}, lineage).get(key) != value:
            where = "the models above" if level < depth else "the variants below"
            reason = f"{attribute} is filled by {where}; left out here"
            problems.append(Problem(change.name_of(key), shown(value), reason, warning=True))
    return own, problems


def _axes(
    variant: FamilyVariant | None, depth: int, values: Values, change: Change
) -> tuple[str | None, list[Problem]]:
    """What tells a variant or sub-model apart from its siblings."""
    if variant is None or depth == 0:
        return None, []
    axes = variant.levels[depth - 1].axes
    problems = [
        Problem(change.name_of(axis), "", f"{axis} tells variants apart and needs a value")
        for axis in axes
        if axis not in values
    ]
    told = {axis: values.get(axis) for axis in axes}
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS).decode(), problems


def _unknown_categories(categories: tuple[str, ...] | None, structure: Structure) -> list[Problem]:
    return [
        Problem("categories", code, f"there is no category {code}")
        for code in categories or ()
        if code not in structure.categories
    ]


def _gtin(product: Product, change: Change, attribute: str) -> tuple[str, list[Problem]]:
    """The GTIN: the one given, or a value of the GTIN attribute whose check digit is right."""
    if change.gtin:
        wrong = Problem("gtin", change.gtin, "is no GTIN: its length or check digit is wrong")
        return change.gtin, [] if is_gtin(change.gtin) else [wrong]
    value = product.values.get(attribute)
    if not isinstance(value, str):
        kept = change.gtin is None and attribute not in change.replaced
        return (product.gtin if kept else ""), []
    if is_gtin(value):
        return value, []
    if attribute not in change.values:
        return "", []
    reason = "is no GTIN: its length or check digit is wrong; the product has no GTIN"
    return "", [Problem(change.name_of(attribute), value, reason, warning=True)]


def _merged_associations(
    before: Mapping[str, list[str]], change: Change
) -> Mapping[str, list[str]]:
    kept = {kind: skus for kind, skus in before.items() if kind not in change.association_types}
    kept.update(change.associations)
    return dict(sorted(kept.items()))


def shown(value: object) -> str:
    """A value as text, for a problem."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
