"""Figures of stock, and what of them can be promised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from comptoir_inventory.domain.locations import Location, Wish

Place = tuple[str, str]
"""A sku at the location with this code."""


class Reason(IntEnum):
    """Why stock moved; the numbers are those of the contract."""

    RECEIPT = 1
    SALE = 2
    RETURN = 3
    COUNT = 4
    DAMAGE = 5
    TRANSFER_OUT = 6
    TRANSFER_IN = 7
    CORRECTION = 8


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number of units of a sku at a location."""

    sku: str
    location: str
    units: int


@dataclass(frozen=True, slots=True)
class Level:
    """Figures of one sku at one location; `version` grows with each change."""

    sku: str
    location: str
    on_hand: int
    reserved: int
    safety_stock: int
    version: int

    @property
    def available(self) -> int:
        """Units that can be promised, never below zero."""
        return max(0, self.on_hand - self.reserved - self.safety_stock)


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of what is on hand, in units; never altered."""

    id: str
    sku: str
    location: str
    units: int
    reason: Reason
    reference: str
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Availability:
    """What of one sku can be promised, over the locations asked about."""

    sku: str
    available: int
    levels: tuple[Level, ...]
    revision: int
    as_of: datetime


def summed(lines: Iterable[Quantity]) -> list[Quantity]:
    """One line per sku and location, in the order all locks are taken.

    Lines of the same place are added up, so that none can be checked against stock that
    another of them has taken.
    """
    units: dict[Place, int] = defaultdict(int)
    for line in lines:
        units[line.sku, line.location] += line.units
    return [Quantity(sku, location, units[sku, location]) for sku, location in sorted(units)]


def first_duplicate(lines: Sequence[Quantity]) -> int | None:
    """Index of the first line whose place an earlier line has named."""
    seen: set[Place] = set()
    for index, line in enumerate(lines):
        if (line.sku, line.location) in seen:
            return index
        seen.add((line.sku, line.location))
    return None


def availability(
    skus: Sequence[str],
    levels: Iterable[Level],
    locations: Mapping[str, Location],
    wish: Wish,
    as_of: datetime,
) -> list[Availability]:
    """One entry per sku in the order asked; levels nearest first when a point is wished.

    The revision counts the changes at every location, those left out included, so that it
    only grows whatever is asked about.
    """
    by_sku: dict[str, list[Level]] = defaultdict(list)
    for level in levels:
        by_sku[level.sku].append(level)
    order = {code: wish.distance(location) for code, location in locations.items()}
    answers = []
    for sku in skus:
        known = by_sku.get(sku, [])
        offered = [
            level
            for level in known
            if level.location in locations and wish.matches(locations[level.location])
        ]
        offered.sort(key=lambda level: (order[level.location], level.location))
        answers.append(
            Availability(
                sku=sku,
                available=sum(level.available for level in offered),
                levels=tuple(offered),
                revision=sum(level.version for level in known),
                as_of=as_of,
            )
        )
    return answers
