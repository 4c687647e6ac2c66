"""What every provider promises, checked on each of them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import pytest

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.providers.contract import Provider, Wish
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.sandbox import Sandbox
from comptoir_runtime.ids import new_id
from services.payments.tests.fakes import FakeProvider
from services.payments.tests.integration.psp import Psp

Card = Literal["good", "declined", "challenge", "pending"]


@dataclass
class Candidate:
    """A provider and its tokens for the cards that the promises are about."""

    provider: Provider
    tokens: dict[Card, str]

    async def authorise(self, card: Card = "good") -> Report:
        report = await self.provider.authorise(new_id("pop"), self.wish(card))
        assert isinstance(report, Report)
        return report

    def wish(self, card: Card = "good", amount: int = 1000) -> Wish:
        return Wish(new_id("pay"), amount, "EUR", self.tokens[card], "https://shop.example/")


@pytest.fixture(params=["sandbox", "fake"])
async def candidate(request: pytest.FixtureRequest, psp: Psp) -> AsyncIterator[Candidate]:
    if request.param == "fake":
        yield Candidate(
            FakeProvider(),
            {"good": "ok", "declined": "declined", "challenge": "challenge", "pending": "pending"},
        )
        return
    http = HttpClient(psp.url, 2)
    yield Candidate(
        Sandbox(http, ()),
        {
            "good": "pm_card_visa",
            "declined": "pm_card_declined",
            "challenge": "pm_card_3ds",
            "pending": "pm_card_delayed",
        },
    )
    http.close()


class TestProvider:
    async def test_it_reports_what_it_keeps_for_us(self, candidate: Candidate) -> None:
        wish = candidate.wish()
        report = await candidate.provider.authorise(new_id("pop"), wish)
        assert isinstance(report, Report)
        assert report.status is Status.APPROVED
        assert report.payment == wish.payment
        assert (report.authorised, report.currency, report.held) == (1000, "EUR", 1000)
        assert report.moved == 1000
        assert report.display == "Visa •• 4242"

    @pytest.mark.parametrize(
        ("card", "status"),
        [
            ("declined", Status.DECLINED),
            ("challenge", Status.REQUIRES_ACTION),
            ("pending", Status.PENDING),
        ],
    )
    async def test_whatever_the_issuer_says_is_a_report(
        self, candidate: Candidate, card: Card, status: Status
    ) -> None:
        report = await candidate.authorise(card)
        assert report.status is status
        assert report.held == 0
        assert bool(report.decline_code) == (card == "declined")
        assert bool(report.action_url) == (card == "challenge")

    async def test_the_same_key_has_one_effect(self, candidate: Candidate) -> None:
        provider, key, wish = candidate.provider, new_id("pop"), candidate.wish()
        first = await provider.authorise(key, wish)
        assert await provider.authorise(key, wish) == first
        assert isinstance(first, Report)
        taking = new_id("pop")
        for _ in range(2):
            taken = await provider.capture(taking, first.reference, 600)
            assert isinstance(taken, Report)
            assert (taken.moved, taken.captured) == (600, 600)

    async def test_it_remembers_what_a_key_did(self, candidate: Candidate) -> None:
        provider, key = candidate.provider, new_id("pop")
        assert await provider.recall(key, "") is None
        answer = await provider.authorise(key, candidate.wish())
        assert await provider.recall(key, "") == answer

    async def test_it_remembers_what_it_refused(self, candidate: Candidate) -> None:
        report, key = await candidate.authorise(), new_id("pop")
        refused = await candidate.provider.capture(key, report.reference, 1001)
        assert isinstance(refused, Refusal)
        assert await candidate.provider.recall(key, report.reference) == refused

    async def test_parts_are_taken_and_given_back_until_nothing_is_left(
        self, candidate: Candidate
    ) -> None:
        provider, reference = candidate.provider, (await candidate.authorise()).reference
        for amount, captured in ((400, 400), (600, 1000)):
            taken = await provider.capture(new_id("pop"), reference, amount)
            assert isinstance(taken, Report)
            assert (taken.moved, taken.captured) == (amount, captured)
        assert isinstance(await provider.capture(new_id("pop"), reference, 1), Refusal)
        for amount, refunded in ((1, 1), (999, 1000)):
            given = await provider.refund(new_id("pop"), reference, amount)
            assert isinstance(given, Report)
            assert (given.moved, given.refunded) == (amount, refunded)
        assert isinstance(await provider.refund(new_id("pop"), reference, 1), Refusal)

    async def test_the_rest_is_given_up_once(self, candidate: Candidate) -> None:
        provider, reference = candidate.provider, (await candidate.authorise()).reference
        voided = await provider.void(new_id("pop"), reference)
        assert isinstance(voided, Report)
        assert (voided.status, voided.held, voided.moved) == (Status.VOIDED, 0, 1000)
        assert await provider.void(new_id("pop"), reference) == Refusal("payment_voided")
        assert await provider.capture(new_id("pop"), reference, 1) == Refusal("payment_voided")

    async def test_what_was_not_decided_is_given_up(self, candidate: Candidate) -> None:
        report = await candidate.authorise("challenge")
        voided = await candidate.provider.void(new_id("pop"), report.reference)
        assert isinstance(voided, Report)
        assert (voided.status, voided.moved) == (Status.VOIDED, 0)

    async def test_it_tells_how_a_payment_stands(self, candidate: Candidate) -> None:
        report = await candidate.authorise()
        await candidate.provider.capture(new_id("pop"), report.reference, 600)
        found = await candidate.provider.fetch(report.reference)
        assert isinstance(found, Report)
        assert (found.authorised, found.captured, found.held) == (1000, 600, 400)
        assert found.moved is None
