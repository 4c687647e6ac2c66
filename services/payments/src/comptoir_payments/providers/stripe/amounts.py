"""Our minor units and Stripe's: the same but for a few currencies.

Ours are those of ISO 4217. Stripe counts some otherwise (https://docs.stripe.com/currencies).
"""

_HUNDREDTHS = frozenset({"ISK", "UGX"})
"""Have no digits after the point; Stripe wants two, both 0."""

_WHOLE = frozenset({"MGA"})
"""Has two digits after the point; Stripe takes whole units only."""

_TENS = frozenset({"BHD", "JOD", "KWD", "OMR", "TND"})
"""Have three digits after the point; card networks know two, so Stripe wants the third to be 0."""


class NotRepresentable(ValueError):
    """The amount is finer than the other side can count."""


def to_stripe(minor: int, currency: str) -> int:
    """Raises `NotRepresentable` when Stripe would have to round."""
    if currency in _HUNDREDTHS:
        return minor * 100
    if currency in _WHOLE:
        return _whole(minor, 100)
    if currency in _TENS:
        return _whole(minor, 10) * 10
    return minor


def from_stripe(amount: object, currency: str) -> int:
    """Raises `NotRepresentable`, or `ValueError` when it is no amount at all."""
    if type(amount) is not int or amount < 0:
        raise ValueError("an amount must be a whole number of minor units")
    if currency in _HUNDREDTHS:
        return _whole(amount, 100)
    return amount * 100 if currency in _WHOLE else amount


def _whole(amount: int, unit: int) -> int:
    units, rest = divmod(amount, unit)
    if rest:
        raise NotRepresentable(f"not a multiple of {unit}")
    return units
