"""Double entry: what every movement of money means for the accounts.

An authorisation and its release move no money: the operations are their memo. Debits are above
zero, credits below; the entries of a transfer sum to zero.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

RECEIVABLE = "customer_receivable"
"""What customers owe us; its credits are what they have paid."""
REFUNDS = "refunds"
"""What was given back."""


class TransferKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"


class Unbalanced(ValueError):
    """A programming error: the entries of a transfer do not sum to zero."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a transfer, in minor units of its currency."""

    account: str
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What moved, and why. Never changed: a correction is another transfer."""

    kind: TransferKind
    payment: str
    operation: str
    currency: str
    at: datetime
    entries: tuple[Entry, ...]

    def __post_init__(self) -> None:
        if sum(entry.amount for entry in self.entries) != 0:
            raise Unbalanced(f"{self.kind} of {self.operation}")


@dataclass(frozen=True, slots=True)
class Balance:
    """What one account holds: debits less credits, both above zero."""

    account: str
    debits: int
    credits: int

    @property
    def amount(self) -> int:
        return self.debits - self.credits


def clearing_account(provider: str) -> str:
    """Where a provider's promise to pay us out is kept."""
    return f"provider_clearing:{provider}"


def fee_account(provider: str) -> str:
    """What a provider has kept for its service."""
    return f"provider_fees:{provider}"


def till_account(tender: str, location: str) -> str:
    """The cash box of a store, or what its card terminal has taken."""
    place = location or "unknown"
    return f"till_cash:{place}" if tender == "cash" else f"terminal_clearing:{place}"


def capture_entries(settles_in: str, provider: str, amount: int, fee: int) -> tuple[Entry, ...]:
    """Money arrives in `settles_in`, less the provider's fee; the customer owes less."""
    entries = (
        Entry(settles_in, amount - fee),
        Entry(fee_account(provider), fee),
        Entry(RECEIVABLE, -amount),
    )
    return tuple(entry for entry in entries if entry.amount)


def refund_entries(settles_in: str, amount: int) -> tuple[Entry, ...]:
    """Money leaves by the way it came."""
    return Entry(REFUNDS, amount), Entry(settles_in, -amount)
