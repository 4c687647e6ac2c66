"""Calls that many tests make, as the orders service."""

from typing import Any

from google.protobuf.message import Message

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories

Payment = payment_pb2.Payment
Operation = payment_pb2.Operation


async def call(harness: ServiceHarness, name: str, request: Message) -> Any:
    return await harness.call(name, request, harness.tokens.service("orders"))


async def authorise(
    harness: ServiceHarness, request: pb.AuthorisePaymentRequest | None = None
) -> Payment:
    answer: Payment = await call(harness, "AuthorisePayment", request or factories.authorise())
    return answer


async def capture(harness: ServiceHarness, payment: str, amount: str = "") -> Payment:
    answer: Payment = await call(harness, "CapturePayment", factories.capture(payment, amount))
    return answer


async def refund(harness: ServiceHarness, payment: str, amount: str = "") -> Payment:
    answer: Payment = await call(harness, "RefundPayment", factories.refund(payment, amount))
    return answer


async def void(harness: ServiceHarness, payment: str) -> Payment:
    answer: Payment = await call(harness, "VoidPayment", factories.void(payment))
    return answer


async def get(harness: ServiceHarness, payment: str) -> Payment:
    answer: Payment = await call(harness, "GetPayment", pb.GetPaymentRequest(payment=payment))
    return answer


async def only_payment(harness: ServiceHarness) -> Payment:
    listed = await call(harness, "ListPayments", pb.ListPaymentsRequest())
    (payment,) = listed.payments
    found: Payment = payment
    return found


async def reason_of(harness: ServiceHarness, name: str, request: Message) -> str:
    """The reason of a refusal; empty when the call is carried out."""
    try:
        await call(harness, name, request)
    except RemoteFailure as refusal:
        return refusal.reason
    return ""


async def balances(harness: ServiceHarness, **changes: Any) -> dict[str, str]:
    """The trial balance by account, as decimal texts; its sum has to be zero."""
    answer = await harness.call(
        "GetTrialBalance",
        pb.GetTrialBalanceRequest(**changes),
        harness.tokens.staff("ledger.read"),
    )
    assert answer.sum.amount.strip("0.") == ""
    return {each.account: each.balance.amount for each in answer.accounts}
