"""What products are made of, as one immutable picture."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property


class AttributeType(IntEnum):
    """What values look like; the numbers are those of the contract and of the table."""

    IDENTIFIER = 1
    TEXT = 2
    RICH_TEXT = 3
    NUMBER = 4
    BOOLEAN = 5
    DATE = 6
    OPTION = 7
    MULTI_OPTION = 8
    METRIC = 9
    PRICE = 10
    ASSET = 11
    REFERENCE = 12


@dataclass(frozen=True, slots=True)
class Attribute:
    """One characteristic. Limits are decimal texts or ISO dates; empty means none."""

    code: str
    type: AttributeType
    labels: Mapping[str, str] = field(default_factory=dict)
    localisable: bool = False
    scopable: bool = False
    unique: bool = False
    group: str = ""
    metric_family: str = ""
    metric_unit: str = ""
    max_characters: int = 0
    number_min: str = ""
    number_max: str = ""
    date_min: str = ""
    date_max: str = ""
    decimals_allowed: bool = True
    validation_regexp: str = ""
    sort_order: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of an option attribute."""

    attribute: str
    code: str
    labels: Mapping[str, str] = field(default_factory=dict)
    sort_order: int = 0


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of product; `requirements` are attribute codes by channel."""

    code: str
    labels: Mapping[str, str] = field(default_factory=dict)
    attributes: tuple[str, ...] = ()
    label_attribute: str = ""
    image_attribute: str = ""
    requirements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Level:
    """One level of variation: what tells its members apart, and what is filled there."""

    axes: tuple[str, ...]
    attributes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FamilyVariant:
    """How the variants of a model differ; one or two levels, outermost first."""

    code: str
    family: str
    labels: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[Level, ...] = ()

    def level_of(self, attribute: str) -> int:
        """The level an attribute is filled at: 0 is the root model."""
        for depth in range(len(self.levels), 0, -1):
            level = self.levels[depth - 1]
            if attribute in level.attributes or attribute in level.axes:
                return depth
        return 0


@dataclass(frozen=True, slots=True)
class Category:
    """A node of a tree; `path` leads from the root to the node itself."""

    code: str
    parent: str = ""
    tree: str = ""
    path: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    position: int = 0
    version: int = 1


@dataclass(frozen=True, slots=True)
class Channel:
    """A place where products are shown and sold."""

    code: str
    labels: Mapping[str, str] = field(default_factory=dict)
    locales: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which attributes have a meaning of their own."""

    name: str = "name"
    description: str = "description"
    gtin: str = "ean"
    tax_class: str = "tax_class"
    weight: str = "weight"
    hidden_groups: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Structure:
    """Everything that describes products, at one revision.

    `shown_revision` is the revision of the last change that the public can see.
    """

    revision: int = 0
    shown_revision: int = 0
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    options: Mapping[str, Mapping[str, Option]] = field(default_factory=dict)
    families: Mapping[str, Family] = field(default_factory=dict)
    variants: Mapping[str, FamilyVariant] = field(default_factory=dict)
    categories: Mapping[str, Category] = field(default_factory=dict)
    channels: Mapping[str, Channel] = field(default_factory=dict)

    @cached_property
    def locales(self) -> frozenset[str]:
        """Locales of any channel."""
        return frozenset(each for channel in self.channels.values() for each in channel.locales)

    @cached_property
    def currencies(self) -> frozenset[str]:
        """Currencies of any channel."""
        return frozenset(each for channel in self.channels.values() for each in channel.currencies)

    def ancestry(self, codes: tuple[str, ...], tree: str = "") -> list[str]:
        """The categories and all above them, each once, sorted; only of one tree when given."""
        found: set[str] = set()
        for code in codes:
            category = self.categories.get(code)
            if category is not None and tree in ("", category.tree):
                found.update(category.path)
        return sorted(found)
