"""Goods on their way from one location to another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum

Arrived = tuple[str, int]
"""A sku, and how many units of it came."""


class TransferState(IntEnum):
    """Where the goods are; the numbers are those of the contract."""

    SENT = 1
    RECEIVED = 2


@dataclass(frozen=True, slots=True)
class TransferLine:
    """Units of a sku that were sent, and how many of them came."""

    sku: str
    units: int
    received: int = 0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Goods that left one location for another."""

    id: str
    origin: str
    destination: str
    state: TransferState
    lines: tuple[TransferLine, ...]
    reference: str
    expected_at: datetime
    sent_at: datetime
    received_at: datetime | None = None

    def arrived(self, units: Mapping[str, int] | None, now: datetime) -> Transfer:
        """The transfer with what came of each sku, all of it when None is given."""
        lines = tuple(
            replace(line, received=line.units if units is None else units.get(line.sku, 0))
            for line in self.lines
        )
        return replace(self, state=TransferState.RECEIVED, lines=lines, received_at=now)
