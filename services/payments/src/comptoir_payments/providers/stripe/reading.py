"""Stripe's objects in our words.

What is read here came from outside. Whatever has another shape raises one of `UNREADABLE`: an
answer that cannot be read tells nothing, least of all that it went well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from comptoir_payments.domain.reports import Report, Status
from comptoir_payments.providers.stripe.amounts import from_stripe
from comptoir_payments.providers.stripe.declines import read_decline

Object: TypeAlias = Mapping[str, Any]

UNREADABLE = (AttributeError, KeyError, TypeError, ValueError, OverflowError, OSError)

PAYMENT = "payment"
"""Metadata of a payment intent: our id of the payment."""
OPERATION = "operation"
"""Metadata of a payment intent or a refund: our id of the operation that made it."""
_CAPTURE = "capture:"
"""Metadata of a payment intent: what each of our operations took of it, in Stripe's units."""

FAILED = frozenset({"failed", "canceled"})
"""States of a refund that moves nothing, or has moved nothing in the end."""
_OPEN_DISPUTE = frozenset({"needs_response", "under_review"})

EXPANDED = ["latest_charge", "payment_method"]
"""What an answer has to contain to be read whole."""

_STATUSES = {
    "requires_payment_method": Status.DECLINED,
    "requires_confirmation": Status.PENDING,
    "requires_action": Status.REQUIRES_ACTION,
    "processing": Status.PENDING,
    "requires_capture": Status.APPROVED,
    "succeeded": Status.APPROVED,
    "canceled": Status.VOIDED,
}


def read_intent(intent: Object) -> Report:
    """A payment intent with what `EXPANDED` names."""
    currency = read_currency(intent)
    charge = intent["latest_charge"] or {}
    captured = from_stripe(intent["amount_received"], currency)
    held = from_stripe(intent["amount_capturable"], currency)
    authorised = refunded = disputed = 0
    if charge.get("status") == "succeeded":
        authorised = from_stripe(charge["amount"], currency)
        # Since version 2025-03-31 without what was given up without being taken.
        refunded = from_stripe(charge["amount_refunded"], currency)
        # Until its disputes are read: all that there is to dispute.
        disputed = captured - refunded if charge.get("disputed") else 0
    status = _STATUSES[intent["status"]]
    if captured and status is Status.VOIDED:
        status = Status.APPROVED
    report = Report(
        payment=text(intent["metadata"][PAYMENT]),
        reference=text(intent["id"]),
        status=status,
        currency=currency,
        authorised=authorised,
        captured=captured,
        voided=max(0, authorised - captured - held),
        refunded=refunded,
        disputed=disputed,
        display=_display(intent, charge),
        action_url=_action_url(intent),
        expires_at=_expiry(charge),
        single_capture=bool(charge) and not takes_parts(intent),
    )
    if status is not Status.DECLINED:
        return report
    decline = read_decline(intent["last_payment_error"] or {})
    return replace(report, decline_code=decline.code, retryable=decline.retryable)


def answered(report: Report, operation: str, moved: int) -> Report:
    """The report as the answer to the call that moved an amount."""
    return replace(report, operation=operation, moved=moved)


def captured_under(intent: Object, key: str) -> int | None:
    """What the capture under `key` took, None when there was none.

    The sum of what all of our captures asked for, but this one, is subtracted from what was really
    taken: if Stripe took another amount than asked, it shows.
    """
    asked = {name: value for name, value in intent["metadata"].items() if name.startswith(_CAPTURE)}
    if asked.pop(_CAPTURE + key, None) is None:
        return None
    others = sum(int(each) for each in asked.values())
    return from_stripe(intent["amount_received"] - others, read_currency(intent))


def capture_note(key: str, amount: int) -> dict[str, str]:
    """Metadata that `captured_under` finds again."""
    return {_CAPTURE + key: str(amount)}


def takes_parts(intent: Object) -> bool:
    """Whether a part may be taken without giving up the rest: not every account and card may."""
    charge = intent["latest_charge"] or {}
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return (card.get("multicapture") or {}).get("status") == "available"


def refunded_by(refund: Object, currency: str) -> int:
    """What a refund moves; 0 when that is not in the currency of its payment."""
    same = read_currency(refund) == currency
    return from_stripe(refund["amount"], currency) if same else 0


def without_failed_refunds(report: Report, refunds: Sequence[Object]) -> Report:
    """The report without refunds that could not be delivered: they are on our balance again.

    Whether Stripe still counts those in what it says was refunded does not matter then.
    """
    live = [each for each in refunds if each["status"] not in FAILED]
    if len(live) == len(refunds):
        return report
    return replace(report, refunded=sum(refunded_by(each, report.currency) for each in live))


def with_disputes(report: Report, disputes: Sequence[Object]) -> Report:
    """The report with what banks have taken back. An inquiry takes nothing."""
    disputed = charged_back = 0
    for each in disputes:
        status = text(each["status"])
        amount = from_stripe(each["amount"], read_currency(each))
        disputed += amount if status in _OPEN_DISPUTE else 0
        charged_back += amount if status == "lost" else 0
    return replace(report, disputed=disputed, charged_back=charged_back)


def read_currency(anything: Object) -> str:
    return text(anything["currency"]).upper()


def text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _action_url(intent: Object) -> str:
    action = intent["next_action"]
    if intent["status"] != "requires_action" or action is None:
        return ""
    redirect = action.get("redirect_to_url") or {}
    return text(redirect.get("url") or "")


def _display(intent: Object, charge: Object) -> str:
    """`Visa •• 4242`; empty as long as nobody knows."""
    failed = (intent.get("last_payment_error") or {}).get("payment_method")
    for known in (charge.get("payment_method_details"), intent.get("payment_method"), failed):
        if isinstance(known, dict) and known.get("card"):
            return display(known["card"])
    return ""


def display(card: Object) -> str:
    """What the payer recognises. Nothing depends on it, so nothing fails without it."""
    brand, last4 = card.get("brand"), card.get("last4")
    return f"{brand.capitalize()} •• {last4}" if brand and last4 else ""


def _expiry(charge: Object) -> datetime | None:
    """Until when the amount is kept; None when Stripe does not say."""
    details = (charge.get("payment_method_details") or {}).get("card") or {}
    before = details.get("capture_before")
    return None if before is None else datetime.fromtimestamp(before, UTC)
