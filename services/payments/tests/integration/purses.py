"""Gift cards, credit and accounts, as tests use them."""

from typing import Any

import pytest

from comptoir.payments.v1 import payments_service_pb2 as pb
from comptoir_runtime.errors import RemoteFailure
from comptoir_testing.harness import ServiceHarness
from services.payments.tests import factories
from services.payments.tests.integration.calls import Payment, call


async def issue(harness: ServiceHarness, amount: str = "50.00", **changes: Any) -> str:
    """The code of a new gift card."""
    issued = await call(harness, "IssueGiftCard", factories.gift_card(amount, **changes))
    return str(issued.code)


async def left_on(harness: ServiceHarness, code: str) -> tuple[str, str]:
    """What is on a gift card, and what of it can be spent."""
    card = await call(harness, "GetGiftCardBalance", pb.GetGiftCardBalanceRequest(code=code))
    return card.balance.amount, card.available_amount.amount


def by_card(code: str, amount: str = "42.00", **changes: Any) -> pb.AuthorisePaymentRequest:
    return factories.authorise(code, method="gift_card", amount=factories.money(amount), **changes)


def by_credit(amount: str = "42.00", **changes: Any) -> pb.AuthorisePaymentRequest:
    return factories.authorise("", method="store_credit", amount=factories.money(amount), **changes)


def on_account(amount: str = "42.00", **changes: Any) -> pb.AuthorisePaymentRequest:
    return factories.authorise(
        "com_test", method="on_account", amount=factories.money(amount), **changes
    )


async def pay(harness: ServiceHarness, request: pb.AuthorisePaymentRequest) -> Payment:
    paid: Payment = await call(harness, "AuthorisePayment", request)
    return paid


async def refused(harness: ServiceHarness, request: pb.AuthorisePaymentRequest) -> RemoteFailure:
    with pytest.raises(RemoteFailure) as refusal:
        await call(harness, "AuthorisePayment", request)
    return refusal.value


async def purses_follow_the_ledger(harness: ServiceHarness) -> bool:
    """M11: what is in each purse is the sum of its entries, and holds are those of payments."""
    async with harness.transactions.reading() as session:
        wrong = await session.fetchval(
            """
            SELECT count(*) FROM purse WHERE balance <> (
                SELECT coalesce(-sum(amount), 0) FROM ledger_entry WHERE holder = purse.id
              ) OR held <> (
                SELECT coalesce(sum(authorised_amount - captured_amount), 0) FROM payment
                WHERE purse_id = purse.id
              )
            """
        )
    return bool(wrong == 0)
