"""Double entry: what every movement of money means for the accounts.

An authorisation and its release move no money: the operations are their memo. Debits are above
zero, credits below; the entries of a transfer sum to zero.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from comptoir_payments.domain.purses import PurseKind

RECEIVABLE = "customer_receivable"
"""What customers owe us; its credits are what they have paid."""
REFUNDS = "refunds"
"""What was given back."""
BANK = "bank"
"""What has arrived at the bank, and left it."""
GOODWILL = "goodwill"
"""What was given away: gift cards that nobody paid for, credit after a complaint."""
DISPUTES = "disputes"
"""What payers' banks have taken back and not decided about."""
CHARGEBACKS = "chargebacks"
"""What was lost in disputes."""
_PURSES = {
    PurseKind.GIFT_CARD: "gift_cards",
    PurseKind.STORE_CREDIT: "store_credit",
    PurseKind.ON_ACCOUNT: "accounts_receivable",
}


class TransferKind(StrEnum):
    CAPTURE = "capture"
    REFUND = "refund"
    ISSUE = "issue"
    """Value put into a purse."""
    RECEIPT = "receipt"
    """Money that came in for what was bought on account."""
    REVERSAL = "reversal"
    """A refund that came back."""
    DISPUTE = "dispute"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    FEE = "fee"
    PAYOUT = "payout"


class Unbalanced(ValueError):
    """A programming error: the entries of a transfer do not sum to zero."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a transfer, in minor units of its currency."""

    account: str
    amount: int
    holder: str = ""
    """The purse, where the account is about many of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """What moved, and why. Never changed: a correction is another transfer."""

    kind: TransferKind
    payment: str | None
    """None for what belongs to no payment."""
    operation: str
    """The operation that moved it, or an id of its own."""
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


def purse_account(kind: str) -> str:
    """What we owe the holders of gift cards and credit, or what buyers on account owe us."""
    return _PURSES[PurseKind(kind)]


def capture_entries(
    settles_in: str, provider: str, amount: int, fee: int, holder: str = ""
) -> tuple[Entry, ...]:
    """Money arrives in `settles_in`, less the provider's fee; the customer owes less."""
    entries = (
        Entry(settles_in, amount - fee, holder),
        Entry(fee_account(provider), fee),
        Entry(RECEIVABLE, -amount),
    )
    return tuple(entry for entry in entries if entry.amount)


def refund_entries(settles_in: str, amount: int, holder: str = "") -> tuple[Entry, ...]:
    """Money leaves by the way it came, or goes into a purse."""
    return Entry(REFUNDS, amount), Entry(settles_in, -amount, holder)


def reversal_entries(settles_in: str, amount: int) -> tuple[Entry, ...]:
    """What was given back could not be delivered: it is where it came from again."""
    return Entry(settles_in, amount), Entry(REFUNDS, -amount)


def dispute_entries(settles_in: str, amount: int) -> tuple[Entry, ...]:
    """The payer's bank takes back what we had; below zero it is ours again."""
    return Entry(DISPUTES, amount), Entry(settles_in, -amount)


def loss_entries(amount: int) -> tuple[Entry, ...]:
    """What a payer's bank had taken back is lost."""
    return Entry(CHARGEBACKS, amount), Entry(DISPUTES, -amount)


def issue_entries(kind: PurseKind, amount: int, holder: str, paid_from: str) -> tuple[Entry, ...]:
    """Value goes into a purse; `paid_from` is who bears it."""
    return Entry(paid_from, amount), Entry(purse_account(kind), -amount, holder)


def receipt_entries(amount: int, holder: str) -> tuple[Entry, ...]:
    """What was bought on account is paid at the bank."""
    return Entry(BANK, amount), Entry(purse_account(PurseKind.ON_ACCOUNT), -amount, holder)


def fee_entries(provider: str, fee: int) -> tuple[Entry, ...]:
    """The provider keeps a fee of what it owes us; below zero it gives one back."""
    return Entry(fee_account(provider), fee), Entry(clearing_account(provider), -fee)


def payout_entries(provider: str, amount: int) -> tuple[Entry, ...]:
    """The provider has paid what it owed us; below zero it has taken something back."""
    return Entry(BANK, amount), Entry(clearing_account(provider), -amount)
