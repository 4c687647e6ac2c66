"""What sourcing decides on: demand, stock, places; and what it decides."""

from dataclasses import dataclass

from comptoir_orders.domain.orders import Point


@dataclass(frozen=True, slots=True)
class Demand:
    """Units one order line needs."""

    line: str
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Site:
    """A location that goods can leave from, with what it can promise: units by sku."""

    code: str
    point: Point | None
    available: dict[str, int]


@dataclass(frozen=True, slots=True)
class Allocation:
    """Units of one order line that leave one location. Allocations of a plan are in its order."""

    line: str
    sku: str
    location: str
    quantity: int


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


def parcels_of(plan: Plan) -> dict[str, list[Allocation]]:
    """The allocations by location, in the order of the plan."""
    parcels: dict[str, list[Allocation]] = {}
    for allocation in plan:
        parcels.setdefault(allocation.location, []).append(allocation)
    return parcels
