"""Payments: keeping, taking and giving up money."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from comptoir.payments.v1 import payment_pb2, payments_service_pb2
from comptoir_orders.clients.calls import Caller, ask, minor
from comptoir_runtime import money

_SECONDS = 3.0
# A provider may think for long; less than a lease, see domain.schedule.
_AUTHORISE_SECONDS = 10.0


class PaymentStatus(StrEnum):
    """What matters to an order of where a payment stands."""

    AUTHORISED = "AUTHORISED"
    ACTION_REQUIRED = "ACTION_REQUIRED"
    UNKNOWN = "UNKNOWN"
    ENDED = "ENDED"
    """Declined, or given up."""


_STATUS = {
    payment_pb2.Payment.STATE_AUTHORISED: PaymentStatus.AUTHORISED,
    payment_pb2.Payment.STATE_PARTIALLY_CAPTURED: PaymentStatus.AUTHORISED,
    payment_pb2.Payment.STATE_CAPTURED: PaymentStatus.AUTHORISED,
    payment_pb2.Payment.STATE_REQUIRES_ACTION: PaymentStatus.ACTION_REQUIRED,
    payment_pb2.Payment.STATE_VOIDED: PaymentStatus.ENDED,
    payment_pb2.Payment.STATE_FAILED: PaymentStatus.ENDED,
}


@dataclass(frozen=True, slots=True)
class PaymentView:
    """A payment as orders see it; amounts in minor units of `currency`."""

    id: str
    status: PaymentStatus
    authorised: int
    currency: str
    action_url: str = ""
    decline_code: str = ""
    retryable: bool = False
    captured: int = 0
    refunded: int = 0
    disputed: int = 0
    """What the payer's bank has taken back, for the time being or for good."""
    single_capture: bool = False

    @property
    def left_to_refund(self) -> int:
        """What was taken and is not with its payer again; below zero when they got it twice."""
        return self.captured - self.refunded - self.disputed


class Payments(Protocol):
    """Every method raises `OutcomeUnknown` without an answer, another `Failure` on refusal.

    Amounts are minor units. The same key is the same request: it has one effect.
    """

    async def authorise(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        method: str,
        token: str,
        return_url: str,
        channel: str,
    ) -> PaymentView:
        """Asks a provider to keep the amount, any channel will do when it is empty.

        Refusals: PAYMENT_DECLINED, PAYMENT_METHOD_NOT_OFFERED.
        """

    async def ask(self, key: str, payment: str) -> PaymentView:
        """Asks how a payment stands; a key is used once."""

    async def find(self, order: str) -> list[PaymentView]:
        """The payments for an order, newest first."""

    async def void(self, key: str, payment: str) -> PaymentView:
        """Gives up what was not taken, and answers the payment afterwards; what was taken stays.

        Voiding what has ended changes nothing. Refusal when all was taken:
        PAYMENT_ALREADY_CAPTURED.
        """

    async def get(self, payment: str) -> PaymentView:
        """How a payment stands, as far as payments know."""

    async def refund(self, key: str, payment: str, amount: int, currency: str) -> None:
        """Gives back an amount that was taken."""

    async def capture(self, key: str, payment: str, amount: int, currency: str) -> PaymentView:
        """Takes an amount that is kept for us; answers the payment afterwards."""

    async def record_till(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        tender: str,
        reference: str,
        location: str,
    ) -> str:
        """Books money a till has taken; answers the id of the payment."""


class GrpcPayments:
    """Payments of the payments service."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def authorise(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        method: str,
        token: str,
        return_url: str,
        channel: str,
    ) -> PaymentView:
        request = payments_service_pb2.AuthorisePaymentRequest(
            request_id=key,
            order=order,
            payer=payer,
            amount=money.from_minor(amount, currency),
            method=method,
            token=token,
            return_url=return_url,
            channel=channel,
        )
        return _view(await ask(self._caller, "AuthorisePayment", request, _AUTHORISE_SECONDS))

    async def ask(self, key: str, payment: str) -> PaymentView:
        request = payments_service_pb2.ConfirmPaymentRequest(request_id=key, payment=payment)
        return _view(await ask(self._caller, "ConfirmPayment", request, _AUTHORISE_SECONDS))

    async def find(self, order: str) -> list[PaymentView]:
        request = payments_service_pb2.ListPaymentsRequest(order=order)
        answer = await ask(self._caller, "ListPayments", request, _SECONDS)
        return [_view(payment) for payment in answer.payments]

    async def void(self, key: str, payment: str) -> PaymentView:
        request = payments_service_pb2.VoidPaymentRequest(request_id=key, payment=payment)
        return _view(await ask(self._caller, "VoidPayment", request, _AUTHORISE_SECONDS))

    async def get(self, payment: str) -> PaymentView:
        request = payments_service_pb2.GetPaymentRequest(payment=payment)
        return _view(await ask(self._caller, "GetPayment", request, _SECONDS))

    async def refund(self, key: str, payment: str, amount: int, currency: str) -> None:
        request = payments_service_pb2.RefundPaymentRequest(
            request_id=key, payment=payment, amount=money.from_minor(amount, currency)
        )
        await ask(self._caller, "RefundPayment", request, _AUTHORISE_SECONDS)

    async def capture(self, key: str, payment: str, amount: int, currency: str) -> PaymentView:
        request = payments_service_pb2.CapturePaymentRequest(
            request_id=key, payment=payment, amount=money.from_minor(amount, currency)
        )
        return _view(await ask(self._caller, "CapturePayment", request, _AUTHORISE_SECONDS))

    async def record_till(
        self,
        key: str,
        *,
        order: str,
        payer: str,
        amount: int,
        currency: str,
        tender: str,
        reference: str,
        location: str,
    ) -> str:
        request = payments_service_pb2.RecordTillPaymentRequest(
            request_id=key,
            order=order,
            payer=payer,
            amount=money.from_minor(amount, currency),
            tender=tender,
            reference=reference,
            location=location,
        )
        answer = await ask(self._caller, "RecordTillPayment", request, _SECONDS)
        payment: str = answer.id
        return payment


def _view(payment: payment_pb2.Payment) -> PaymentView:
    authorised = payment.authorised_amount
    return PaymentView(
        id=payment.id,
        status=_STATUS.get(payment.state, PaymentStatus.UNKNOWN),
        authorised=minor(authorised),
        currency=authorised.currency or payment.amount.currency,
        action_url=payment.action_url,
        decline_code=payment.decline_code,
        retryable=payment.retryable,
        captured=minor(payment.captured_amount),
        refunded=minor(payment.refunded_amount),
        disputed=minor(payment.disputed_amount) + minor(payment.charged_back_amount),
        single_capture=payment.single_capture,
    )
