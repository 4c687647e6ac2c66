"""Values: what the attributes of a product may hold, and in which form it is kept.

A value is kept as JSON under the key `attribute`, or `attribute|locale|channel` when the
attribute differs by language or channel (the part that does not apply is empty):

    text, rich text, identifier, asset, reference, option   text
    number     decimal text without superfluous zeros
    boolean    true or false
    date       YYYY-MM-DD
    multi-option   list of codes
    metric     {"amount": decimal text, "unit": code}
    price      {currency: decimal text with exactly the currency's digits}
"""

import re
from collections.abc import Callable, Container, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from comptoir_pim.domain.structure import Attribute, AttributeType, Structure
from comptoir_pim.domain.units import is_unit
from comptoir_runtime.errors import InvalidArgument
from comptoir_runtime.money import exponent

Json: TypeAlias = Any
Values: TypeAlias = dict[str, Json]
Normalise: TypeAlias = Callable[[Json], Json]

MAX_TEXT = 65_535
MAX_LINE = 1_000
MAX_CODES = 200
# A text that long is prose; a pattern is for codes.
MAX_MATCHED = 1_000

_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,12})?")
_CODE = re.compile(r"[A-Za-z0-9_]{1,100}")
_TRUE = frozenset({"1", "true", "yes"})
_FALSE = frozenset({"0", "false", "no"})


class BadValue(Exception):
    """A value breaks a rule of its attribute; the text is the reason, in a sentence."""


def key_of(attribute: str, locale: str = "", channel: str = "") -> str:
    """The key a value is kept under."""
    return f"{attribute}|{locale}|{channel}" if locale or channel else attribute


def parts_of(key: str) -> tuple[str, str, str]:
    """Attribute, locale and channel of a key."""
    if "|" not in key:
        return key, "", ""
    attribute, locale, channel = key.split("|")
    return attribute, locale, channel


def checked_key(attribute: Attribute, locale: str, channel: str, structure: Structure) -> str:
    """The key for a value of this attribute; raises `BadValue` when the place does not exist."""
    if bool(locale) != attribute.localisable:
        raise BadValue(
            f"{attribute.code} needs a locale"
            if attribute.localisable
            else f"{attribute.code} is not localisable"
        )
    if bool(channel) != attribute.scopable:
        raise BadValue(
            f"{attribute.code} needs a channel"
            if attribute.scopable
            else f"{attribute.code} is not per channel"
        )
    if locale and locale not in structure.locales:
        raise BadValue(f"no channel has the locale {locale}")
    if channel and channel not in structure.channels:
        raise BadValue(f"there is no channel {channel}")
    return key_of(attribute.code, locale, channel)


def normaliser(attribute: Attribute, structure: Structure) -> Normalise:
    """A function that brings a value into the form it is kept in, or raises `BadValue`.

    It takes the kept form of any attribute type; texts are read as CSV cells are.
    """
    return _NORMALISERS[attribute.type](attribute, structure)


def decimal_text(text: Json) -> str:
    """A decimal without superfluous zeros; raises `BadValue` for anything else."""
    if not isinstance(text, str) or _NUMBER.fullmatch(text) is None:
        raise BadValue("is not a decimal number such as 12.5")
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text)
    whole, _, fraction = digits.partition(".")
    whole, fraction = whole.lstrip("0") or "0", fraction.rstrip("0")
    if whole == "0" and not fraction:
        return "0"
    return f"{sign}{whole}.{fraction}" if fraction else sign + whole


def price_text(amount: str, currency: str) -> str:
    """An amount with exactly the digits of its currency; a finer or negative one is refused."""
    try:
        digits = exponent(currency)
    except InvalidArgument:
        raise BadValue(f"{currency} is not a currency") from None
    plain = decimal_text(amount)
    whole, _, fraction = plain.partition(".")
    if plain[0] == "-":
        raise BadValue("a price is not negative")
    if len(fraction) > digits:
        raise BadValue(f"{currency} has no more than {digits} digits after the point")
    return f"{whole}.{fraction.ljust(digits, '0')}" if digits else whole


def _text(attribute: Attribute, _: Structure) -> Normalise:
    longest = attribute.max_characters or MAX_TEXT
    pattern = compiled(attribute.validation_regexp)

    def normalise(value: Json) -> str:
        if not isinstance(value, str):
            raise BadValue("is not a text")
        if len(value) > longest:
            raise BadValue(f"has {len(value)} characters, more than {longest}")
        if "\x00" in value:
            raise BadValue("holds a NUL character")
        if pattern is not None and (len(value) > MAX_MATCHED or pattern.search(value) is None):
            raise BadValue(f"does not match {attribute.validation_regexp}")
        return value

    return normalise


def _line(attribute: Attribute, structure: Structure) -> Normalise:
    text = _text(attribute, structure)

    def normalise(value: Json) -> str:
        line: str = text(value)
        if len(line) > MAX_LINE:
            raise BadValue(f"has {len(line)} characters, more than {MAX_LINE}")
        return line

    return normalise


def _number(attribute: Attribute, _: Structure) -> Normalise:
    low = _limit(attribute.number_min)
    high = _limit(attribute.number_max)

    def normalise(value: Json) -> str:
        number = decimal_text(value)
        if "." in number and not attribute.decimals_allowed:
            raise BadValue("must be a whole number")
        if low is not None and Decimal(number) < low:
            raise BadValue(f"is below {attribute.number_min}")
        if high is not None and Decimal(number) > high:
            raise BadValue(f"is above {attribute.number_max}")
        return number

    return normalise


def _boolean(_: Attribute, __: Structure) -> Normalise:
    def normalise(value: Json) -> bool:
        if isinstance(value, bool):
            return value
        lowered = str(value).lower()
        if lowered in _TRUE:
            return True
        if lowered in _FALSE:
            return False
        raise BadValue("is not a boolean: 1 or 0")

    return normalise


def _date(attribute: Attribute, _: Structure) -> Normalise:
    def normalise(value: Json) -> str:
        try:
            day = date.fromisoformat(value).isoformat()
        except (ValueError, TypeError):
            raise BadValue("is not a date such as 2026-11-22") from None
        if attribute.date_min and day < attribute.date_min:
            raise BadValue(f"is before {attribute.date_min}")
        if attribute.date_max and day > attribute.date_max:
            raise BadValue(f"is after {attribute.date_max}")
        return day

    return normalise


def _option(attribute: Attribute, structure: Structure) -> Normalise:
    known: Container[str] = structure.options.get(attribute.code, {})

    def normalise(value: Json) -> str:
        if not isinstance(value, str) or value not in known:
            raise BadValue(f"{attribute.code} has no option {value}")
        return value

    return normalise


def _multi_option(attribute: Attribute, structure: Structure) -> Normalise:
    known = structure.options.get(attribute.code, {})

    def normalise(value: Json) -> list[str]:
        codes = value.split(",") if isinstance(value, str) else value
        if not isinstance(codes, list):
            raise BadValue("is not a list of codes")
        chosen = list(dict.fromkeys(code.strip() for code in codes))
        unknown = [code for code in chosen if code not in known]
        if unknown:
            raise BadValue(f"{attribute.code} has no option {', '.join(unknown)}")
        if len(chosen) > MAX_CODES:
            raise BadValue(f"has more than {MAX_CODES} codes")
        return chosen

    return normalise


def _metric(attribute: Attribute, structure: Structure) -> Normalise:
    number = _number(attribute, structure)

    def normalise(value: Json) -> dict[str, str]:
        if isinstance(value, str):
            value = {"amount": value, "unit": attribute.metric_unit}
        if not isinstance(value, dict) or value.keys() != {"amount", "unit"}:
            raise BadValue("is not an amount with a unit")
        unit = value["unit"] or attribute.metric_unit
        if not is_unit(attribute.metric_family, unit):
            raise BadValue(f"{unit or 'an empty unit'} is no unit of {attribute.metric_family}")
        return {"amount": number(value["amount"]), "unit": unit}

    return normalise


def _price(_: Attribute, structure: Structure) -> Normalise:
    def normalise(value: Json) -> dict[str, str]:
        if not isinstance(value, dict):
            raise BadValue("is not a list of amounts with their currencies")
        foreign = sorted(value.keys() - structure.currencies)
        if foreign:
            raise BadValue(f"no channel has the currency {', '.join(foreign)}")
        return {currency: price_text(value[currency], currency) for currency in sorted(value)}

    return normalise


def _reference(_: Attribute, __: Structure) -> Normalise:
    def normalise(value: Json) -> str:
        if not isinstance(value, str) or _CODE.fullmatch(value) is None:
            raise BadValue("is not a code")
        return value

    return normalise


def _identifier(attribute: Attribute, _: Structure) -> Normalise:
    def normalise(_: Json) -> Json:
        raise BadValue(f"{attribute.code} is the sku, not a value")

    return normalise


_NORMALISERS: Mapping[AttributeType, Callable[[Attribute, Structure], Normalise]] = {
    AttributeType.IDENTIFIER: _identifier,
    AttributeType.TEXT: _text,
    AttributeType.RICH_TEXT: _text,
    AttributeType.NUMBER: _number,
    AttributeType.BOOLEAN: _boolean,
    AttributeType.DATE: _date,
    AttributeType.OPTION: _option,
    AttributeType.MULTI_OPTION: _multi_option,
    AttributeType.METRIC: _metric,
    AttributeType.PRICE: _price,
    AttributeType.ASSET: _line,
    AttributeType.REFERENCE: _reference,
}


def _limit(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else None
    except InvalidOperation:
        return None


_DELIMITED = re.compile(r"([/#~])(.*)\1([imsu]*)", re.DOTALL)
# A repetition of something that itself repeats or branches: the way a match takes for ever.
_RUNAWAY = re.compile(r"\((?:[^()\\]|\\.)*[+*|}](?:[^()\\]|\\.)*\)\s*(?:[+*]|\{)")
_MAX_PATTERN = 500


def compiled(pattern: str) -> "re.Pattern[str] | None":
    """The pattern ready for use, with or without delimiters such as `/…/i`; None when empty.

    Raises `BadValue` when it is no pattern, or one whose matching could take for ever.
    """
    if not pattern:
        return None
    delimited = _DELIMITED.fullmatch(pattern)
    body, flags = (delimited[2], delimited[3]) if delimited else (pattern, "")
    if len(body) > _MAX_PATTERN or _RUNAWAY.search(body):
        raise BadValue("the pattern repeats a repetition; matching it could take for ever")
    try:
        return re.compile(body, re.IGNORECASE if "i" in flags else 0)
    except re.error as error:
        raise BadValue(f"is not a regular expression: {error}") from None
