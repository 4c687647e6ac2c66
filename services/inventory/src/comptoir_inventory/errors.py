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


class SkuNotFound(NotFound):
    """No location has ever had this sku."""

    def __init__(self, sku: str) -> None:
        super().__init__(f"there is no stock of {sku} anywhere", metadata={"sku": sku})


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


class TooManyPerOrder(FailedPrecondition):
    """More units of a sku than one promise may hold."""

    def __init__(self, sku: str, most: int) -> None:
        super().__init__(
            f"no more than {most} of {sku} in one order",
            metadata={"sku": sku, "most": str(most)},
        )


class NotYetThere(FailedPrecondition):
    """Goods cannot leave that have not come: they were promised beyond stock."""

    def __init__(self, sku: str, location: str) -> None:
        super().__init__(
            f"{sku} at {location} was promised beyond stock and has not come yet",
            metadata={"sku": sku, "location": location},
        )


class NotEnoughStock(FailedPrecondition):
    """More units would leave than are there and not promised."""

    def __init__(self, sku: str, location: str, free: int) -> None:
        super().__init__(
            f"{free} of {sku} at {location} are there and not promised",
            metadata={"sku": sku, "location": location, "free": str(free)},
        )


class TransferNotFound(NotFound):
    """No transfer has this id."""

    def __init__(self, transfer: str) -> None:
        super().__init__(f"there is no transfer {transfer}", metadata={"transfer": transfer})


class TransferEnded(FailedPrecondition):
    """The goods have arrived before."""

    def __init__(self, transfer: str) -> None:
        super().__init__(
            f"the goods of transfer {transfer} have arrived before",
            metadata={"transfer": transfer},
        )


class StaleImport(FailedPrecondition):
    """A newer file of the source has been taken over."""

    def __init__(self, source: str, sequence: int, newest: int) -> None:
        super().__init__(
            f"file {sequence} of {source} is older than {newest}, which has been taken over",
            metadata={"source": source, "sequence": str(sequence), "newest": str(newest)},
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


def invalid(field: str, description: str) -> InvalidFields:
    """A field that does not fit the others, or what is known."""
    return InvalidFields("the request is not valid", violations=[Violation(field, description)])
