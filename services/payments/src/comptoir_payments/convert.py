"""Contract ↔ values, both ways; no decisions."""

from collections.abc import Iterable
from datetime import datetime

from comptoir.payments.v1 import payment_pb2, purse_pb2, report_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir.type.v1.money_pb2 import Money
from comptoir_payments.domain.instructions import (
    Authorisation,
    Consent,
    Issue,
    Refunding,
    Taking,
    Terms,
)
from comptoir_payments.domain.ledger import Balance
from comptoir_payments.domain.methods import Method
from comptoir_payments.domain.purses import Purse
from comptoir_payments.domain.statements import (
    BY_PAYMENT,
    BY_REFERENCE,
    Difference,
    Discrepancy,
    Imported,
    Line,
    LineKind,
    Statement,
)
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.money import exponent, from_minor, to_minor
from comptoir_runtime.timestamps import asked_moment, given_moment, timestamp

DEFAULT_CURRENCY = "EUR"
_LINE_KINDS = {report_pb2.ReportLine.Kind.Value(f"KIND_{each.name}"): each for each in LineKind}
_DIFFERENCES = {each: report_pb2.Discrepancy.Kind.Value(f"KIND_{each.name}") for each in Difference}


def authorisation(request: pb.AuthorisePaymentRequest) -> Authorisation:
    return Authorisation(
        order=request.order,
        payer=request.payer,
        amount=above_zero(request.amount),
        currency=request.amount.currency,
        method=request.method,
        token=request.token,
        return_url=request.return_url,
        channel=request.channel,
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


def refunding(request: pb.RefundPaymentRequest) -> Refunding:
    given = request.consent if request.HasField("consent") else None
    consent = given and Consent(
        given.given_by, given_moment(given.give_time, "consent.give_time"), given.text_version
    )
    return Refunding(request.reason, request.means, consent)


def issue(request: pb.IssueGiftCardRequest) -> Issue:
    expires = asked_moment(request, "expire_time")
    amount = above_zero(request.amount)
    return Issue(amount, request.amount.currency, expires, request.order)


def terms(request: pb.SetCreditAccountRequest) -> Terms:
    limit = to_minor(request.credit_limit, "credit_limit")
    if limit < 0:
        raise _invalid("credit_limit", "must not be below zero")
    return Terms(
        request.owner,
        request.credit_limit.currency,
        limit,
        request.terms_days,
        tuple(request.buyers),
    )


def amount_to_pay(request: pb.ListPaymentMethodsRequest) -> int | None:
    """Minor units; None when absent."""
    if not request.HasField("amount"):
        return None
    if request.amount.currency != (request.currency or DEFAULT_CURRENCY):
        raise _invalid("amount", "must be in the currency asked about")
    return above_zero(request.amount)


def above_zero(amount: Money) -> int:
    """Minor units; raises `InvalidFields` unless there are any."""
    minor = to_minor(amount, "amount")
    if minor <= 0:
        raise _invalid("amount", "must be above zero")
    return minor


def known_currency(code: str) -> str:
    """The default when empty; raises `InvalidFields` for what is no currency."""
    exponent(code or DEFAULT_CURRENCY)
    return code or DEFAULT_CURRENCY


def _invalid(field: str, description: str) -> InvalidFields:
    return InvalidFields(f"{field} {description}", violations=[Violation(field, description)])


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


def store_credit(credit: Purse) -> purse_pb2.StoreCredit:
    return purse_pb2.StoreCredit(
        id=credit.id,
        customer=credit.owner,
        balance=from_minor(credit.balance, credit.currency),
        available_amount=from_minor(credit.available, credit.currency),
    )


def credit_account(account: Purse) -> purse_pb2.CreditAccount:
    return purse_pb2.CreditAccount(
        id=account.id,
        owner=account.owner,
        buyers=account.buyers,
        credit_limit=from_minor(account.credit_limit, account.currency),
        outstanding_amount=from_minor(-account.balance, account.currency),
        available_amount=from_minor(account.available, account.currency),
        terms_days=account.terms_days,
    )


def provider_report(request: pb.ImportProviderReportRequest) -> tuple[Statement, list[Line]]:
    """Raises `InvalidFields` naming the line."""
    starts = given_moment(request.start_time, "start_time")
    ends = given_moment(request.end_time, "end_time")
    if ends <= starts:
        raise _invalid("end_time", "must be after start_time")
    if len({each.line for each in request.lines}) < len(request.lines):
        raise _invalid("lines", "must not name a line twice")
    statement = Statement(request.provider, request.report, starts, ends)
    return statement, [_line(number, each) for number, each in enumerate(request.lines)]


def _line(number: int, line: report_pb2.ReportLine) -> Line:
    kind = _LINE_KINDS[line.kind]
    moves = kind in BY_REFERENCE or kind in BY_PAYMENT
    if (kind in BY_REFERENCE) != bool(line.provider_reference):
        raise _invalid(
            f"lines[{number}].provider_reference",
            "names the operation of a capture or refund, and is empty for others",
        )
    if (kind in BY_PAYMENT and not line.provider_payment) or (line.provider_payment and not moves):
        raise _invalid(
            f"lines[{number}].provider_payment",
            "names the payment that something has happened to, and is empty for fees and payouts",
        )
    if line.HasField("fee") and line.fee.currency != line.amount.currency:
        raise _invalid(f"lines[{number}].fee", "must be in the currency of the amount")
    amount = to_minor(line.amount, f"lines[{number}].amount")
    fee = to_minor(line.fee, f"lines[{number}].fee") if line.HasField("fee") else 0
    if moves and amount <= 0:
        raise _invalid(f"lines[{number}].amount", "must be above zero")
    if not moves and fee:
        raise _invalid(f"lines[{number}].fee", "belongs to what moves the money of a payment")
    return Line(
        line=line.line,
        kind=kind,
        reference=line.provider_reference,
        # Of providers whose captures have no id of their own it is the payment's that is told.
        payment=line.provider_payment or line.provider_reference,
        currency=line.amount.currency,
        amount=amount,
        fee=fee,
        booked_at=given_moment(line.book_time, f"lines[{number}].book_time"),
    )


def imported(counts: Imported) -> pb.ImportProviderReportResponse:
    return pb.ImportProviderReportResponse(
        new_count=counts.new, matched_count=counts.matched, booked_count=counts.booked
    )


def discrepancies(found: Iterable[Discrepancy], token: str) -> pb.ListDiscrepanciesResponse:
    return pb.ListDiscrepanciesResponse(
        discrepancies=[
            report_pb2.Discrepancy(
                kind=_DIFFERENCES[each.kind],
                line=each.line,
                operation=each.operation,
                payment=each.payment,
                reported_amount=None if each.reported is None else from_minor(*each.reported),
                booked_amount=None if each.booked is None else from_minor(*each.booked),
            )
            for each in found
        ],
        next_page_token=token,
    )


def moment(request: pb.GetTrialBalanceRequest) -> datetime | None:
    """The moment asked for; None when absent."""
    return asked_moment(request, "as_of_time")


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
