"""Money: whole minor units inside, an exact decimal text on the wire.

No float is involved anywhere: not in parsing, not in splitting, not in rounding.
"""

import re
from collections.abc import Sequence

from comptoir.type.v1.money_pb2 import Money
from comptoir_runtime.errors import InvalidFields, Violation

_AMOUNT = re.compile(r"(-?)([0-9]{1,15})(?:\.([0-9]{1,4}))?")

_MOST = 2**63 - 1

# ISO 4217, active currencies, by number of digits after the point.
_CURRENCIES = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    2: (
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD "
        "CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP "
        "GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK "
        "LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO "
        "NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS "
        "SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST "
        "XAD XCD XCG YER ZAR ZMW ZWG"
    ),
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENTS = {code: digits for digits, codes in _CURRENCIES.items() for code in codes.split()}


def exponent(currency: str, field: str = "currency") -> int:
    """Digits after the point of an ISO 4217 currency.

    Raises `InvalidFields`, naming `field`, when it is unknown.
    """
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise _invalid(field, f"{currency!r} is not an ISO 4217 currency") from None


def to_minor(money: Money, path: str = "") -> int:
    """The amount in minor units (cents, yen, fils).

    Raises `InvalidFields`, naming the field below `path`, for an unknown currency, a malformed
    amount, one that does not have exactly the currency's digits, or one that 64 bits cannot hold.
    """
    below = f"{path}." if path else ""
    digits = exponent(money.currency, f"{below}currency")
    match = _AMOUNT.fullmatch(money.amount)
    if match is None:
        raise _invalid(f"{below}amount", "is not a decimal amount such as 19.99")
    sign, whole, fraction = match.groups(default="")
    if len(fraction) != digits:
        told = f"{money.currency} has exactly {digits} digits after the point"
        raise _invalid(f"{below}amount", told)
    minor = int(whole + fraction)
    if minor > _MOST:
        raise _invalid(f"{below}amount", "is too large")
    return -minor if sign else minor


def from_minor(minor: int, currency: str) -> Money:
    """The wire form of `minor` minor units; raises `InvalidFields` for an unknown currency."""
    digits = exponent(currency)
    if digits == 0:
        return Money(currency=currency, amount=str(minor))
    text = str(abs(minor)).rjust(digits + 1, "0")
    sign = "-" if minor < 0 else ""
    return Money(currency=currency, amount=f"{sign}{text[:-digits]}.{text[-digits:]}")


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Splits `total` minor units in proportion to `weights`; the parts sum to `total` exactly.

    Largest remainder; equal remainders go to the earlier part, so the result is stable. When all
    weights are 0 the split is even. Raises `ValueError` for no weights or a negative one.
    """
    if not weights or min(weights) < 0:
        raise ValueError("allocate needs at least one weight and none below zero")
    amount = abs(total)
    whole = sum(weights)
    if whole == 0:
        weights, whole = [1] * len(weights), len(weights)
    parts, remainders = [], []
    for index, weight in enumerate(weights):
        part, remainder = divmod(amount * weight, whole)
        parts.append(part)
        remainders.append((-remainder, index))
    for _, index in sorted(remainders)[: amount - sum(parts)]:
        parts[index] += 1
    return parts if total >= 0 else [-part for part in parts]


def round_half_up(numerator: int, denominator: int) -> int:
    """`numerator / denominator` to the nearest whole number; halves go away from zero."""
    if denominator == 0:
        raise ZeroDivisionError("round_half_up with denominator 0")
    quotient, remainder = divmod(abs(numerator), abs(denominator))
    rounded = quotient + (2 * remainder >= abs(denominator))
    return rounded if (numerator < 0) == (denominator < 0) else -rounded


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields(f"{field} {description}", violations=[Violation(field, description)])
