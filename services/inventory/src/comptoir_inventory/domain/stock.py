"""Figures of stock, and what of them can be promised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum, IntEnum

from comptoir_inventory.domain.locations import Location, Wish
from comptoir_inventory.domain.selling import MOST_UNITS, Policy, Terms

MOST_ON_HAND = 2**31 - 1
"""The largest figure that a place can have, and a total can tell."""

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
    """Figures of one sku at one location; `version` grows with each change.

    `backordered` units are promised beyond what is there. They become reserved by themselves
    when goods come in or a promise is given back.
    """

    sku: str
    location: str
    on_hand: int
    reserved: int
    safety_stock: int
    version: int
    backordered: int = 0
    low_stock: int = 0

    @property
    def available(self) -> int:
        """Units that can be promised, never below zero."""
        return max(0, self.on_hand - self.reserved - self.safety_stock)


@dataclass(frozen=True, slots=True)
class Change:
    """What is to become of the figures of one place; differences, in units.

    `promised` counts all units that are promised, `reserved` those of them that are there.
    The change is refused unless `needed` units can be promised before it.
    """

    sku: str
    location: str
    on_hand: int = 0
    reserved: int = 0
    promised: int = 0
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class Changed:
    """The figures after a change, and how many units could be promised before."""

    level: Level
    before: int


class Turn(Enum):
    """A change that those who buy or sell want to hear of."""

    LOW = "low"
    OUT = "out"
    BACK = "back"


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
    backorder_available: int = 0
    expected_at: datetime | None = None
    policy: Policy | None = None
    beyond: Mapping[str, tuple[int, datetime | None]] = field(default_factory=dict)
    """By location: units that can be promised beyond stock, and when the next is expected."""


def summed(lines: Iterable[Quantity]) -> list[Quantity]:
    """One line per sku and location, in the order all locks are taken.

    Lines of the same place are added up, so that none can be checked against stock that
    another of them has taken.
    """
    units: dict[Place, int] = defaultdict(int)
    for line in lines:
        units[line.sku, line.location] += line.units
    return [Quantity(sku, location, units[sku, location]) for sku, location in sorted(units)]


def given_back(units: Quantity) -> Change:
    """Promised units that are free again; back-orders are covered first."""
    return Change(units.sku, units.location, promised=-units.units)


def let_go(units: Quantity) -> Change:
    """Promised units that have left."""
    gone = -units.units
    return Change(units.sku, units.location, on_hand=gone, reserved=gone, promised=gone)


def sold(units: Quantity) -> Change:
    """Units that leave at once, without having been promised."""
    return Change(units.sku, units.location, on_hand=-units.units, needed=units.units)


def taken_off(units: Iterable[Quantity]) -> list[Quantity]:
    """Units that leave, as what is on hand changes by."""
    return [replace(each, units=-each.units) for each in units]


def moved(units: Quantity) -> Change:
    """Units that came (positive) or went (negative)."""
    return Change(units.sku, units.location, on_hand=units.units)


def turn(changed: Changed) -> Turn | None:
    """Whether the change took the last unit, brought the first or came down to the warning."""
    now = changed.level.available
    if changed.before > 0 and now == 0:
        return Turn.OUT
    if changed.before == 0 and now > 0:
        return Turn.BACK
    return Turn.LOW if now <= changed.level.low_stock < changed.before else None


def first_duplicate(lines: Sequence[Quantity]) -> int | None:
    """Index of the first line whose place an earlier line has named."""
    seen: set[Place] = set()
    for index, line in enumerate(lines):
        if (line.sku, line.location) in seen:
            return index
        seen.add((line.sku, line.location))
    return None


NO_TERMS: Mapping[str, Terms] = {}


def availability(
    skus: Sequence[str],
    levels: Iterable[Level],
    locations: Mapping[str, Location],
    wish: Wish,
    as_of: datetime,
    terms: Mapping[str, Terms] = NO_TERMS,
) -> list[Availability]:
    """One entry per sku in the order asked; levels nearest first when a point is wished.

    The revision counts the changes at every location, those left out included, so that it
    only grows whatever is asked about.
    """
    by_sku: dict[str, list[Level]] = defaultdict(list)
    for level in levels:
        by_sku[level.sku].append(level)
    rank = ranked(locations, wish)
    return [entry_of(sku, by_sku.get(sku, ()), rank, as_of, terms.get(sku)) for sku in skus]


def ranked(locations: Mapping[str, Location], wish: Wish) -> dict[str, tuple[float, str]]:
    """The wished locations by code, each with its place in the answer."""
    return {
        code: (wish.distance(location), code)
        for code, location in locations.items()
        if wish.matches(location)
    }


def entry_of(
    sku: str,
    known: Iterable[Level],
    rank: Mapping[str, tuple[float, str]],
    as_of: datetime,
    terms: Terms | None = None,
) -> Availability:
    """What of one sku can be promised at the ranked locations."""
    known = list(known)
    offered = [level for level in known if level.location in rank]
    offered.sort(key=lambda level: rank[level.location])
    beyond = {}
    if terms is not None:
        for level in offered:
            there = terms.at(level.location, level.backordered)
            beyond[level.location] = (there.units(as_of), there.next_at(as_of))
    dates = [at for _, at in beyond.values() if at is not None]
    return Availability(
        sku=sku,
        available=min(MOST_ON_HAND, sum(level.available for level in offered)),
        levels=tuple(offered),
        revision=sum(level.version for level in known),
        as_of=as_of,
        backorder_available=min(MOST_UNITS, sum(units for units, _ in beyond.values())),
        expected_at=min(dates, default=None),
        policy=None if terms is None else terms.policy,
        beyond=beyond,
    )
