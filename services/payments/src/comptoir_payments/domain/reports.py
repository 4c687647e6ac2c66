"""What a provider may have to say."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TypeAlias


class Status(StrEnum):
    """Where a payment stands at its provider; of an approved one, the amounts tell the rest."""

    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    APPROVED = "approved"
    VOIDED = "voided"
    DECLINED = "declined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A payment as its provider sees it. Amounts are integer minor units of `currency`."""

    payment: str
    """Our id of the payment, which the provider was given as its reference."""
    reference: str
    """The provider's own id of the payment."""
    status: Status
    currency: str
    authorised: int = 0
    captured: int = 0
    voided: int = 0
    refunded: int = 0
    """Without what could not be delivered and came back."""
    disputed: int = 0
    """What is gone until a dispute is decided."""
    charged_back: int = 0
    """What was lost in disputes."""
    decline_code: str = ""
    retryable: bool = False
    action_url: str = ""
    display: str = ""
    """What the payer recognises, such as `Visa •• 4242`."""
    expires_at: datetime | None = None
    single_capture: bool = False
    """Whether what the first capture does not take is given back with it."""
    operation: str = ""
    """The provider's id of the operation that this answers."""
    moved: int | None = None
    """The amount that the operation moved; None in a report that answers no operation."""
    fee: int = 0
    """What the provider keeps for itself of a capture; 0 when it tells later."""

    @property
    def is_hint(self) -> bool:
        """Whether it names a payment, by the provider's id, and tells nothing of it."""
        return not self.payment and bool(self.reference)

    @property
    def held(self) -> int:
        """What can still be taken or given up."""
        return self.authorised - self.captured - self.voided


@dataclass(frozen=True, slots=True)
class Refusal:
    """The provider understood and said no: nothing has moved."""

    code: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The answer was lost: the call may have had its effect or may still have it."""


@dataclass(frozen=True, slots=True)
class NeverAsked:
    """The call certainly never reached the provider."""


Outcome: TypeAlias = Report | Refusal | NoAnswer | NeverAsked
