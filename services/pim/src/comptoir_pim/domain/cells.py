"""Cells of the files that describe products."""

import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from comptoir_pim.domain.products import Problem
from comptoir_pim.domain.values import BadValue, compiled, decimal_text

CODE = re.compile(r"[A-Za-z0-9_]{1,100}")
OPTION_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,100}")
LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}")
_PATTERNS = {
    "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "url": r"^https?://\S+$",
}

Row: TypeAlias = Mapping[str, str]


class BadCell(Exception):
    """A cell is wrong."""

    def __init__(self, column: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.problem = Problem(column, value, reason)


def code_of(row: Row, pattern: "re.Pattern[str]" = CODE) -> str:
    code = row["code"]
    if pattern.fullmatch(code) is None:
        raise BadCell("code", code, "a code has 1 to 100 letters, digits and underscores")
    return code


def labels_of(row: Row, before: Mapping[str, str]) -> dict[str, str]:
    labels = dict(before)
    for column, text in row.items():
        head, _, locale = column.partition("-")
        if head == "label":
            labels.pop(locale, None)
            if text and LOCALE.fullmatch(locale):
                labels[locale] = text
    return dict(sorted(labels.items()))


def flag(row: Row, column: str, before: bool) -> bool:
    text = row.get(column)
    if not text:
        return before
    if text not in ("0", "1"):
        raise BadCell(column, text, "is not 1 or 0")
    return text == "1"


def whole_number(row: Row, column: str, before: int) -> int:
    text = row.get(column)
    if text is None:
        return before
    if text == "":
        return 0
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadCell(column, text, "is not a whole number")
    return int(text)


def decimal(row: Row, column: str, before: str) -> str:
    text = row.get(column)
    if text is None:
        return before
    try:
        return decimal_text(text) if text else ""
    except BadValue as error:
        raise BadCell(column, text, str(error)) from None


def lowest_number(row: Row, before: str) -> str:
    """The smallest number; 0 when negative ones are not allowed."""
    lowest = decimal(row, "number_min", before)
    return "0" if not lowest and row.get("negative_allowed") == "0" else lowest


def pattern_of(row: Row, before: str) -> str:
    rule = row.get("validation_rule")
    if rule is None and "validation_regexp" not in row:
        return before
    pattern = _PATTERNS.get(rule or "", row.get("validation_regexp", ""))
    try:
        compiled(pattern)
    except BadValue as error:
        raise BadCell("validation_regexp", pattern, str(error)) from None
    return pattern


def codes_of(row: Row, column: str, before: tuple[str, ...]) -> tuple[str, ...]:
    text = row.get(column)
    if text is None:
        return before
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def require_known(column: str, codes: tuple[str, ...], known: Any) -> None:
    for code in codes:
        if code not in known:
            raise BadCell(column, code, f"there is no {code}")
