"""Stripe's objects as version 2026-10-28 of its API documents them, with what is read of them."""

from typing import Any

Json = dict[str, Any]


def charge(**changes: Any) -> Json:
    """Authorised over 10.00 euros, not captured."""
    made = {
        "id": "ch_1",
        "object": "charge",
        "amount": 1000,
        "amount_captured": 0,
        "amount_refunded": 0,
        "captured": False,
        "currency": "eur",
        "metadata": {"payment": "pay_1", "operation": "pop_1"},
        "payment_intent": "pi_1",
        "payment_method_details": {
            "type": "card",
            "card": {
                "brand": "visa",
                "last4": "4242",
                "capture_before": 4_000_000_000,
                "multicapture": {"status": "unavailable"},
            },
        },
        "refunded": False,
        "status": "succeeded",
    }
    return made | changes


def intent(**changes: Any) -> Json:
    """Authorised over 10.00 euros."""
    made = {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1000,
        "amount_capturable": 1000,
        "amount_received": 0,
        "currency": "eur",
        "last_payment_error": None,
        "latest_charge": charge(),
        "metadata": {"payment": "pay_1", "operation": "pop_1"},
        "next_action": None,
        "payment_method": {
            "id": "pm_1",
            "object": "payment_method",
            "card": {"brand": "visa", "last4": "4242"},
        },
        "status": "requires_capture",
    }
    return made | changes


def taken(amount: int, key: str = "pop_2", **changes: Any) -> Json:
    """After a capture that gave up the rest."""
    fields: Json = {
        "amount_capturable": 0,
        "amount_received": amount,
        "latest_charge": charge(amount_captured=amount, captured=True),
        "metadata": {
            "payment": "pay_1",
            "operation": "pop_1",
            f"capture:{key}": str(amount),
        },
        "status": "succeeded",
    }
    return intent(**fields | changes)


def challenged(url: str = "https://hooks.stripe.com/3d_secure_2/hosted?merchant=acct_1") -> Json:
    """The payer has to prove who they are."""
    return intent(
        amount_capturable=0,
        latest_charge=None,
        next_action={
            "type": "redirect_to_url",
            "redirect_to_url": {"url": url, "return_url": "https://shop.example/"},
        },
        status="requires_action",
    )


def declined(**error: Any) -> Json:
    """The issuer said no."""
    card = {"brand": "mastercard", "last4": "4444"}
    failed = {
        "type": "card_error",
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "payment_method": {"id": "pm_1", "object": "payment_method", "card": card},
    }
    return intent(
        amount_capturable=0,
        last_payment_error=failed | error,
        latest_charge=charge(status="failed", payment_method_details=None),
        payment_method=None,
        status="requires_payment_method",
    )


def event(about: Json, kind: str = "payment_intent.amount_capturable_updated") -> Json:
    return {"id": "evt_1", "object": "event", "type": kind, "data": {"object": about}}
