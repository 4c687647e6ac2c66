"""What sourcing decides on: demand, stock, places; and what it decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from comptoir_runtime.addresses import Point


@dataclass(frozen=True, slots=True)
class Demand:
    """Units one order line needs."""

    line: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Beyond:
    """Units of one sku that a location can promise before it has them."""

    units: int
    expected_at: datetime | None = None
    """When the next of them should come; None when nobody knows."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a location can promise: units by sku that are there, and what is sold beyond them."""

    available: dict[str, int] = field(default_factory=dict)
    beyond: dict[str, Beyond] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Site:
    """A location that goods can leave from, with what it can promise: units by sku."""

    code: str
    point: Point | None
    available: dict[str, int]
    beyond: dict[str, Beyond] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of one order line that leave one location. Allocations of a plan are in its order."""

    line: str
    sku: str
    location: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Late:
    """Units that a location has promised before it has them."""

    sku: str
    location: str
    quantity: int
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Promised:
    """A promise of stock: its id, and what of it has still to come."""

    id: str
    late: tuple[Late, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcel:
    """What leaves one location together; `late` tells that some of it has still to come."""

    location: str
    allocations: tuple[Allocation, ...]
    late: bool = False
    expected_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Shortage:
    """What cannot be promised, however it is split: units asked for and available, by sku."""

    asked: dict[str, int]
    available: dict[str, int]


Plan = tuple[Allocation, ...]


def units_by_sku(demand: "tuple[Demand, ...]") -> dict[str, int]:
    """Units asked for of each sku; lines of the same sku are added up."""
    units: dict[str, int] = {}
    for each in demand:
        units[each.sku] = units.get(each.sku, 0) + each.quantity
    return units


def parcels_of(plan: Plan, late: Sequence[Late] = ()) -> list[Parcel]:
    """What leaves together, in the order of the plan.

    What is there does not wait for what has still to come: that leaves apart, after all others,
    expected when the last of it is. Of several lines the last ones have to wait.
    """
    missing = {(each.location, each.sku): each.quantity for each in late}
    there: dict[str, list[Allocation]] = {}
    to_come: dict[str, list[Allocation]] = {}
    for allocation in reversed(plan):
        place = (allocation.location, allocation.sku)
        waits = min(missing.get(place, 0), allocation.quantity)
        if waits:
            missing[place] -= waits
            to_come.setdefault(allocation.location, []).append(replace(allocation, quantity=waits))
        if allocation.quantity > waits:
            rest = replace(allocation, quantity=allocation.quantity - waits)
            there.setdefault(allocation.location, []).append(rest)
    at_once = [Parcel(place, tuple(parts[::-1])) for place, parts in there.items()]
    waiting = [
        Parcel(place, tuple(parts[::-1]), late=True, expected_at=_last(late, place))
        for place, parts in to_come.items()
    ]
    return at_once[::-1] + waiting[::-1]


def _last(late: Sequence[Late], location: str) -> datetime | None:
    """When the last of what is late at a location is expected; None when nobody knows."""
    dates = [each.expected_at for each in late if each.location == location]
    known = [date for date in dates if date is not None]
    return max(known) if len(known) == len(dates) else None
