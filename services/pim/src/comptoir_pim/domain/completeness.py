"""Completeness: whether a product has what a channel asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from comptoir_pim.domain.structure import AttributeType, Structure
from comptoir_pim.domain.values import Values, key_of


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a product was not published."""

    sku: str
    reason: str
    missing: Sequence[str] = ()


def missing_attributes(
    values: Values, family: str, channel: str, structure: Structure
) -> list[str]:
    """Required attributes without a value, sorted; empty when a product may be published.

    A product is complete in a channel when it is so in at least one of its locales: the list is
    that of the locale with the fewest gaps. A price needs an amount in one of the currencies.
    """
    required = structure.families[family].requirements.get(channel, ())
    locales = structure.channels[channel].locales or ("",)
    gaps = [
        [code for code in required if not _has_value(values, code, locale, channel, structure)]
        for locale in locales
    ]
    fewest: list[str] = min(gaps, key=len)
    return sorted(fewest)


def _has_value(values: Values, code: str, locale: str, channel: str, structure: Structure) -> bool:
    attribute = structure.attributes.get(code)
    if attribute is None or attribute.type is AttributeType.IDENTIFIER:
        return True
    place = key_of(
        code, locale if attribute.localisable else "", channel if attribute.scopable else ""
    )
    value = values.get(place)
    if attribute.type is AttributeType.PRICE and value:
        return any(currency in value for currency in structure.channels[channel].currencies)
    return value is not None and value not in ("", [], {})
