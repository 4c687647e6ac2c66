"""Global trade item numbers."""

LENGTHS = frozenset({8, 12, 13, 14})


def is_gtin(text: str) -> bool:
    """Whether `text` is a GTIN-8, -12, -13 or -14 with the right check digit."""
    if len(text) not in LENGTHS or not text.isascii() or not text.isdigit():
        return False
    return text[-1] == check_digit(text[:-1])


def check_digit(digits: str) -> str:
    """The check digit of a number without it: weights 3 and 1 from the right."""
    total = sum(
        int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)
