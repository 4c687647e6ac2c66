"""Card numbers never reach this platform: what looks like one is recognised here.

Whoever writes a text down that people may type one into refuses it before.
"""

import re
from collections.abc import Mapping

from comptoir_runtime.errors import InvalidArgument, Violation

# Grouped by blanks or hyphens or not at all; part of a longer word, such as an id, it is none.
# After a plus up to 15 digits are a phone number.
_CANDIDATE = re.compile(
    r"(?:(?<![0-9A-Za-z+])[2-6](?:[ -]?[0-9]){12,18}|(?<=\+)[2-6](?:[ -]?[0-9]){15,18})"
    r"(?![0-9A-Za-z])"
)
_NOT_DIGITS = re.compile(r"[ -]")


class CardNumberRefused(InvalidArgument):
    """A text looks like a card number; it is neither kept nor repeated."""


def refuse_card_numbers(texts: Mapping[str, str]) -> None:
    """Raises `CardNumberRefused`, which names the fields and repeats nothing of their texts."""
    found = [field for field, text in texts.items() if text and looks_like_card_number(text)]
    if found:
        raise CardNumberRefused(
            "card numbers are for the provider only; send its token",
            violations=[Violation(field, "looks like a card number") for field in found],
        )


def looks_like_card_number(text: str) -> bool:
    """Whether the text holds 13 to 19 digits that pass the check of card numbers (Luhn)."""
    return any(_luhn(_NOT_DIGITS.sub("", found)) for found in _CANDIDATE.findall(text))


def _luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = sum(digit * 2 - 9 if digit > 4 else digit * 2 for digit in digits[1::2])
    return (sum(digits[::2]) + doubled) % 10 == 0
