"""Requests and callers, valid unless a test changes them."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from comptoir.payments.v1 import payment_pb2, report_pb2
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


def gift_card(amount: str = "50.00", **changes: Any) -> pb.IssueGiftCardRequest:
    fields: dict[str, Any] = {"request_id": request_id(), "amount": money(amount)}
    return pb.IssueGiftCardRequest(**fields | changes)


def credit(
    customer: str = "cus_test", amount: str = "30.00", **changes: Any
) -> pb.GrantStoreCreditRequest:
    fields: dict[str, Any] = {
        "customer": customer,
        "request_id": request_id(),
        "amount": money(amount),
    }
    return pb.GrantStoreCreditRequest(**fields | changes)


def account(
    owner: str = "com_test", limit: str = "100.00", **changes: Any
) -> pb.SetCreditAccountRequest:
    fields: dict[str, Any] = {
        "owner": owner,
        "request_id": request_id(),
        "credit_limit": money(limit),
        "terms_days": 30,
        "buyers": ["cus_test"],
    }
    return pb.SetCreditAccountRequest(**fields | changes)


def receipt(
    owner: str = "com_test", amount: str = "10.00", **changes: Any
) -> pb.RecordAccountReceiptRequest:
    fields: dict[str, Any] = {"owner": owner, "request_id": request_id(), "amount": money(amount)}
    return pb.RecordAccountReceiptRequest(**fields | changes)


def consent(at: datetime, **changes: Any) -> payment_pb2.Consent:
    fields: dict[str, Any] = {
        "given_by": "cus_test",
        "give_time": stamp(at),
        "text_version": "refund-2026-03",
    }
    return payment_pb2.Consent(**fields | changes)


def line(
    reference: str = "", amount: str = "42.00", fee: str = "", **changes: Any
) -> report_pb2.ReportLine:
    """A capture when it has a reference; its day is the first of the year."""
    fields: dict[str, Any] = {
        "line": f"line-{next(_numbers)}",
        "kind": report_pb2.ReportLine.KIND_CAPTURE,
        "provider_reference": reference,
        "amount": money(amount),
        "book_time": stamp(datetime(2026, 1, 1, tzinfo=UTC)),
    }
    if fee:
        fields["fee"] = money(fee)
    return report_pb2.ReportLine(**fields | changes)


def provider_report(
    around: datetime, *lines: report_pb2.ReportLine, **changes: Any
) -> pb.ImportProviderReportRequest:
    """A report of the sandbox over the hour before and the hour after a moment."""
    fields: dict[str, Any] = {
        "provider": "sandbox",
        "report": "rep_1",
        "request_id": request_id(),
        "start_time": stamp(around - timedelta(hours=1)),
        "end_time": stamp(around + timedelta(hours=1)),
        "lines": lines,
    }
    return pb.ImportProviderReportRequest(**fields | changes)


def stamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message
