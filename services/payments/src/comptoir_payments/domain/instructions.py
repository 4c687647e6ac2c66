"""What callers ask for; amounts are minor units, above zero."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Authorisation:
    """An amount to be kept for us by a provider."""

    order: str
    payer: str
    amount: int
    currency: str
    method: str
    token: str
    """The provider's, for the payer's means; never a card number."""
    return_url: str
    channel: str = ""
    """Where it is bought; empty when the caller does not say."""


@dataclass(frozen=True, slots=True)
class Taking:
    """An amount that a till has taken."""

    order: str
    payer: str
    amount: int
    currency: str
    tender: str
    reference: str
    """The till's own, such as the number of the terminal's receipt."""
    location: str


@dataclass(frozen=True, slots=True)
class Consent:
    """That a customer agreed to be paid back by another means."""

    by: str
    at: datetime
    text: str
    """Version of the text they agreed to."""


@dataclass(frozen=True, slots=True)
class Refunding:
    """Why money is given back, and whereto."""

    reason: str = ""
    means: str = ""
    """Another means than the one the money came from; empty for the same."""
    consent: Consent | None = None

    @property
    def texts(self) -> dict[str, str]:
        """What people may have typed in, by its field."""
        if self.consent is None:
            return {"reason": self.reason}
        given_by, version = self.consent.by, self.consent.text
        return {
            "reason": self.reason,
            "consent.given_by": given_by,
            "consent.text_version": version,
        }


@dataclass(frozen=True, slots=True)
class Issue:
    """A gift card to be issued."""

    amount: int
    currency: str
    expires_at: datetime | None
    order: str
    """The order it was sold in; empty when it is given away."""


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms somebody buys on account."""

    owner: str
    currency: str
    credit_limit: int
    days: int
    buyers: tuple[str, ...]
