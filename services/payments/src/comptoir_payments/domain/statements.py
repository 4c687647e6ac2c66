"""A provider's settlement report, and what may differ between it and our books."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class LineKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    FEE = "fee"
    """One that belongs to no single operation."""
    PAYOUT = "payout"


class Difference(StrEnum):
    MISSING = "missing"
    UNEXPECTED = "unexpected"
    AMOUNT = "amount"
    FEE = "fee"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Statement:
    """A report: what its provider says it has moved from `starts_at` until before `ends_at`."""

    provider: str
    id: str
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Amounts in minor units of `currency`."""

    line: str
    kind: LineKind
    reference: str
    """The provider's id of the operation; empty for fees and payouts."""
    currency: str
    amount: int
    fee: int
    booked_at: datetime


@dataclass(frozen=True, slots=True)
class Booking:
    """What a line has to be booked for, once."""

    line: str
    kind: LineKind
    currency: str
    amount: int
    operation: str
    """The operation whose fee it is; empty for what belongs to none."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of the lines of one import."""

    new: int
    matched: int
    booked: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    key: str
    """Where it stands in the list."""
    kind: Difference
    line: str
    operation: str
    payment: str
    reported: tuple[int, str] | None
    """Minor units and currency."""
    booked: tuple[int, str] | None
