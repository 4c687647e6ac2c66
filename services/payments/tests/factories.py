"""Requests and callers, valid unless a test changes them."""

import itertools
from typing import Any

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money

_numbers = itertools.count(1)


def request_id() -> str:
    """One that was never used before in this run."""
    return f"req-{next(_numbers)}"


def money(amount: str, currency: str = "EUR") -> Money:
    return Money(currency=currency, amount=amount)


def authorise(token: str = "pm_card_visa", **changes: Any) -> pb.AuthorisePaymentRequest:
    number = next(_numbers)
    fields: dict[str, Any] = {
        "request_id": f"authorise-{number}",
        "order": f"ord_{number}",
        "payer": "cus_test",
        "amount": money("42.00"),
        "method": "card",
        "token": token,
        "return_url": "https://shop.example/return",
    }
    return pb.AuthorisePaymentRequest(**fields | changes)


def capture(
    payment: str, amount: str = "", currency: str = "EUR", **changes: Any
) -> pb.CapturePaymentRequest:
    """Of all that is left unless an amount is given."""
    fields: dict[str, Any] = {"payment": payment, "request_id": request_id()}
    if amount:
        fields["amount"] = money(amount, currency)
    return pb.CapturePaymentRequest(**fields | changes)


def refund(payment: str, amount: str = "", **changes: Any) -> pb.RefundPaymentRequest:
    """Of all that is left unless an amount is given."""
    fields: dict[str, Any] = {"payment": payment, "request_id": request_id(), "reason": "goodwill"}
    if amount:
        fields["amount"] = money(amount)
    return pb.RefundPaymentRequest(**fields | changes)


def void(payment: str, **changes: Any) -> pb.VoidPaymentRequest:
    fields: dict[str, Any] = {"payment": payment, "request_id": request_id()}
    return pb.VoidPaymentRequest(**fields | changes)


def till(tender: str = "cash", **changes: Any) -> pb.RecordTillPaymentRequest:
    number = next(_numbers)
    fields: dict[str, Any] = {
        "request_id": f"till-{number}",
        "order": f"ord_{number}",
        "payer": "",
        "amount": money("12.50"),
        "tender": tender,
        "reference": f"R-{number}",
        "location": "LYO",
    }
    return pb.RecordTillPaymentRequest(**fields | changes)
