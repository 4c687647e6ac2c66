"""Contract ↔ values, both ways; no decisions."""

from collections.abc import Iterable
from datetime import UTC, datetime

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_payments.domain.instructions import Authorisation, Taking
from comptoir_payments.domain.ledger import Balance
from comptoir_payments.domain.methods import Method
from comptoir_payments.events import timestamp
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.money import from_minor, to_minor


def authorisation(request: pb.AuthorisePaymentRequest) -> Authorisation:
    return Authorisation(
        order=request.order,
        payer=request.payer,
        amount=above_zero(request.amount),
        currency=request.amount.currency,
        method=request.method,
        token=request.token,
        return_url=request.return_url,
    )


def taking(request: pb.RecordTillPaymentRequest) -> Taking:
    return Taking(
        order=request.order,
        payer=request.payer,
        amount=above_zero(request.amount),
        currency=request.amount.currency,
        tender=request.tender,
        reference=request.reference,
        location=request.location,
    )


def optional_amount(
    request: pb.CapturePaymentRequest | pb.RefundPaymentRequest,
) -> tuple[int, str] | None:
    """Minor units and currency; None when absent."""
    if not request.HasField("amount"):
        return None
    return above_zero(request.amount), request.amount.currency


def above_zero(amount: Money) -> int:
    """Minor units; raises `InvalidFields` unless there are any."""
    minor = to_minor(amount)
    if minor <= 0:
        raise InvalidFields(
            "the amount is not above zero", violations=[Violation("amount", "must be above zero")]
        )
    return minor


def payment_methods(methods: Iterable[Method], locale: str) -> pb.ListPaymentMethodsResponse:
    """Names in the language of a locale such as `fr-CA`."""
    language = locale.replace("_", "-").split("-", 1)[0].lower()
    return pb.ListPaymentMethodsResponse(
        methods=[
            payment_pb2.PaymentMethod(
                code=each.code, name=each.name(language), provider=each.provider
            )
            for each in methods
        ]
    )


def moment(request: pb.GetTrialBalanceRequest) -> datetime | None:
    """The moment asked for; None when absent."""
    if not request.HasField("as_of_time"):
        return None
    return request.as_of_time.ToDatetime(UTC)


def trial_balance(
    balances: list[Balance], currency: str, at: datetime
) -> pb.GetTrialBalanceResponse:
    return pb.GetTrialBalanceResponse(
        accounts=[
            payment_pb2.AccountBalance(
                account=each.account,
                balance=from_minor(each.amount, currency),
                debits=from_minor(each.debits, currency),
                credits=from_minor(each.credits, currency),
            )
            for each in balances
        ],
        sum=from_minor(sum(each.amount for each in balances), currency),
        as_of_time=timestamp(at),
    )
