"""Test cards and what each of them makes the provider do."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Outcome(StrEnum):
    """What the issuer says at authorisation."""

    AUTHORISED = "authorised"
    DECLINED = "declined"
    CHALLENGED = "challenged"
    DELAYED = "delayed"


class Reply(StrEnum):
    """How the first answer to an authorisation travels; a repeated call is always answered."""

    NORMAL = "normal"
    NEVER = "never"
    AFTER_WEBHOOK = "after_webhook"


@dataclass(frozen=True, slots=True)
class Behaviour:
    outcome: Outcome = Outcome.AUTHORISED
    decline_code: str | None = None
    reply: Reply = Reply.NORMAL
    # An immediate authorisation is told by its answer; a webhook too only where a card asks for it.
    announces_authorisation: bool = False
    webhook_copies: int = 1
    late_webhook: bool = False
    # Added to the amount asked for: the provider that approves something else.
    amount_error: int = 0
    currency_override: str | None = None
    # What the first capture does not take is released with it.
    single_capture: bool = False


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A tokenised card: all that is kept of it."""

    token: str
    brand: str
    last4: str
    behaviour: str


BEHAVIOURS: Final[dict[str, Behaviour]] = {
    "success": Behaviour(),
    "declined": Behaviour(Outcome.DECLINED, "card_declined"),
    "insufficient_funds": Behaviour(Outcome.DECLINED, "insufficient_funds"),
    "expired_card": Behaviour(Outcome.DECLINED, "expired_card"),
    "incorrect_cvc": Behaviour(Outcome.DECLINED, "incorrect_cvc"),
    "three_d_secure": Behaviour(Outcome.CHALLENGED),
    "delayed": Behaviour(Outcome.DELAYED),
    "timeout_after_charge": Behaviour(reply=Reply.NEVER),
    "duplicate_webhook": Behaviour(announces_authorisation=True, webhook_copies=2),
    "late_webhook": Behaviour(announces_authorisation=True, late_webhook=True),
    "early_webhook": Behaviour(announces_authorisation=True, reply=Reply.AFTER_WEBHOOK),
    "wrong_amount": Behaviour(amount_error=100),
    "wrong_currency": Behaviour(currency_override="XTS"),
    "single_capture": Behaviour(single_capture=True),
}

CARDS: Final[dict[str, tuple[str, str]]] = {
    "4242424242424242": ("visa", "success"),
    "5555555555554444": ("mastercard", "success"),
    "4000000000000002": ("visa", "declined"),
    "4000000000009995": ("visa", "insufficient_funds"),
    "4000000000000069": ("visa", "expired_card"),
    "4000000000000127": ("visa", "incorrect_cvc"),
    "4000002500003155": ("visa", "three_d_secure"),
    "4000000000100018": ("visa", "timeout_after_charge"),
    "4000000000100026": ("visa", "duplicate_webhook"),
    "4000000000100034": ("visa", "late_webhook"),
    "4000000000100042": ("visa", "delayed"),
    "4000000000100059": ("visa", "wrong_amount"),
    "4000000000100067": ("visa", "wrong_currency"),
    "4000000000100075": ("visa", "early_webhook"),
    "4000000000100083": ("visa", "single_capture"),
}

_READY_MADE: Final = {
    "pm_card_visa": "4242424242424242",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_declined": "4000000000000002",
    "pm_card_insufficient_funds": "4000000000009995",
    "pm_card_expired": "4000000000000069",
    "pm_card_incorrect_cvc": "4000000000000127",
    "pm_card_3ds": "4000002500003155",
    "pm_card_timeout_after_charge": "4000000000100018",
    "pm_card_duplicate_webhook": "4000000000100026",
    "pm_card_late_webhook": "4000000000100034",
    "pm_card_delayed": "4000000000100042",
    "pm_card_wrong_amount": "4000000000100059",
    "pm_card_wrong_currency": "4000000000100067",
    "pm_card_early_webhook": "4000000000100075",
    "pm_card_single_capture": "4000000000100083",
}


def tokenise(token: str, number: str) -> PaymentMethod | None:
    """The method a card number stands for, or None: only test cards are known here."""
    known = CARDS.get(number)
    if known is None:
        return None
    brand, behaviour = known
    return PaymentMethod(token, brand, number[-4:], behaviour)


READY_MADE_METHODS: Final[dict[str, PaymentMethod]] = {
    token: method
    for token, number in _READY_MADE.items()
    if (method := tokenise(token, number)) is not None
}
