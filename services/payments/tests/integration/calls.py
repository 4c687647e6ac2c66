"""Calls that many tests make, as the orders service."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import Message

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories

T = TypeVar("T")
# What a busy machine answers, and what the same request made again gets over.
_BUSY = {"OVERLOADED", "LOCK_TIMEOUT", "CONCURRENT_CHANGE", "OUTCOME_UNKNOWN"}
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


async def patiently(make: Callable[[], Awaitable[T]]) -> T:
    """What comes of a call that is made again while the service is busy, as its callers do."""
    while True:
        try:
            return await make()
        except RemoteFailure as refusal:
            if refusal.reason not in _BUSY:
                raise
        await asyncio.sleep(0.05)


async def lasting_reason_of(harness: ServiceHarness, name: str, request: Message) -> str:
    """As `reason_of`; the same request is made again while the machine is busy."""
    try:
        await patiently(lambda: call(harness, name, request))
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
