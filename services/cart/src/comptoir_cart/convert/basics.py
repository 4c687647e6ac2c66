"""Texts, times and money."""

from collections.abc import Mapping, Sequence

from comptoir.type.v1.money_pb2 import Money
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.money import to_minor


def text_of(texts: Mapping[str, str], locales: Sequence[str]) -> str:
    """The text in the first of these locales there is one for, else in its language, else any."""
    for locale in locales:
        wanted = locale.replace("-", "_")
        if wanted in texts:
            return texts[wanted]
        language = f"{wanted[:2].lower()}_"
        for key in sorted(texts):
            if len(wanted) >= 2 and key.startswith(language):
                return texts[key]
    return texts[min(texts)] if texts else ""


def minor_of(money: Money, path: str) -> int:
    """Minor units, not negative; raises `InvalidFields` naming the field below `path`."""
    minor = to_minor(money, path)
    if minor < 0:
        raise invalid(f"{path}.amount", "must not be negative")
    return minor


def invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields(f"{field} {description}", violations=[Violation(field, description)])
