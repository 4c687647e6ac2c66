"""The providers that the contract is checked on, each with what is known to be wrong with it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from comptoir_payments.domain.reports import Report
from comptoir_payments.providers.contract import Provider, Wish
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.sandbox import Sandbox
from comptoir_payments.providers.stripe.provider import Stripe
from comptoir_runtime.ids import new_id
from services.payments.tests.fakes import FakeProvider
from services.payments.tests.integration.peers.fronts import (
    Front,
    LocalstripeFront,
    StatefulMockFront,
)

Card = Literal["good", "declined", "challenge", "pending"]
API_KEY = "sk_test_comptoir"
WEBHOOK_SECRET = "whsec_stripe"

_ONE_CAPTURE = "as Stripe without multicapture: the first capture gives up the rest"
_NEVER_PENDING = "a card's authorisation is never pending there"

LOCALSTRIPE_FAULTS = {
    "test_the_same_key_has_one_effect": "knows no idempotency keys",
    "test_the_same_key_gives_back_once": "knows no idempotency keys",
    "test_parts_are_taken_until_nothing_is_left": _ONE_CAPTURE,
    "test_parts_are_given_back_until_nothing_is_left": "gives back more than was taken",
    "test_whatever_the_issuer_says_is_a_report:challenge": "asks for 3-D Secure without an address",
    "test_whatever_the_issuer_says_is_a_report:pending": _NEVER_PENDING,
    "test_of_what_it_does_not_know_it_tells_nothing": "refuses without any code",
}
STATEFUL_MOCK_FAULTS = {
    "test_what_it_refused_it_refuses_again": "captures more than was authorised",
    "test_parts_are_taken_until_nothing_is_left": _ONE_CAPTURE,
    "test_whatever_the_issuer_says_is_a_report:challenge": "knows no 3-D Secure",
    "test_whatever_the_issuer_says_is_a_report:pending": _NEVER_PENDING,
    "test_what_was_not_decided_is_given_up": "knows no 3-D Secure",
}


@dataclass
class Candidate:
    """A provider and its tokens for the cards that the promises are about."""

    provider: Provider
    tokens: Mapping[Card, str]
    faults: Mapping[str, str] = field(default_factory=dict)
    """Why a test is known to fail, by its name, with `:card` when only one card is concerned."""

    async def authorise(self, card: Card = "good") -> Report:
        report = await self.provider.authorise(new_id("pop"), self.wish(card))
        assert isinstance(report, Report)
        return report

    def wish(self, card: Card = "good", amount: int = 1000) -> Wish:
        return Wish(new_id("pay"), amount, "EUR", self.tokens[card], "https://shop.example/")


def fake() -> Candidate:
    tokens: dict[Card, str] = {
        "good": "ok",
        "declined": "declined",
        "challenge": "challenge",
        "pending": "pending",
    }
    return Candidate(FakeProvider(), tokens)


@asynccontextmanager
async def sandbox(url: str) -> AsyncIterator[Candidate]:
    tokens: dict[Card, str] = {
        "good": "pm_card_visa",
        "declined": "pm_card_declined",
        "challenge": "pm_card_3ds",
        "pending": "pm_card_delayed",
    }
    async with closing(HttpClient(url, 2)) as http:
        yield Candidate(Sandbox(http, ()), tokens)


@asynccontextmanager
async def localstripe(url: str) -> AsyncIterator[Candidate]:
    async with LocalstripeFront(url).running() as front:
        tokens: dict[Card, str] = {
            "good": "pm_card_visa",
            "declined": "pm_card_chargeCustomerFail",
            "challenge": await card_token(front, "4000002500003155"),
            "pending": "pm_card_visa",
        }
        async with closing(HttpClient(front.url, 10)) as http:
            yield Candidate(_stripe(http), tokens, LOCALSTRIPE_FAULTS)


@asynccontextmanager
async def stateful_mock(url: str) -> AsyncIterator[Candidate]:
    async with StatefulMockFront(url).running() as front:
        tokens: dict[Card, str] = {
            "good": "tok_visa",
            "declined": "tok_chargeDeclined",
            "challenge": "tok_visa",
            "pending": "tok_visa",
        }
        async with closing(HttpClient(front.url, 10)) as http:
            yield Candidate(_stripe(http), tokens, STATEFUL_MOCK_FAULTS)


async def card_token(front: Front, number: str) -> str:
    """What the payer's browser gets for a test card."""
    card = {"number": number, "exp_month": "12", "exp_year": "2030", "cvc": "123"}
    form = {"type": "card", **{f"card[{name}]": value for name, value in card.items()}}
    made = await front.ask("POST", "/v1/payment_methods", form)
    return str(made["id"])


def _stripe(http: HttpClient) -> Stripe:
    return Stripe(http, API_KEY, (WEBHOOK_SECRET,))


@asynccontextmanager
async def closing(http: HttpClient) -> AsyncIterator[HttpClient]:
    try:
        yield http
    finally:
        await http.close()
