"""What every provider promises, checked on each of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_runtime.ids import new_id
from services.payments.tests.integration import candidates
from services.payments.tests.integration.candidates import Candidate, Card
from services.payments.tests.integration.psp import Psp

# Peers are fetched once, within the time of the first test that needs one.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(params=["sandbox", "fake", "localstripe", "stateful-mock"])
async def candidate(request: pytest.FixtureRequest, psp: Psp) -> AsyncIterator[Candidate]:
    """A provider; what is known to be wrong with a peer has to be wrong still."""
    async with AsyncExitStack() as stack:
        match request.param:
            case "sandbox":
                found = await stack.enter_async_context(candidates.sandbox(psp.url))
            case "fake":
                found = candidates.fake()
            case "localstripe":
                url = request.getfixturevalue("localstripe_url")
                found = await stack.enter_async_context(candidates.localstripe(url))
            case _:
                url = request.getfixturevalue("stateful_mock_url")
                found = await stack.enter_async_context(candidates.stateful_mock(url))
        card = request.node.callspec.params.get("card", "")
        about = ":".join(filter(None, (request.node.originalname, card)))
        if about in found.faults:
            reason = found.faults[about]
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))
        yield found


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

    async def test_the_same_key_gives_back_once(self, candidate: Candidate) -> None:
        provider, reference = candidate.provider, (await candidate.authorise()).reference
        await provider.capture(new_id("pop"), reference, 1000)
        key = new_id("pop")
        for _ in range(2):
            given = await provider.refund(key, reference, 300)
            assert isinstance(given, Report)
            assert (given.moved, given.refunded) == (300, 300)

    async def test_it_remembers_what_a_key_did(self, candidate: Candidate) -> None:
        provider, key = candidate.provider, new_id("pop")
        assert await provider.recall(key, "") is None
        answer = await provider.authorise(key, candidate.wish())
        assert isinstance(answer, Report)
        assert await provider.recall(key, "") == answer
        for move in (provider.capture, provider.refund):
            key = new_id("pop")
            assert await provider.recall(key, answer.reference) is None
            moved = await move(key, answer.reference, 1000)
            assert isinstance(moved, Report)
            assert await provider.recall(key, answer.reference) == moved

    async def test_what_it_refused_it_refuses_again(self, candidate: Candidate) -> None:
        """Whether it remembers the refusal or only that nothing came of the call."""
        provider, key = candidate.provider, new_id("pop")
        reference = (await candidate.authorise()).reference
        refused = await provider.capture(key, reference, 1001)
        assert refused == Refusal("capture_exceeds_authorised")
        assert await provider.recall(key, reference) in (None, refused)
        assert await provider.capture(key, reference, 1001) == refused

    async def test_of_a_part_taken_the_rest_is_kept_or_given_up(self, candidate: Candidate) -> None:
        reference = (await candidate.authorise()).reference
        taken = await candidate.provider.capture(new_id("pop"), reference, 400)
        assert isinstance(taken, Report)
        assert (taken.moved, taken.captured, taken.refunded) == (400, 400, 0)
        assert (taken.held, taken.voided) in ((600, 0), (0, 600))

    async def test_parts_are_taken_until_nothing_is_left(self, candidate: Candidate) -> None:
        provider, reference = candidate.provider, (await candidate.authorise()).reference
        for amount, captured in ((400, 400), (600, 1000)):
            taken = await provider.capture(new_id("pop"), reference, amount)
            assert isinstance(taken, Report)
            assert (taken.moved, taken.captured) == (amount, captured)
        assert isinstance(await provider.capture(new_id("pop"), reference, 1), Refusal)

    async def test_parts_are_given_back_until_nothing_is_left(self, candidate: Candidate) -> None:
        provider, reference = candidate.provider, (await candidate.authorise()).reference
        assert isinstance(await provider.capture(new_id("pop"), reference, 1000), Report)
        for amount, refunded in ((1, 1), (999, 1000)):
            given = await provider.refund(new_id("pop"), reference, amount)
            assert isinstance(given, Report)
            assert (given.moved, given.refunded) == (amount, refunded)
        refused = await provider.refund(new_id("pop"), reference, 1)
        assert refused == Refusal("refund_exceeds_captured")

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
        assert (found.authorised, found.captured, found.held + found.voided) == (1000, 600, 400)
        assert found.moved is None

    async def test_of_what_it_does_not_know_it_tells_nothing(self, candidate: Candidate) -> None:
        assert await candidate.provider.fetch("pi_unknown") == Refusal("not_found")
