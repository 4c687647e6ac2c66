"""A provider's settlement report, and what may differ between it and our books."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class LineKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    REVERSAL = "reversal"
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    FEE = "fee"
    """One that belongs to no single operation."""
    PAYOUT = "payout"


BY_REFERENCE = frozenset({LineKind.CAPTURE, LineKind.REFUND})
"""What a provider carries out under an id of its own."""
BY_PAYMENT = frozenset({LineKind.REVERSAL, LineKind.DISPUTE, LineKind.DISPUTE_WON})
"""What happens to a payment at its provider: we hear of amounts, not of ids."""


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
    """The provider's id of the operation; only of captures and refunds."""
    currency: str
    amount: int
    fee: int
    booked_at: datetime
    payment: str = ""
    """The provider's id of the payment; may be empty where there is a reference."""


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
class Unheard:
    """A line about a payment of ours that matches nothing we know to have happened to it."""

    line: str
    kind: str
    payment: str
    reference: str
    """The provider's id of the payment."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of the lines of one import."""

    new: int
    matched: int
    booked: int


class Key(NamedTuple):
    """Where a discrepancy stands in its list: what no line tells of comes after all lines."""

    line: int
    moved_at: datetime
    """When an operation moved money that no line tells of."""
    name: str
    """What is wrong with the line, or the id of that operation."""


NO_TIME = datetime.fromtimestamp(0, UTC)
AFTER_ALL_LINES = 2**63 - 1

Amount: TypeAlias = tuple[int, str]
"""Minor units and currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    key: Key
    kind: Difference
    line: str
    operation: str
    payment: str
    reported: Amount | None
    booked: Amount | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A line about an operation beside what our books say of it."""

    number: int
    line: str
    reported: Amount
    fee: Amount
    operation: str
    """Empty as long as it is none of ours."""
    payment: str
    """Ours, also where the operation is not; empty as long as it is none of ours."""
    booked: Amount | None
    booked_fee: Amount | None
    """What the provider told at the capture; None when it told nothing."""
    is_second: bool
    """Whether an earlier line is about the same operation."""

    def differences(self) -> Iterator[Discrepancy]:
        """What is wrong with the line, in the order of the list."""
        if self.booked is None:
            yield self._difference(Difference.UNEXPECTED, self.reported, None)
        elif self.is_second:
            yield self._difference(Difference.DUPLICATE, self.reported, self.booked)
        else:
            if self.reported != self.booked:
                yield self._difference(Difference.AMOUNT, self.reported, self.booked)
            if self.booked_fee is not None and self.fee != self.booked_fee:
                yield self._difference(Difference.FEE, self.fee, self.booked_fee)

    def _difference(self, kind: Difference, reported: Amount, booked: Amount | None) -> Discrepancy:
        return Discrepancy(
            key=Key(self.number, NO_TIME, kind),
            kind=kind,
            line=self.line,
            operation=self.operation,
            payment=self.payment,
            reported=reported,
            booked=booked,
        )
