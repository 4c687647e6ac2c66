"""The procedures of comptoir.payments.v1: proto in, one call, proto out."""

from collections.abc import Callable

from google.protobuf.message import Message

from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_payments import convert
from comptoir_payments.errors import ProviderNotFound
from comptoir_payments.events import payment_message
from comptoir_payments.operations import reading
from comptoir_payments.operations.authorisations import authorise_payment
from comptoir_payments.operations.confirmations import confirm_payment
from comptoir_payments.operations.movements import capture_payment, refund_payment, void_payment
from comptoir_payments.operations.notices import take_notice
from comptoir_payments.operations.till import record_till_payment
from comptoir_payments.providers.contract import Providers
from comptoir_runtime import idempotency, paging
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc import Call, process, query, step


def _key(procedure: str, request: Message, call: Call) -> RequestKey:
    caller = "" if call.principal is None else call.principal.subject
    return idempotency.key_of(procedure, caller, request)


class PaymentsService:
    def __init__(self, providers: Providers, wake: Callable[[], None]) -> None:
        self._providers = providers
        self._wake = wake

    @process
    async def ListPaymentMethods(
        self, request: pb.ListPaymentMethodsRequest, call: Call
    ) -> pb.ListPaymentMethodsResponse:
        methods = reading.list_payment_methods(request.channel, request.country, request.currency)
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
        amount = convert.optional_amount(request)
        return await refund_payment(
            call.transactions, self._providers, request.payment, amount, request.reason, key
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
        page = paging.parse(request)
        before = str(page.after[0]) if page.after else ""
        found = await reading.list_payments(call.session, request.order, before, page.size + 1)
        shown = found[: page.size]
        return pb.ListPaymentsResponse(
            payments=[payment_message(payment) for payment in shown],
            next_page_token=paging.token([shown[-1].id], request)
            if len(found) > len(shown)
            else "",
        )

    @step
    async def HandleWebhook(
        self, request: pb.HandleWebhookRequest, call: Call
    ) -> pb.HandleWebhookResponse:
        provider = self._providers.get(request.provider)
        if provider is None:
            raise ProviderNotFound("no such provider")
        notice = provider.parse(request.body, request.headers, call.clock.now())
        return pb.HandleWebhookResponse(new=await take_notice(call.session, notice, self._wake))

    @query
    async def GetTrialBalance(
        self, request: pb.GetTrialBalanceRequest, call: Call
    ) -> pb.GetTrialBalanceResponse:
        moment = convert.moment(request)
        found = await reading.trial_balance(call.session, request.currency, moment)
        return convert.trial_balance(*found)
