"""Stripe's reasons for a decline in our words, and whether another try can help."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DECLINED = "card_declined"

_CODES = {
    "authentication_required": "authentication_failed",
    "card_not_supported": "card_not_supported",
    "currency_not_supported": "card_not_supported",
    "expired_card": "expired_card",
    "incorrect_cvc": "incorrect_cvc",
    "insufficient_funds": "insufficient_funds",
    "invalid_cvc": "incorrect_cvc",
    "invalid_expiry_month": "expired_card",
    "invalid_expiry_year": "expired_card",
    "issuer_not_available": "processing_error",
    "payment_intent_authentication_failure": "authentication_failed",
    "processing_error": "processing_error",
    "reenter_transaction": "processing_error",
    "try_again_later": "processing_error",
}
# All others, a stolen card or a suspicion of fraud among them, are a plain decline: whoever holds
# such a card is not to learn why it was refused.

_RETRYABLE = frozenset(
    {"authentication_failed", "incorrect_cvc", "insufficient_funds", "processing_error"}
)
# What the issuer advises outweighs what we conclude from the reason.
_ADVICE = {"try_again_later": True, "confirm_card_data": True, "do_not_try_again": False}


@dataclass(frozen=True, slots=True)
class Decline:
    code: str
    retryable: bool


def read_decline(error: Mapping[str, Any]) -> Decline:
    """From an `error` of an answer, or the `last_payment_error` of a payment intent."""
    code = _CODES.get(error.get("decline_code") or "") or _CODES.get(error.get("code") or "")
    advice = _ADVICE.get(error.get("advice_code") or "")
    code = code or DECLINED
    return Decline(code, code in _RETRYABLE if advice is None else advice)
