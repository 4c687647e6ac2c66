"""The procedures of comptoir.payments.v1: proto in, one call, proto out."""

from collections.abc import Callable

from google.protobuf.message import Message

from comptoir.payments.v1 import payment_pb2, purse_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_payments import convert
from comptoir_payments.domain.statements import Key
from comptoir_payments.errors import ProviderNotFound
from comptoir_payments.events import gift_card_message, payment_message
from comptoir_payments.operations import purses, reading
from comptoir_payments.operations.authorisations import authorise_payment
from comptoir_payments.operations.confirmations import confirm_payment
from comptoir_payments.operations.movements import capture_payment, refund_payment, void_payment
from comptoir_payments.operations.notices import take_notice
from comptoir_payments.operations.statements import import_report, list_discrepancies
from comptoir_payments.operations.till import record_till_payment
from comptoir_payments.providers.contract import Providers
from comptoir_runtime import idempotency, paging
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc import Call, process, query, step


def _key(procedure: str, request: Message, call: Call) -> RequestKey:
    return idempotency.key_of(procedure, _caller(call), request)


def _caller(call: Call) -> str:
    return "" if call.principal is None else call.principal.subject


class PaymentsService:
    def __init__(
        self, providers: Providers, wake: Callable[[], None], gift_card_secret: str
    ) -> None:
        self._providers = providers
        self._wake = wake
        self._gift_card_secret = gift_card_secret

    @process
    async def ListPaymentMethods(
        self, request: pb.ListPaymentMethodsRequest, call: Call
    ) -> pb.ListPaymentMethodsResponse:
        amount = convert.amount_to_pay(request)
        methods = reading.list_payment_methods(
            request.channel, request.country, request.currency, amount, self._providers
        )
        return convert.payment_methods(methods, call.locale)

    @process
    async def AuthorisePayment(
        self, request: pb.AuthorisePaymentRequest, call: Call
    ) -> payment_pb2.Payment:
        key = _key("AuthorisePayment", request, call)
        wanted = convert.authorisation(request)
        return await authorise_payment(call.transactions, self._providers, wanted, key)

    @process
    async def ConfirmPayment(
        self, request: pb.ConfirmPaymentRequest, call: Call
    ) -> payment_pb2.Payment:
        key = _key("ConfirmPayment", request, call)
        return await confirm_payment(
            call.transactions, self._providers, request.payment, call.principal, key
        )

    @process
    async def CapturePayment(
        self, request: pb.CapturePaymentRequest, call: Call
    ) -> payment_pb2.Payment:
        key = _key("CapturePayment", request, call)
        amount = convert.optional_amount(request)
        return await capture_payment(
            call.transactions, self._providers, request.payment, amount, key
        )

    @process
    async def VoidPayment(self, request: pb.VoidPaymentRequest, call: Call) -> payment_pb2.Payment:
        key = _key("VoidPayment", request, call)
        return await void_payment(call.transactions, self._providers, request.payment, key)

    @process
    async def RefundPayment(
        self, request: pb.RefundPaymentRequest, call: Call
    ) -> payment_pb2.Payment:
        key = _key("RefundPayment", request, call)
        amount, refunding = convert.optional_amount(request), convert.refunding(request)
        return await refund_payment(
            call.transactions, self._providers, request.payment, amount, refunding, key
        )

    @process
    async def RecordTillPayment(
        self, request: pb.RecordTillPaymentRequest, call: Call
    ) -> payment_pb2.Payment:
        key = _key("RecordTillPayment", request, call)
        return await record_till_payment(call.transactions, convert.taking(request), key)

    @query
    async def GetPayment(self, request: pb.GetPaymentRequest, call: Call) -> payment_pb2.Payment:
        payment = await reading.get_payment(call.session, request.payment, call.principal)
        return payment_message(payment)

    @query
    async def ListPayments(
        self, request: pb.ListPaymentsRequest, call: Call
    ) -> pb.ListPaymentsResponse:
        page = paging.parse(request, paging.Name)
        (before,) = page.after or ("",)
        found = await reading.list_payments(call.session, request.order, before, page.limit)
        shown, token = page.cut(found, lambda payment: paging.Name(payment.id))
        return pb.ListPaymentsResponse(payments=map(payment_message, shown), next_page_token=token)

    @step
    async def HandleWebhook(
        self, request: pb.HandleWebhookRequest, call: Call
    ) -> pb.HandleWebhookResponse:
        provider = self._providers.get(request.provider)
        if provider is None:
            raise ProviderNotFound("no such provider")
        notice = provider.parse(request.body, request.headers, call.clock.now())
        return pb.HandleWebhookResponse(new=await take_notice(call.session, notice, self._wake))

    @process
    async def IssueGiftCard(
        self, request: pb.IssueGiftCardRequest, call: Call
    ) -> pb.IssueGiftCardResponse:
        key = _key("IssueGiftCard", request, call)
        card, code = await purses.issue_gift_card(
            call.transactions, self._gift_card_secret, convert.issue(request), key
        )
        return pb.IssueGiftCardResponse(gift_card=card, code=code)

    @process
    async def GetGiftCardBalance(
        self, request: pb.GetGiftCardBalanceRequest, call: Call
    ) -> purse_pb2.GiftCard:
        found = await purses.gift_card_balance(call.transactions, request.code, _caller(call))
        return gift_card_message(found)

    @step
    async def GrantStoreCredit(
        self, request: pb.GrantStoreCreditRequest, call: Call
    ) -> purse_pb2.StoreCredit:
        amount = convert.above_zero(request.amount)
        return convert.store_credit(
            await purses.grant_store_credit(
                call.session, request.customer, amount, request.amount.currency
            )
        )

    @query
    async def GetStoreCredit(
        self, request: pb.GetStoreCreditRequest, call: Call
    ) -> purse_pb2.StoreCredit:
        currency = convert.known_currency(request.currency)
        return convert.store_credit(
            await purses.store_credit_of(call.session, request.customer, currency, call.principal)
        )

    @step
    async def SetCreditAccount(
        self, request: pb.SetCreditAccountRequest, call: Call
    ) -> purse_pb2.CreditAccount:
        terms = convert.terms(request)
        return convert.credit_account(await purses.set_credit_account(call.session, terms))

    @query
    async def GetCreditAccount(
        self, request: pb.GetCreditAccountRequest, call: Call
    ) -> purse_pb2.CreditAccount:
        currency = convert.known_currency(request.currency)
        return convert.credit_account(
            await purses.credit_account(call.session, request.owner, currency, call.principal)
        )

    @step
    async def RecordAccountReceipt(
        self, request: pb.RecordAccountReceiptRequest, call: Call
    ) -> purse_pb2.CreditAccount:
        amount = convert.above_zero(request.amount)
        return convert.credit_account(
            await purses.record_account_receipt(
                call.session, request.owner, amount, request.amount.currency
            )
        )

    @step
    async def ImportProviderReport(
        self, request: pb.ImportProviderReportRequest, call: Call
    ) -> pb.ImportProviderReportResponse:
        report, lines = convert.provider_report(request)
        if report.provider not in self._providers:
            raise ProviderNotFound("no such provider")
        return convert.imported(await import_report(call.session, report, lines))

    @query
    async def ListDiscrepancies(
        self, request: pb.ListDiscrepanciesRequest, call: Call
    ) -> pb.ListDiscrepanciesResponse:
        page = paging.parse(request, Key)
        found = await list_discrepancies(
            call.session, request.provider, request.report, page.after, page.limit
        )
        return convert.discrepancies(*page.cut(found, lambda discrepancy: discrepancy.key))

    @query
    async def GetTrialBalance(
        self, request: pb.GetTrialBalanceRequest, call: Call
    ) -> pb.GetTrialBalanceResponse:
        moment = convert.moment(request)
        found = await reading.trial_balance(call.session, request.currency, moment)
        return convert.trial_balance(*found)
