"""What the public sees of a product, in one channel and one language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from comptoir_pim.domain.markup import simple_markup
from comptoir_pim.domain.products import (
    STANDARD_TAX_CLASS,
    Lineage,
    Product,
    all_categories,
    resolved_values,
)
from comptoir_pim.domain.structure import Attribute, AttributeType, Channel, Roles, Structure
from comptoir_pim.domain.units import grams
from comptoir_pim.domain.values import Json, Values, key_of
from comptoir_pim.domain.words import label, words

_NEVER_SHOWN = frozenset({AttributeType.IDENTIFIER, AttributeType.PRICE, AttributeType.ASSET})


@dataclass(frozen=True, slots=True)
class Selection:
    """Which documents a caller wants; locales in the order of preference, empty skus mean all."""

    channel: str
    locales: Sequence[str]
    category: str = ""
    skus: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Shown:
    """A value ready to be shown; `code` when it is an option."""

    attribute: str
    label: str
    text: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class Sister:
    """A variant of the same model, with the values that tell it apart."""

    id: str
    sku: str
    axes: tuple[Shown, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A product with all it takes to show it."""

    product: Product
    lineage: Lineage
    values: Values
    categories: tuple[str, ...]

    @property
    def model(self) -> str:
        """The outermost model; empty for a simple product."""
        return self.lineage[-1].code if self.lineage else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A product as one channel shows it in one language."""

    id: str
    sku: str
    gtin: str
    channel: str
    locale: str
    name: str
    description: str
    image: str
    family: str
    model: str
    categories: tuple[str, ...]
    attributes: tuple[Shown, ...]
    variants: tuple[Sister, ...]
    associations: Mapping[str, Sequence[str]]
    tax_class: str
    weight_grams: int


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A product with its names in all languages, as other services learn it."""

    id: str
    sku: str
    gtin: str
    family: str
    model: str
    categories: tuple[str, ...]
    tax_class: str
    weight_grams: int
    names: Mapping[str, str]
    image: str
    channels: tuple[str, ...]


def subject_of(product: Product, lineage: Lineage) -> Subject:
    """The product with the values and categories it has from its models."""
    return Subject(
        product=product,
        lineage=lineage,
        values=resolved_values(product.values, lineage),
        categories=all_categories(product.categories, lineage),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """How one attribute of a family is shown in one channel and language."""

    attribute: Attribute
    keys: tuple[str, ...]
    label: str


@dataclass(slots=True)
class Presenter:
    """Shows products in one channel. Plans by family are made once."""

    structure: Structure
    roles: Roles
    channel: Channel
    _lines: dict[tuple[str, str], tuple[_Line, ...]] = field(default_factory=dict)
    _keys: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)

    def document(self, subject: Subject, locale: str, sisters: Sequence[Subject]) -> Document:
        """The document; `sisters` are all published variants of its model, itself included."""
        product, values = subject.product, subject.values
        description = self._value(values, self.roles.description, locale)
        return Document(
            id=product.id,
            sku=product.sku,
            gtin=product.gtin,
            channel=self.channel.code,
            locale=locale,
            name=self.name(subject, locale),
            description=simple_markup(description) if isinstance(description, str) else "",
            image=self.image(subject, locale),
            family=product.family,
            model=subject.model,
            categories=self._categories(subject.categories),
            attributes=self._attributes(product.family, values, locale),
            variants=tuple(self._sister(each, locale) for each in sisters),
            associations=product.associations,
            tax_class=tax_class(subject, self.roles),
            weight_grams=weight(values, self.roles),
        )

    def name(self, subject: Subject, locale: str) -> str:
        """The name in the locale, else in another one of the channel, else the sku."""
        family = self.structure.families.get(subject.product.family)
        for code in (family.label_attribute if family else "", self.roles.name):
            value = self._value(subject.values, code, locale)
            if isinstance(value, str) and value:
                return value
        return subject.product.sku

    def image(self, subject: Subject, locale: str) -> str:
        """The path of the main picture; empty when there is none."""
        family = self.structure.families.get(subject.product.family)
        value = self._value(subject.values, family.image_attribute if family else "", locale)
        return value if isinstance(value, str) else ""

    def order(self, subject: Subject) -> tuple[tuple[int, str], ...]:
        """Sorts variants as a size table would: by the order of the options of their axes."""
        variant = self.structure.variants.get(subject.lineage[0].family_variant)
        places = []
        for level in variant.levels if variant is not None else ():
            for code in level.axes:
                value = str(subject.values.get(code, ""))
                option = self.structure.options.get(code, {}).get(value)
                places.append((option.sort_order if option is not None else 0, value))
        return (*places, (0, subject.product.sku))

    def _value(self, values: Values, code: str, locale: str) -> Json:
        for key in self._keys_of(code, locale):
            if key in values:
                return values[key]
        return None

    def _keys_of(self, code: str, locale: str) -> tuple[str, ...]:
        """Where the value of an attribute may be: in the locale first, then in the others."""
        keys = self._keys.get((code, locale))
        if keys is None:
            attribute = self.structure.attributes.get(code)
            keys = ()
            if attribute is not None:
                locales = dict.fromkeys((locale, *self.channel.locales))
                channel = self.channel.code if attribute.scopable else ""
                keys = tuple(
                    key_of(code, each, channel)
                    for each in (locales if attribute.localisable else ("",))
                )
            self._keys[code, locale] = keys
        return keys

    def _attributes(self, family: str, values: Values, locale: str) -> tuple[Shown, ...]:
        lines = self._lines.get((family, locale))
        if lines is None:
            lines = self._lines[family, locale] = self._plan(family, locale)
        shown = []
        for line in lines:
            for key in line.keys:
                if key in values:
                    shown.append(self._shown(line, values[key], locale))
                    break
        return tuple(shown)

    def _plan(self, code: str, locale: str) -> tuple[_Line, ...]:
        family = self.structure.families.get(code)
        if family is None:
            return ()
        roles = self.roles
        elsewhere = {
            family.label_attribute,
            family.image_attribute,
            roles.name,
            roles.description,
            roles.gtin,
            roles.tax_class,
        }
        return tuple(
            self._line(attribute, locale)
            for each in family.attributes
            if each not in elsewhere
            and (attribute := self.structure.attributes.get(each)) is not None
            and attribute.type not in _NEVER_SHOWN
            and attribute.group not in roles.hidden_groups
        )

    def _line(self, attribute: Attribute, locale: str) -> _Line:
        text = label(attribute.labels, locale, attribute.code)
        return _Line(attribute, self._keys_of(attribute.code, locale), text)

    def _shown(self, line: _Line, value: Json, locale: str) -> Shown:
        text, code = words(line.attribute, value, locale, self.structure)
        if line.attribute.type is AttributeType.RICH_TEXT:
            text = simple_markup(text)
        return Shown(line.attribute.code, line.label, text, code)

    def _sister(self, subject: Subject, locale: str) -> Sister:
        variant = self.structure.variants.get(subject.lineage[0].family_variant)
        axes = []
        for level in variant.levels if variant is not None else ():
            for code in level.axes:
                attribute = self.structure.attributes.get(code)
                value = self._value(subject.values, code, locale)
                if attribute is not None and value is not None:
                    axes.append(self._shown(self._line(attribute, locale), value, locale))
        return Sister(subject.product.id, subject.product.sku, tuple(axes))

    def _categories(self, codes: tuple[str, ...]) -> tuple[str, ...]:
        tree, known = self.channel.tree, self.structure.categories
        return tuple(code for code in codes if code in known and tree in ("", known[code].tree))


def tax_class(subject: Subject, roles: Roles) -> str:
    """The tax class: the product's own, else that of its attribute, else the standard one."""
    value = subject.values.get(roles.tax_class)
    return subject.product.tax_class or (value if isinstance(value, str) else STANDARD_TAX_CLASS)


def weight(values: Values, roles: Roles) -> int:
    """Weight in grams; 0 when it is not known."""
    value = values.get(roles.weight)
    return grams(value["amount"], value["unit"]) if isinstance(value, dict) else 0


def state_of(
    subject: Subject, presenters: Sequence[Presenter], structure: Structure, roles: Roles
) -> State:
    """The state of a product that is published in the channels of the presenters."""
    product = subject.product
    names = {
        locale: presenter.name(subject, locale)
        for presenter in presenters
        for locale in presenter.channel.locales
    }
    first = presenters[0]
    locale = first.channel.locales[0] if first.channel.locales else ""
    return State(
        id=product.id,
        sku=product.sku,
        gtin=product.gtin,
        family=product.family,
        model=subject.model,
        categories=tuple(structure.ancestry(subject.categories)),
        tax_class=tax_class(subject, roles),
        weight_grams=weight(subject.values, roles),
        names=names,
        image=first.image(subject, locale),
        channels=tuple(sorted(each.channel.code for each in presenters)),
    )
