"""Values in words of a language."""

from collections.abc import Mapping
from datetime import date

from comptoir_pim.domain.structure import Attribute, AttributeType, Structure
from comptoir_pim.domain.units import symbol
from comptoir_pim.domain.values import Json

_YES_NO = {
    "de": ("Ja", "Nein"),
    "en": ("Yes", "No"),
    "es": ("Sí", "No"),
    "fr": ("Oui", "Non"),
    "it": ("Sì", "No"),
    "nl": ("Ja", "Nee"),
    "pl": ("Tak", "Nie"),
    "pt": ("Sim", "Não"),
}
_DECIMAL_POINT = frozenset({"en", "ja", "ko", "th", "zh"})
_DATES = {
    "de": "%d.%m.%Y",
    "en": "%d/%m/%Y",
    "en_US": "%m/%d/%Y",
    "es": "%d/%m/%Y",
    "fr": "%d/%m/%Y",
    "it": "%d/%m/%Y",
    "nl": "%d-%m-%Y",
    "pl": "%d.%m.%Y",
    "pt": "%d/%m/%Y",
}
_NARROW_SPACE = "\u202f"


def language_of(locale: str) -> str:
    """`fr_FR` → `fr`."""
    return locale.partition("_")[0]


def label(labels: Mapping[str, str], locale: str, code: str) -> str:
    """The label in the locale, else in its language, else the code made readable."""
    if text := labels.get(locale):
        return text
    language = language_of(locale) + "_"
    for other, text in sorted(labels.items()):
        if text and other.startswith(language):
            return text
    return code.replace("_", " ").strip().capitalize()


def words(attribute: Attribute, value: Json, locale: str, structure: Structure) -> tuple[str, str]:
    """A value as text of the locale, and the option's code when it is one."""
    match attribute.type:
        case AttributeType.BOOLEAN:
            yes, no = _YES_NO.get(language_of(locale), _YES_NO["en"])
            return (yes if value else no), ""
        case AttributeType.NUMBER:
            return number(value, locale), ""
        case AttributeType.DATE:
            return day(value, locale), ""
        case AttributeType.METRIC:
            amount, unit = number(value["amount"], locale), symbol(value["unit"])
            space = _NARROW_SPACE if language_of(locale) == "fr" else " "
            return f"{amount}{space}{unit}", ""
        case AttributeType.OPTION:
            return _option(attribute.code, value, locale, structure), value
        case AttributeType.MULTI_OPTION:
            return ", ".join(_option(attribute.code, each, locale, structure) for each in value), ""
        case AttributeType.PRICE:
            return ", ".join(f"{number(value[each], locale)} {each}" for each in value), ""
    return str(value), ""


def number(text: str, locale: str) -> str:
    """A decimal with the decimal sign of the locale."""
    return text if language_of(locale) in _DECIMAL_POINT else text.replace(".", ",")


def day(text: str, locale: str) -> str:
    """A date as it is written in the locale; ISO where we do not know."""
    pattern = _DATES.get(locale) or _DATES.get(language_of(locale))
    return date.fromisoformat(text).strftime(pattern) if pattern else text


def _option(attribute: str, code: str, locale: str, structure: Structure) -> str:
    option = structure.options.get(attribute, {}).get(code)
    return label(option.labels if option is not None else {}, locale, code)
