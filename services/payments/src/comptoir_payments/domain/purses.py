"""Balances of ours that pay like any other means.

A purse is a gift card, a customer's store credit or a company's credit account. What is in it is
the sum of its ledger entries; orders under way hold parts of it. Amounts are minor units.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

HOLD = timedelta(days=30)
"""How long an order may hold a part of a purse before it is given back."""

GIVEN_BACK = timedelta(days=90)
"""For how long, at the least, what was spent from a gift card can be spent again once it is given
back. It was spent in time, and a refund has to be one: on a card that has expired meanwhile the
merchant would keep the money. Nobody brings that about alone: goods were paid for and came back.
"""

UNKNOWN_CODE = "unknown_code"
EXPIRED = "expired"
OTHER_CURRENCY = "other_currency"
NO_ACCOUNT = "no_account"
INSUFFICIENT = "insufficient_funds"

ATTEMPTS = 10
ATTEMPTS_WITHIN = timedelta(hours=1)
"""So many wrong codes may one caller try in this time."""


class PurseKind(StrEnum):
    """Also the code of the method, the name of the provider, and the ledger's account."""

    GIFT_CARD = "gift_card"
    STORE_CREDIT = "store_credit"
    ON_ACCOUNT = "on_account"


PREFIXES = {
    PurseKind.GIFT_CARD: "gft",
    PurseKind.STORE_CREDIT: "crd",
    PurseKind.ON_ACCOUNT: "acc",
}
KINDS = frozenset(kind.value for kind in PurseKind)


def restored(ends: datetime, held_since: datetime, now: datetime) -> datetime:
    """Until when a gift card lasts at the least once money that was only held is let go.

    It is as if it had never been held: the card, which was to end at `ends`, has as much time left
    as when the hold began, at most what a refund would give. So a cancelled order costs nobody
    their money, and who holds and lets go again and again gains nothing but the time that the holds
    lasted.
    """
    return now + min(ends - held_since, GIVEN_BACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    id: str
    kind: PurseKind
    currency: str
    created_at: datetime
    owner: str = ""
    """Whose it is; a gift card is nobody's: whoever knows its code spends it."""
    buyers: tuple[str, ...] = ()
    """Who else may buy on an account."""
    display: str = ""
    balance: int = 0
    """What is in it; below zero for an account on which something is owed."""
    held: int = 0
    """The part that orders under way lay claim to."""
    credit_limit: int = 0
    """How far below zero it may go."""
    terms_days: int = 0
    expires_at: datetime | None = None

    @property
    def available(self) -> int:
        """What can be spent; nothing when a limit was lowered below what is owed."""
        return max(0, self.balance + self.credit_limit - self.held)

    def may_be_used_by(self, payer: str) -> bool:
        return self.kind is PurseKind.GIFT_CARD or payer == self.owner or payer in self.buyers

    def refusal(self, currency: str, now: datetime) -> str:
        """Why it pays nothing at all; empty when it does."""
        if self.currency != currency:
            return OTHER_CURRENCY
        if self.expires_at is not None and now >= self.expires_at:
            return EXPIRED
        return ""
