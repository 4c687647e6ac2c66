"""The one number of an order: short, readable, safe against a wrong or swapped digit.

`26-000123-7` is the 123rd order, placed in 2026, with a check digit over all digits before it.
"""

import re

# The table of a weakly totally anti-symmetric quasigroup (Damm, 2004): finds every wrong digit
# and every swap of neighbours.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
_NUMBER = re.compile(r"([0-9]{2})-?([0-9]{6,12})-?([0-9])")


def order_number(year: int, serial: int) -> str:
    """The number of the order with this serial; serials above 999,999 make it longer."""
    head = f"{year % 100:02d}"
    body = f"{serial:06d}"
    return f"{head}-{body}-{_check_digit(head + body)}"


def canonical(text: str) -> str | None:
    """The number as it is stored, from what somebody typed; None when it cannot be one."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        return None
    head, body, check = found.groups()
    return f"{head}-{body}-{check}" if _check_digit(head + body) == int(check) else None


def _check_digit(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
