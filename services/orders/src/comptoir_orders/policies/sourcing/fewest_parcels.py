"""The default: one location that has all, else the fewest parcels, nearest first."""

from collections.abc import Sequence
from itertools import accumulate

from comptoir_orders.domain.sourcing import (
    Allocation,
    Demand,
    Plan,
    Shortage,
    Site,
    units_by_sku,
)
from comptoir_orders.policies.sourcing.backorders import with_backorders
from comptoir_runtime.addresses import Point, kilometres

# Looking at more combinations than this would take longer than a customer waits; what remains
# is solved greedily. Fifteen locations never come near it.
_MAX_VISITS = 5_000


class FewestParcels:
    """Minimises the number of parcels; among equals, the nearest locations by rank.

    Exact as long as the search stays small, greedy beyond: every plan covers the demand, a
    greedy one may have a parcel more than necessary.
    """

    def __init__(self, max_visits: int = _MAX_VISITS) -> None:
        self._max_visits = max_visits

    def plan(
        self, demand: Sequence[Demand], sites: Sequence[Site], destination: Point | None
    ) -> Plan | Shortage:
        asked = units_by_sku(tuple(demand))
        sites = with_backorders(asked, sites, destination)
        ranked = sorted(
            (site for site in sites if any(site.available.get(sku, 0) > 0 for sku in asked)),
            key=lambda site: (kilometres(destination, site.point), site.code),
        )
        skus = tuple(asked)
        # What a site has beyond the demand helps nobody.
        stock = [
            tuple(max(0, min(site.available.get(sku, 0), asked[sku])) for sku in skus)
            for site in ranked
        ]
        need = tuple(asked.values())
        together = tuple(map(sum, zip(*stock, strict=True))) if stock else (0,) * len(skus)
        short = [index for index, units in enumerate(need) if together[index] < units]
        if short:
            return Shortage(
                {skus[index]: need[index] for index in short},
                {skus[index]: together[index] for index in short},
            )
        chosen = _Search(stock, self._max_visits).fewest(need) or _greedy(stock, need)
        return _allocate(demand, [ranked[index] for index in chosen])


class _Search:
    """Depth first over ever larger sets, nearest first, cutting what cannot cover the rest."""

    def __init__(self, stock: list[tuple[int, ...]], max_visits: int) -> None:
        self._stock = stock
        self._visits_left = max_visits
        # The most that any so many sites have of each sku, and of all skus together.
        self._most = [_running_sums(column) for column in zip(*stock, strict=True)]
        self._most_units = _running_sums([sum(units) for units in stock])

    def fewest(self, need: tuple[int, ...]) -> list[int] | None:
        """The smallest covering set, first by rank; None when the search grew too large."""
        for size in range(1, len(self._stock) + 1):
            found = self._extend(need, 0, size)
            if found is not None or self._visits_left <= 0:
                return found
        return None

    def _extend(self, need: tuple[int, ...], start: int, size: int) -> list[int] | None:
        if not any(need):
            return []
        if not self._may_cover(need, size):
            return None
        for index in range(start, len(self._stock) - size + 1):
            self._visits_left -= 1
            if self._visits_left <= 0:
                return None
            rest = _without(need, self._stock[index])
            if rest != need:
                tail = self._extend(rest, index + 1, size - 1)
                if tail is not None:
                    return [index, *tail]
        return None

    def _may_cover(self, need: tuple[int, ...], size: int) -> bool:
        """Whether so many sites could cover the need, were they the best for every sku at once."""
        return sum(need) <= self._most_units[size] and all(
            units <= most[size] for units, most in zip(need, self._most, strict=True)
        )


def _running_sums(units: Sequence[int]) -> list[int]:
    """Sums of the largest 0, 1, 2, … of them."""
    return [0, *accumulate(sorted(units, reverse=True))]


def _without(need: tuple[int, ...], stock: tuple[int, ...]) -> tuple[int, ...]:
    """What is left to find once a site has given what it has."""
    return tuple([units - min(units, there) for units, there in zip(need, stock, strict=True)])


def _greedy(stock: list[tuple[int, ...]], need: tuple[int, ...]) -> list[int]:
    """Takes the site with most of what is missing, the nearest of equals, until all is there."""
    missing, left, chosen = need, list(range(len(stock))), []
    while any(missing):
        # The first of equals is the nearest; what helps nobody any more is not looked at again.
        gains = [sum(map(min, stock[index], missing)) for index in left]
        best = left[gains.index(max(gains))]
        chosen.append(best)
        missing = _without(missing, stock[best])
        left = [index for index, gain in zip(left, gains, strict=True) if gain and index != best]
    return sorted(chosen)


def _allocate(demand: Sequence[Demand], chosen: Sequence[Site]) -> Plan:
    """Gives each line its units from the chosen sites, nearest first; by parcel, then by line."""
    left = {site.code: dict(site.available) for site in chosen}
    allocations: list[Allocation] = []
    for each in demand:
        missing = each.quantity
        for site in chosen:
            units = min(missing, max(0, left[site.code].get(each.sku, 0)))
            if units > 0:
                left[site.code][each.sku] -= units
                missing -= units
                allocations.append(Allocation(each.line, each.sku, site.code, units))
    rank = {site.code: index for index, site in enumerate(chosen)}
    return tuple(sorted(allocations, key=lambda each: rank[each.location]))
