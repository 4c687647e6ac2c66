"""Figures of another system: files in order, and lines that cannot be true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from comptoir_inventory.domain.stock import MOST_ON_HAND, Level, Place, Quantity

# Rejected lines that are told; their number is exact.
MOST_REJECTED = 1000


Rejected = tuple[int, Quantity, str]
"""Number and content of a line that was not taken over, and why."""


class Mode(IntEnum):
    """What the figures of a file mean; the numbers are those of the contract."""

    ABSOLUTE = 1
    DELTA = 2


@dataclass(frozen=True, slots=True)
class File:
    """What is taken over: a file of a source, newer than those with a lower sequence."""

    source: str
    sequence: int
    mode: Mode
    attempt: str = ""
    """Names one try to send it: sent again it tells of places once more, and never twice."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file; the first one says which."""

    file: File | None
    lines: Sequence[Quantity]


@dataclass(slots=True)
class Outcome:
    """What became of the lines of a file."""

    applied: int = 0
    skipped: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def reject(self, found: Iterable[Rejected]) -> None:
        """Counts lines that were not taken over, and keeps the first of them."""
        for each in found:
            self.rejected_count += 1
            if len(self.rejected) < MOST_REJECTED:
                self.rejected.append(each)


def objection(
    mode: Mode, line: Quantity, present: Mapping[Place, Level], wanted: Mapping[Place, Quantity]
) -> str:
    """Why a line cannot be taken over; empty when it can."""
    place = (line.sku, line.location)
    if place in wanted:
        return "DUPLICATE_LINE"
    if place not in present:
        return "LOCATION_NOT_FOUND"
    if mode is Mode.ABSOLUTE and line.units < 0:
        return "NEGATIVE_QUANTITY"
    level = present[place]
    on_hand = level.on_hand + difference(mode, line, level)
    if on_hand < level.reserved:
        return "BELOW_RESERVED"
    return "TOO_MANY" if on_hand > MOST_ON_HAND else ""


def difference(mode: Mode, line: Quantity, level: Level) -> int:
    """Units to add to what is on hand."""
    return line.units - level.on_hand if mode is Mode.ABSOLUTE else line.units
