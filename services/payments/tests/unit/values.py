"""Payments, operations and reports, valid unless a test changes them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from comptoir_payments.domain.payments import (
    Kind,
    Operation,
    Payment,
    Progress,
    State,
    new_operation,
)
from comptoir_payments.domain.reports import Report, Status
from comptoir_runtime.idempotency import RequestKey

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def request(key: str) -> RequestKey:
    return RequestKey("CapturePayment", "orders", key, b"hash")


def created(**changes: Any) -> Payment:
    """Just written down, its authorisation not asked yet."""
    payment = Payment(
        id="pay_1",
        order="ord_1",
        payer="cus_1",
        amount=1000,
        currency="EUR",
        method="card",
        provider="sandbox",
        settles_in="provider_clearing:sandbox",
        created_at=NOW,
        updated_at=NOW,
    )
    payment = replace(payment, **changes)
    return payment.having(operation(payment, Kind.AUTHORISE, 1000, "pop_0"))


def authorised(**changes: Any) -> Payment:
    """Authorised over 10.00 euros."""
    payment = created()
    done = replace(payment.operations[0], progress=Progress.SUCCEEDED, next_attempt_at=None)
    fields: dict[str, Any] = {
        "state": State.AUTHORISED,
        "authorised": 1000,
        "provider_reference": "psp_1",
    }
    return replace(payment.having(done), **fields | changes)


def operation(payment: Payment, kind: Kind, amount: int, name: str = "pop_1") -> Operation:
    return new_operation(payment, kind, amount, operation_id=name, request=request(name), now=NOW)


def report(status: Status = Status.APPROVED, **changes: Any) -> Report:
    """An approval of the whole amount."""
    approved = 1000 if status is Status.APPROVED else 0
    made = Report(
        payment="pay_1",
        reference="psp_1",
        status=status,
        currency="EUR",
        authorised=approved,
        display="Visa •• 4242",
        operation="op_1",
    )
    return replace(made, **changes)
