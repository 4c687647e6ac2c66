"""Columns of products.csv and product_models.csv: from a header to changes of products."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from comptoir_pim.domain.gtin import is_gtin
from comptoir_pim.domain.products import Change, Problem
from comptoir_pim.domain.records import Record
from comptoir_pim.domain.structure import Attribute, AttributeType, Structure
from comptoir_pim.domain.values import BadValue, checked_key, normaliser, price_text

SKU = re.compile(r"[A-Za-z0-9._-]{1,64}")
MODEL_CODE = re.compile(r"[A-Za-z0-9._-]{1,100}")
ASSOCIATION_TYPE = re.compile(r"[A-Za-z0-9_]{1,100}")
_ASSOCIATION = re.compile(r"([A-Za-z0-9_]{1,100})-(products|product_models|product_uuids|groups)")
TAX_CLASS = re.compile(r"[a-z0-9_]{1,64}")

Take: TypeAlias = Callable[[Change, str, Sequence[str]], None]
"""Puts a cell into the change; also gets all cells of the row. Raises `BadValue`."""


class LeftOut(BadValue):
    """A cell that says nothing this service keeps; the row is taken without it."""


class UnknownColumn(Exception):
    """A header means nothing here; the text tells why."""


@dataclass(slots=True)
class Columns:
    """The columns of one file, ready to read rows with."""

    key: str
    headers: list[str]
    fixed: frozenset[str] = frozenset()
    """Headers present that are no values."""
    takes: list[Take | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Headers that mean nothing; their cells are left out."""
    replaced: set[str] = field(default_factory=set)
    currencies: dict[str, set[str]] = field(default_factory=dict)
    association_types: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)
    _frozen: tuple[frozenset[str], dict[str, frozenset[str]], frozenset[str]] | None = None

    def read(self, record: Record) -> tuple[Change, list[Problem]]:
        """What a row says, and what is wrong with its cells. An empty cell empties its value."""
        cells, change = record.cells, self._blank()
        if len(cells) != len(self.headers):
            reason = f"the row has {len(cells)} cells, the header {len(self.headers)}"
            return change, [Problem("", "", reason)]
        problems = []
        for take, name, cell in zip(self.takes, self.headers, cells, strict=True):
            if cell and take is not None:
                try:
                    take(change, cell, cells)
                except BadValue as error:
                    warning = isinstance(error, LeftOut)
                    problems.append(Problem(name, cell, str(error), warning))
        if not change.key and not problems:
            problems.append(Problem(self.key, "", f"{self.key} is empty"))
        return change, problems

    def _blank(self) -> Change:
        if self._frozen is None:
            currencies = {key: frozenset(codes) for key, codes in self.currencies.items()}
            self._frozen = (frozenset(self.replaced), currencies, frozenset(self.association_types))
        replaced, currencies, association_types = self._frozen
        return Change(
            categories=() if "categories" in self.fixed else None,
            gtin="" if "gtin" in self.fixed else None,
            tax_class="" if "tax_class" in self.fixed else None,
            replaced=replaced,
            currencies=currencies,
            association_types=association_types,
            names=self.names,
        )


def product_columns(headers: list[str], structure: Structure) -> Columns:
    """Columns of products.csv."""
    identifiers = [
        attribute.code
        for attribute in structure.attributes.values()
        if attribute.type is AttributeType.IDENTIFIER and attribute.code in headers
    ]
    key = "sku" if "sku" in headers or not identifiers else identifiers[0]
    fixed: dict[str, Take] = {
        key: _take_sku,
        "family": _take_family,
        "parent": _take_parent,
        "categories": _take_categories,
        "enabled": _take_enabled,
    }
    # As columns of their own only where no attribute has the name.
    own = {"gtin": _take_gtin, "tax_class": _take_tax_class}
    fixed.update((name, own[name]) for name in own.keys() - structure.attributes.keys())
    return _columns(key, headers, fixed, structure)


def model_columns(headers: list[str], structure: Structure) -> Columns:
    """Columns of product_models.csv."""
    fixed: dict[str, Take] = {
        "code": _take_code,
        "family_variant": _take_family_variant,
        "parent": _take_parent,
        "categories": _take_categories,
    }
    return _columns("code", headers, fixed, structure)


def _columns(key: str, headers: list[str], fixed: dict[str, Take], structure: Structure) -> Columns:
    columns = Columns(key, headers, frozenset(fixed.keys() & set(headers)))
    for index, header in enumerate(headers):
        take = fixed.get(header)
        if header in headers[:index]:
            columns.problems.append(_left_out(header, "the column is there twice"))
        elif take is None:
            try:
                take = _variable(header, columns, structure)
            except (UnknownColumn, BadValue) as error:
                columns.problems.append(_left_out(header, str(error)))
        columns.takes.append(take)
    return columns


def _left_out(header: str, reason: str) -> Problem:
    return Problem(header, "", f"{reason}; the column is left out", warning=True)


def _variable(header: str, columns: Columns, structure: Structure) -> Take | None:
    """The column of a value or an association."""
    code, *rest = header.split("-")
    attribute = structure.attributes.get(code)
    if attribute is None:
        return _association(header, columns)
    if attribute.type is AttributeType.METRIC and rest and rest[-1] == "unit":
        return None  # read together with the amount
    currency = rest.pop() if attribute.type is AttributeType.PRICE and rest else ""
    locale = rest.pop(0) if attribute.localisable and rest else ""
    channel = rest.pop(0) if attribute.scopable and rest else ""
    if rest:
        raise UnknownColumn(f"{code} has no values by {'-'.join(rest)}")
    key = checked_key(attribute, locale, channel, structure)
    columns.names[key] = header
    if attribute.type is AttributeType.PRICE:
        return _price(key, currency, columns, structure)
    columns.replaced.add(key)
    if attribute.type is AttributeType.METRIC:
        return _metric(key, attribute, f"{header}-unit", columns, structure)
    normalise = normaliser(attribute, structure)

    def take(change: Change, cell: str, _: Sequence[str]) -> None:
        change.values[key] = normalise(cell)

    return take


def _price(key: str, currency: str, columns: Columns, structure: Structure) -> Take:
    if currency not in structure.currencies:
        raise UnknownColumn(f"no channel has the currency {currency or '(none)'}")
    columns.currencies.setdefault(key, set()).add(currency)
    columns.replaced.add(key)

    def take(change: Change, cell: str, _: Sequence[str]) -> None:
        change.values.setdefault(key, {})[currency] = price_text(cell, currency)

    return take


def _metric(
    key: str, attribute: Attribute, unit_header: str, columns: Columns, structure: Structure
) -> Take:
    normalise = normaliser(attribute, structure)
    headers = columns.headers
    place = headers.index(unit_header) if unit_header in headers else None

    def take(change: Change, cell: str, cells: Sequence[str]) -> None:
        unit = "" if place is None else cells[place]
        change.values[key] = normalise({"amount": cell, "unit": unit})

    return take


def _association(header: str, columns: Columns) -> Take | None:
    match = _ASSOCIATION.fullmatch(header)
    if header == "groups" or (match is not None and match[2] != "products"):
        return _take_nothing
    if match is None:
        raise UnknownColumn(f"there is no attribute {header.split('-', maxsplit=1)[0]}")
    kind = match[1]
    columns.association_types.add(kind)

    def take(change: Change, cell: str, _: Sequence[str]) -> None:
        skus = _codes(cell)
        wrong = [sku for sku in skus if SKU.fullmatch(sku) is None]
        if wrong:
            raise BadValue(f"{wrong[0]} is no sku")
        change.associations[kind] = skus

    return take


def _codes(cell: str) -> list[str]:
    return list(dict.fromkeys(code for part in cell.split(",") if (code := part.strip())))


def _take_sku(change: Change, cell: str, _: Sequence[str]) -> None:
    if SKU.fullmatch(cell) is None:
        raise BadValue("a sku has 1 to 64 letters, digits, points, hyphens and underscores")
    change.key = cell


def _take_code(change: Change, cell: str, _: Sequence[str]) -> None:
    if MODEL_CODE.fullmatch(cell) is None:
        raise BadValue("a code has 1 to 100 letters, digits, points, hyphens and underscores")
    change.key = cell


def _take_family(change: Change, cell: str, _: Sequence[str]) -> None:
    change.family = cell


def _take_family_variant(change: Change, cell: str, _: Sequence[str]) -> None:
    change.family_variant = cell


def _take_parent(change: Change, cell: str, _: Sequence[str]) -> None:
    change.parent = cell


def _take_categories(change: Change, cell: str, _: Sequence[str]) -> None:
    change.categories = tuple(_codes(cell))


def _take_enabled(change: Change, cell: str, _: Sequence[str]) -> None:
    if cell not in ("0", "1"):
        raise BadValue("is not 1 or 0")
    change.enabled = cell == "1"


def _take_gtin(change: Change, cell: str, _: Sequence[str]) -> None:
    if not is_gtin(cell):
        raise BadValue("is no GTIN: its length or check digit is wrong")
    change.gtin = cell


def _take_tax_class(change: Change, cell: str, _: Sequence[str]) -> None:
    if TAX_CLASS.fullmatch(cell) is None:
        raise BadValue("is no code of a tax class")
    change.tax_class = cell


def _take_nothing(_: Change, __: str, ___: Sequence[str]) -> None:
    raise LeftOut("groups and associations with models are not kept here")
