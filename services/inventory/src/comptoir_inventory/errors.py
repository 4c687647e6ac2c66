"""Every refusal of this service, named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from comptoir_runtime.errors import (
    AlreadyExists,
    FailedPrecondition,
    InvalidFields,
    NotFound,
    Precondition,
    Violation,
)


@dataclass(frozen=True, slots=True)
class Shortage:
    """A line that wants more units than can be promised."""

    sku: str
    location: str
    wanted: int
    available: int


class OutOfStock(FailedPrecondition):
    """Some lines want more than can be promised; each is a precondition."""

    def __init__(self, shortages: Sequence[Shortage]) -> None:
        first = shortages[0]
        more = f" and {len(shortages) - 1} more" if len(shortages) > 1 else ""
        super().__init__(
            f"only {first.available} of {first.sku} can be promised at {first.location}, "
            f"{first.wanted} were asked for{more}",
            metadata={"sku": first.sku, "available": str(first.available)},
            preconditions=[
                Precondition(
                    "OUT_OF_STOCK",
                    f"{short.sku}@{short.location}",
                    f"{short.available} available, {short.wanted} asked for",
                )
                for short in shortages
            ],
        )


class LocationNotFound(NotFound):
    """No location has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"there is no location {code}", metadata={"location": code})


class LocationExists(AlreadyExists):
    """Another location has this code."""

    def __init__(self, code: str) -> None:
        super().__init__(f"there is a location {code} already", metadata={"location": code})


class ReservationNotFound(NotFound):
    """No reservation has this id."""

    def __init__(self, reservation: str) -> None:
        super().__init__(
            f"there is no reservation {reservation}", metadata={"reservation": reservation}
        )


class ReservationExpired(FailedPrecondition):
    """The promise ended and its units are gone."""

    def __init__(self, reservation: str) -> None:
        super().__init__(
            f"reservation {reservation} has ended and its stock is promised to others",
            metadata={"reservation": reservation},
        )


class ReservationEnded(FailedPrecondition):
    """The promise was given back; goods cannot leave on it."""

    def __init__(self, reservation: str, state: str) -> None:
        super().__init__(
            f"reservation {reservation} is {state}",
            metadata={"reservation": reservation, "state": state},
        )


class NotReserved(FailedPrecondition):
    """The reservation does not hold these units."""

    def __init__(self, sku: str, location: str, left: int) -> None:
        super().__init__(
            f"the reservation holds {left} of {sku} at {location}",
            metadata={"sku": sku, "location": location, "left": str(left)},
        )


class CountBelowReserved(FailedPrecondition):
    """Fewer units were counted than are promised."""

    def __init__(self, sku: str, location: str, reserved: int) -> None:
        super().__init__(
            f"{reserved} of {sku} at {location} are promised: release them before counting fewer",
            metadata={"sku": sku, "location": location, "reserved": str(reserved)},
        )


def nothing_received(index: int) -> InvalidFields:
    """A receipt of no units."""
    return InvalidFields(
        "a receipt adds at least one unit",
        violations=[Violation(f"lines[{index}].quantity", "must be at least 1")],
    )


def duplicate_line(index: int, sku: str, location: str) -> InvalidFields:
    """The same sku and location twice where only one figure can be true."""
    return InvalidFields(
        "a figure is given twice",
        violations=[Violation(f"lines[{index}]", f"{sku} at {location} was given before")],
    )
