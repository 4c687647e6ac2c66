"""Spreading what coupons take off over the lines."""

from collections.abc import Hashable, Sequence

from comptoir_runtime.money import allocate


def spread(off: int, subtotals: Sequence[int], groups: Sequence[Hashable]) -> list[int]:
    """Each line's part of a discount of `off` minor units; the parts sum to it exactly.

    In proportion to the subtotals: over the lines of a group by largest remainder. `groups` tells
    for each line which tax it has: the group keeps its share in such a way that a larger discount
    leaves no group more than a smaller one does. Largest remainder alone would not: a cent might
    move to a group whose tax is higher, and one more coupon raise the total.
    """
    members: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        members.setdefault(group, []).append(index)
    weights = [sum(subtotals[index] for index in indexes) for indexes in members.values()]
    parts = [0] * len(subtotals)
    left = _shares(sum(weights) - off, weights)
    for indexes, weight, kept in zip(members.values(), weights, left, strict=True):
        spread_here = allocate(weight - kept, [subtotals[index] for index in indexes])
        for index, part in zip(indexes, spread_here, strict=True):
            parts[index] = part
    return parts


def _shares(total: int, weights: Sequence[int]) -> list[int]:
    """Splits `total` in proportion to the weights so that no share falls when `total` grows.

    The method of Jefferson: every share has at least its quota rounded down, and what remains
    goes, unit by unit, to where a unit more weighs least.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    for _ in range(total - sum(shares)):
        best = 0
        for index in range(1, len(weights)):
            # Compares weight per unit, without a fraction.
            if weights[index] * (shares[best] + 1) > weights[best] * (shares[index] + 1):
                best = index
        shares[best] += 1
    return shares
