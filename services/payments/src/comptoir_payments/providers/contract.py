"""What every provider can do, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from comptoir_payments.domain.reports import Refusal, Report


class ProviderError(Exception):
    """The provider gave no usable answer."""


class Unreachable(ProviderError):
    """No connection, or turned away at the door: the call certainly had no effect."""


class Broken(ProviderError):
    """The call may have had its effect, but its answer did not come through. Ask again at once."""


class TimedOut(ProviderError):
    """As `Broken`, and the time for an answer is used up."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to keep for us: `amount` in minor units, against the provider's own `token`."""

    payment: str
    """Our id, given to the provider as its reference."""
    amount: int
    currency: str
    token: str
    return_url: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A provider's own message that something happened."""

    provider: str
    event: str
    """The provider's id of the event: the same for every copy of it."""
    type: str
    report: Report


class Provider(Protocol):
    """Six calls and a parser of notices.

    `key` makes a call repeatable: the same key and content have one effect. All calls but `fetch`
    answer with a `Report` whose `moved` is what the call moved, or with a `Refusal` when nothing
    did. All raise `Unreachable`, `Broken` or `TimedOut`.
    """

    name: str

    async def authorise(self, key: str, wish: Wish) -> Report | Refusal:
        """Keeps an amount for us; a decline is a report, not a refusal."""

    async def capture(self, key: str, reference: str, amount: int) -> Report | Refusal:
        """Takes a part of what is kept."""

    async def void(self, key: str, reference: str) -> Report | Refusal:
        """Gives up what is kept and was not taken."""

    async def refund(self, key: str, reference: str, amount: int) -> Report | Refusal:
        """Gives back a part of what was taken."""

    async def fetch(self, reference: str) -> Report | Refusal:
        """How a payment stands now; also after its payer has acted."""

    async def recall(self, key: str, reference: str) -> Report | Refusal | None:
        """What the call under this key did; None when it has had no effect so far.

        `reference` is the provider's id of the payment, empty as long as nobody knows it.
        """

    def parse(self, body: bytes, headers: Mapping[str, str], now: datetime) -> Notice:
        """A notice, once its signature is checked; header names are in lower case.

        Raises `WebhookSignatureInvalid` or `WebhookMalformed`.
        """


Providers = Mapping[str, Provider]
"""The configured providers, by name."""
