"""The promises that every procedure of every service keeps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

import orjson

from comptoir.customers.v1.events_pb2 import SigningKeyState
from comptoir.payments.v1 import payment_pb2
from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.auth import SigningKey, public_jwk
from comptoir_testing.examples import Example, Examples
from comptoir_testing.harness import ServiceHarness
from comptoir_testing.suites import (
    AuthorisationSuite,
    IdempotencySuite,
    PagingSuite,
    RedeliverySuite,
)
from comptoir_testing.suites.redelivery import MakeEvent
from comptoir_testing.tokens import TokenFactory
from services.payments.tests import factories
from services.payments.tests.integration.webhooks import notice_about, signed


def orders(tokens: TokenFactory) -> str:
    return tokens.service("orders")


async def _authorised(harness: ServiceHarness) -> payment_pb2.Payment:
    request = factories.authorise()
    answer: payment_pb2.Payment = await harness.call(
        "AuthorisePayment", request, orders(harness.tokens)
    )
    return answer


async def _captured(harness: ServiceHarness) -> payment_pb2.Payment:
    payment = await _authorised(harness)
    answer: payment_pb2.Payment = await harness.call(
        "CapturePayment", factories.capture(payment.id), orders(harness.tokens)
    )
    return answer


async def capture(harness: ServiceHarness) -> pb.CapturePaymentRequest:
    return factories.capture((await _authorised(harness)).id, "20.00")


async def void(harness: ServiceHarness) -> pb.VoidPaymentRequest:
    return factories.void((await _authorised(harness)).id)


async def refund(harness: ServiceHarness) -> pb.RefundPaymentRequest:
    return factories.refund((await _captured(harness)).id, "20.00")


async def confirm(harness: ServiceHarness) -> pb.ConfirmPaymentRequest:
    payment = await _authorised(harness)
    return pb.ConfirmPaymentRequest(payment=payment.id, request_id=factories.request_id())


async def get(harness: ServiceHarness) -> pb.GetPaymentRequest:
    return pb.GetPaymentRequest(payment=(await _authorised(harness)).id)


async def list_of_three(harness: ServiceHarness) -> pb.ListPaymentsRequest:
    for _ in range(3):
        await _authorised(harness)
    return pb.ListPaymentsRequest()


async def webhook(harness: ServiceHarness) -> pb.HandleWebhookRequest:
    payment = await _authorised(harness)
    return signed(notice_about(payment), harness.clock.now())


async def known_card(harness: ServiceHarness) -> pb.GetGiftCardBalanceRequest:
    issued = await harness.call("IssueGiftCard", factories.gift_card(), orders(harness.tokens))
    return pb.GetGiftCardBalanceRequest(code=issued.code)


async def known_account(harness: ServiceHarness) -> str:
    account = await harness.call("SetCreditAccount", factories.account(), orders(harness.tokens))
    return str(account.owner)


async def get_account(harness: ServiceHarness) -> pb.GetCreditAccountRequest:
    return pb.GetCreditAccountRequest(owner=await known_account(harness))


async def receive(harness: ServiceHarness) -> pb.RecordAccountReceiptRequest:
    return factories.receipt(await known_account(harness))


async def discrepancies(harness: ServiceHarness) -> pb.ListDiscrepanciesRequest:
    lines = [factories.line(f"unknown-{number}") for number in range(3)]
    request = factories.provider_report(harness.clock.now(), *lines)
    await harness.call("ImportProviderReport", request, harness.tokens.staff("ledger.write"))
    return pb.ListDiscrepanciesRequest(provider="sandbox", report=request.report)


def report(harness: ServiceHarness) -> pb.ImportProviderReportRequest:
    return factories.provider_report(harness.clock.now(), factories.line("unknown"))


EXAMPLES: Examples = {
    "ListPaymentMethods": Example(lambda _: pb.ListPaymentMethodsRequest()),
    "AuthorisePayment": Example(lambda _: factories.authorise(), token=orders),
    "ConfirmPayment": Example(confirm, token=lambda tokens: tokens.customer("cus_test")),
    "CapturePayment": Example(capture, token=orders),
    "VoidPayment": Example(void, token=orders),
    "RefundPayment": Example(refund, token=lambda tokens: tokens.staff("payments.write")),
    "RecordTillPayment": Example(lambda _: factories.till(), token=orders),
    "GetPayment": Example(get, token=lambda tokens: tokens.customer("cus_test")),
    "ListPayments": Example(list_of_three, token=lambda tokens: tokens.staff("payments.read")),
    "HandleWebhook": Example(webhook),
    "IssueGiftCard": Example(
        lambda _: factories.gift_card(), token=lambda tokens: tokens.staff("payments.write")
    ),
    "GetGiftCardBalance": Example(
        known_card, token=lambda tokens: tokens.visitor("vis_test"), names_owned_thing=False
    ),
    "GrantStoreCredit": Example(
        lambda _: factories.credit(), token=lambda tokens: tokens.staff("payments.write")
    ),
    "GetStoreCredit": Example(
        lambda _: pb.GetStoreCreditRequest(customer="cus_test"),
        token=lambda tokens: tokens.customer("cus_test"),
    ),
    "SetCreditAccount": Example(
        lambda _: factories.account(), token=lambda tokens: tokens.staff("payments.write")
    ),
    "GetCreditAccount": Example(get_account, token=lambda tokens: tokens.customer("cus_test")),
    "RecordAccountReceipt": Example(receive, token=lambda tokens: tokens.staff("payments.write")),
    "ImportProviderReport": Example(report, token=lambda tokens: tokens.staff("ledger.write")),
    "ListDiscrepancies": Example(discrepancies, token=lambda tokens: tokens.staff("ledger.read")),
    "GetTrialBalance": Example(
        lambda _: pb.GetTrialBalanceRequest(), token=lambda tokens: tokens.staff("ledger.read")
    ),
}


class TestIdempotency(IdempotencySuite):
    examples = EXAMPLES


class TestAuthorisation(AuthorisationSuite):
    examples = EXAMPLES


class TestPaging(PagingSuite):
    examples = EXAMPLES


def new_key(_: ServiceHarness) -> SigningKeyState:
    key = SigningKey.generate("kid-1")
    event = SigningKeyState(kid="kid-1", jwk=orjson.dumps(public_jwk(key)).decode())
    event.retire_time.FromDatetime(datetime(2100, 1, 1, tzinfo=UTC))
    return event


class TestRedelivery(RedeliverySuite):
    events: ClassVar[Mapping[type, MakeEvent]] = {SigningKeyState: new_key}
