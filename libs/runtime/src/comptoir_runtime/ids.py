"""Identifiers: TypeIDs, a prefix and a UUIDv7 (`ord_01j…`).

They sort by time of creation, so rows that belong together in time lie together
in the index. Never take them as the truth about the order of events.
"""

import os
import time
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = frozenset(_ALPHABET)
_SUFFIX_LENGTH = 26
# Two characters at a time: half the steps of encoding one by one.
_PAIRS = [high + low for high in _ALPHABET for low in _ALPHABET]
_PAIR_SHIFTS = range(120, -1, -10)


def uuid7() -> UUID:
    """A UUIDv7 whose twelve bits after the millisecond are a finer clock (RFC 9562, method 3)."""
    return UUID(int=_uuid7_int())


def new_id(prefix: str) -> str:
    """A new TypeID: `prefix`, an underscore and 26 characters of Crockford base32."""
    number = _uuid7_int()
    return prefix + "_" + "".join([_PAIRS[number >> shift & 1023] for shift in _PAIR_SHIFTS])


def is_id(value: str, prefix: str) -> bool:
    """Whether `value` has the form of a TypeID with this prefix."""
    head, separator, suffix = value.rpartition("_")
    return (
        separator == "_"
        and head == prefix
        and len(suffix) == _SUFFIX_LENGTH
        and suffix[0] in "01234567"  # 26 characters hold 130 bits, a UUID only 128
        and _DIGITS.issuperset(suffix)
    )


def _uuid7_int() -> int:
    milliseconds, nanoseconds = divmod(time.time_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    random = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    return milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x8 << 60 | random
