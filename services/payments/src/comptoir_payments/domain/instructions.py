"""What callers ask for; amounts are minor units, above zero."""

from dataclasses import dataclass


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
