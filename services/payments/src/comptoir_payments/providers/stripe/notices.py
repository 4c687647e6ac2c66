"""Stripe's events: whether they are genuine, and which payment they are about."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import orjson
import stripe

from comptoir_payments.domain.reports import Report, Status
from comptoir_payments.errors import WebhookMalformed, WebhookSignatureInvalid
from comptoir_payments.providers.contract import Notice
from comptoir_payments.providers.signatures import check_time
from comptoir_payments.providers.stripe.amounts import from_stripe
from comptoir_payments.providers.stripe.reading import (
    PAYMENT,
    UNREADABLE,
    Object,
    read_currency,
    text,
)

_SIGNATURE = "stripe-signature"


def parse(
    provider: str,
    body: bytes,
    headers: Mapping[str, str],
    secrets: Sequence[str],
    now: datetime,
) -> Notice:
    """Raises `WebhookSignatureInvalid` or `WebhookMalformed`."""
    header = headers.get(_SIGNATURE, "")
    # Several while one is being replaced; one that made the signature is enough.
    if not any(_is_signed(body, header, secret) for secret in secrets):
        raise WebhookSignatureInvalid("the signature is not the provider's")
    # The SDK would compare with the machine's clock, and let the future pass.
    check_time(header, now)
    try:
        event = orjson.loads(body)
        about = _read(event["data"]["object"])
        return Notice(provider, text(event["id"]), text(event["type"]), about)
    except UNREADABLE:
        raise WebhookMalformed("the notice is not one of this provider") from None


def _is_signed(body: bytes, header: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(body, header, secret)
    except (stripe.SignatureVerificationError, TypeError, ValueError):
        # The SDK stumbles over bodies and signatures that are no ASCII or UTF-8: not Stripe's.
        return False
    return True


def _read(about: Object) -> Report:
    """What an event tells of a payment of ours: a picture of the moment, and an incomplete one.

    It serves to see whether there is anything new; what is true is asked for then. A refund or a
    dispute names its payment intent and tells nothing of it. An event about anything else names no
    payment of ours.
    """
    kind = about["object"]
    if kind in ("refund", "dispute"):
        return _hint(text(about["payment_intent"] or ""))
    if kind not in ("payment_intent", "charge") or PAYMENT not in about["metadata"]:
        return _hint("")
    return _read_intent(about) if kind == "payment_intent" else _read_charge(about)


def _hint(reference: str) -> Report:
    return Report(payment="", reference=reference, status=Status.PENDING, currency="")


def _read_intent(intent: Object) -> Report:
    currency = read_currency(intent)
    status = text(intent["status"])
    approved = status in ("requires_capture", "succeeded")
    authorised = from_stripe(intent["amount"], currency) if approved else 0
    captured = from_stripe(intent.get("amount_received", 0), currency)
    held = from_stripe(intent.get("amount_capturable", 0), currency)
    return Report(
        payment=text(intent["metadata"][PAYMENT]),
        reference=text(intent["id"]),
        status=Status.APPROVED if approved else Status.PENDING,
        currency=currency,
        authorised=authorised,
        captured=captured,
        voided=authorised - captured - held,
    )


def _read_charge(charge: Object) -> Report:
    """A charge carries the metadata of its payment intent."""
    currency = read_currency(charge)
    approved = charge["status"] == "succeeded"
    authorised = from_stripe(charge["amount"], currency) if approved else 0
    captured = from_stripe(charge["amount_captured"], currency)
    return Report(
        payment=text(charge["metadata"][PAYMENT]),
        reference=text(charge["payment_intent"]),
        status=Status.APPROVED if approved else Status.PENDING,
        currency=currency,
        authorised=authorised,
        captured=captured,
        voided=authorised - captured if charge["captured"] else 0,
        refunded=from_stripe(charge["amount_refunded"], currency),
    )
