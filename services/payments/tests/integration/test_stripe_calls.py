"""What is sent to Stripe, and what its answers, and their absence, are taken for."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from aiohttp import web

from comptoir_payments.domain.reports import Refusal, Report, Status
from comptoir_payments.providers.contract import Broken, TimedOut, Unreachable, Wish
from comptoir_payments.providers.http import HttpClient
from comptoir_payments.providers.stripe.provider import Stripe
from comptoir_runtime.errors import NetworkCallInTransaction
from comptoir_runtime.guard import inside_transaction
from services.payments.tests.stripe_objects import challenged, charge, declined, intent, taken

WISH = Wish("pay_1", 1000, "EUR", "pm_card_visa", "https://shop.example/")
Json = dict[str, Any]


@dataclass
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    form: dict[str, str]
    connection: object


@dataclass
class Script:
    """Answers one call after the other; an answer that is no JSON object is sent as it is."""

    answers: list[tuple[int, Json | str]]
    asked: list[Asked] = field(default_factory=list)
    pause: float = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text() or request.query_string
        form = dict(parse_qsl(text, keep_blank_values=True))
        self.asked.append(
            Asked(request.method, request.path, request.headers, form, request.transport)
        )
        await asyncio.sleep(self.pause)
        status, body = self.answers.pop(0)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        if isinstance(body, str):
            return web.Response(status=status or 200, text=body)
        return web.json_response(body, status=status)


@asynccontextmanager
async def stripe_that(
    *answers: tuple[int, Json | str], patience: float = 5
) -> AsyncIterator[tuple[Stripe, Script]]:
    script = Script(list(answers))
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", script.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    http = HttpClient(f"http://127.0.0.1:{runner.addresses[0][1]}", patience)
    try:
        yield Stripe(http, "sk_test_secret", ()), script
    finally:
        await http.close()
        await runner.cleanup()


def error(**fields: Any) -> Json:
    return {"error": {"type": "invalid_request_error", "message": "no"} | fields}


class TestRequests:
    async def test_an_authorisation_is_asked_for_in_one_call(self) -> None:
        async with stripe_that((200, intent())) as (provider, script):
            report = await provider.authorise("pop_1", WISH)
        (asked,) = script.asked
        assert (asked.method, asked.path) == ("POST", "/v1/payment_intents")
        assert asked.form == {
            "amount": "1000",
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "allowed_payment_method_types[0]": "card",
            "payment_method_options[card][request_multicapture]": "if_available",
            "capture_method": "manual",
            "confirm": "true",
            "return_url": "https://shop.example/",
            "metadata[payment]": "pay_1",
            "metadata[operation]": "pop_1",
            "expand[0]": "latest_charge",
            "expand[1]": "payment_method",
        }
        assert asked.headers["idempotency-key"] == "pop_1"
        assert asked.headers["authorization"] == "Bearer sk_test_secret"
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert isinstance(report, Report)
        assert (report.status, report.moved) == (Status.APPROVED, 1000)

    async def test_an_address_that_nobody_gave_is_not_sent(self) -> None:
        """Stripe takes an empty one for a mistake."""
        async with stripe_that((200, intent())) as (provider, script):
            await provider.authorise("pop_1", replace(WISH, return_url=""))
        assert "return_url" not in script.asked[0].form

    async def test_nothing_is_told_about_this_machine(self) -> None:
        async with stripe_that((200, intent()), (200, intent())) as (provider, script):
            for _ in range(2):
                await provider.fetch("pi_1")
        for asked in script.asked:
            assert "x-stripe-client-telemetry" not in asked.headers
            assert "platform" not in asked.headers["x-stripe-client-user-agent"]

    async def test_a_connection_is_used_again(self) -> None:
        async with stripe_that((200, intent()), (200, intent())) as (provider, script):
            for _ in range(2):
                await provider.fetch("pi_1")
        first, second = script.asked
        assert first.connection is second.connection

    @pytest.mark.parametrize(
        ("minor", "currency", "sent"), [(1200, "JPY", "1200"), (7, "ISK", "700")]
    )
    async def test_amounts_are_sent_in_their_minor_units(
        self, minor: int, currency: str, sent: str
    ) -> None:
        made = intent(
            amount=int(sent),
            amount_capturable=int(sent),
            currency=currency.lower(),
            latest_charge=charge(amount=int(sent)),
        )
        async with stripe_that((200, made)) as (provider, script):
            report = await provider.authorise(
                "pop_1", replace(WISH, amount=minor, currency=currency)
            )
        assert script.asked[0].form["amount"] == sent
        assert isinstance(report, Report)
        assert (report.authorised, report.currency) == (minor, currency)

    async def test_what_stripe_would_round_is_not_sent(self) -> None:
        async with stripe_that() as (provider, script):
            refused = await provider.authorise("pop_1", replace(WISH, amount=1, currency="KWD"))
        assert refused == Refusal("amount_not_representable")
        assert script.asked == []

    async def test_no_call_inside_a_transaction(self) -> None:
        async with stripe_that() as (provider, script):
            with inside_transaction(), pytest.raises(NetworkCallInTransaction):
                await provider.fetch("pi_1")
        assert script.asked == []


class TestParts:
    """Taking a part: the rest is kept only where the account and the card allow it."""

    MANY = charge(payment_method_details={"card": {"multicapture": {"status": "available"}}})

    @pytest.mark.parametrize(
        ("held", "amount", "final"),
        [(charge(), 400, None), (MANY, 400, "false"), (MANY, 1000, None)],
        ids=["once only", "a part", "the last part"],
    )
    async def test_the_rest_is_kept_where_that_is_allowed(
        self, held: Json, amount: int, final: str | None
    ) -> None:
        answers = (200, intent(latest_charge=held)), (200, taken(amount))
        async with stripe_that(*answers) as (provider, script):
            report = await provider.capture("pop_2", "pi_1", amount)
        form = script.asked[1].form
        assert form["amount_to_capture"] == form["metadata[capture:pop_2]"] == str(amount)
        assert form.get("final_capture") == final
        assert isinstance(report, Report)
        assert report.moved == amount

    async def test_what_was_taken_is_not_taken_again_even_if_the_key_is_forgotten(self) -> None:
        async with stripe_that((200, taken(400, "pop_2"))) as (provider, script):
            report = await provider.capture("pop_2", "pi_1", 400)
        assert isinstance(report, Report)
        assert report.moved == 400
        assert [asked.method for asked in script.asked] == ["GET"]

    async def test_of_two_calls_at_once_the_refused_one_finds_what_the_other_did(self) -> None:
        refusal = error(code="payment_intent_unexpected_state")
        answers = (200, intent()), (400, refusal), (200, taken(400, "pop_2"))
        async with stripe_that(*answers) as (provider, _):
            report = await provider.capture("pop_2", "pi_1", 400)
        assert isinstance(report, Report)
        assert report.moved == 400

    async def test_f24_another_amount_than_asked_shows(self) -> None:
        odd = taken(400, amount_received=500)
        async with stripe_that((200, intent()), (200, odd)) as (provider, _):
            report = await provider.capture("pop_2", "pi_1", 400)
        assert isinstance(report, Report)
        assert report.moved == 500

    async def test_f24_a_refund_in_another_currency_shows(self) -> None:
        refund = {"id": "re_1", "amount": 100, "currency": "usd", "status": "succeeded"}
        answers = (200, taken(1000)), (200, {**refund, "payment_intent": taken(1000)})
        async with stripe_that(*answers) as (provider, _):
            report = await provider.refund("pop_3", "pi_1", 100)
        assert isinstance(report, Report)
        assert report.moved == 0

    async def test_a_refund_that_failed_moved_nothing(self) -> None:
        refund = {"id": "re_1", "amount": 100, "currency": "eur", "status": "failed"}
        answers = (200, taken(1000)), (200, {**refund, "payment_intent": taken(1000)})
        async with stripe_that(*answers) as (provider, _):
            assert await provider.refund("pop_3", "pi_1", 100) == Refusal("refund_failed")


class TestWords:
    async def test_a_decline_is_a_report_that_knows_its_intent(self) -> None:
        made = declined(code="card_declined", decline_code="do_not_honor")
        body = {"error": {**made["last_payment_error"], "payment_intent": made}}
        async with stripe_that((402, body)) as (provider, _):
            report = await provider.authorise("pop_1", WISH)
        assert isinstance(report, Report)
        assert (report.status, report.reference) == (Status.DECLINED, "pi_1")
        assert (report.decline_code, report.retryable) == ("card_declined", False)
        assert report.display == "Mastercard •• 4444"

    async def test_a_challenge_tells_where_to_go(self) -> None:
        async with stripe_that((200, challenged("https://bank.example/1"))) as (provider, _):
            report = await provider.authorise("pop_1", WISH)
        assert isinstance(report, Report)
        assert (report.status, report.moved) == (Status.REQUIRES_ACTION, 0)
        assert report.action_url == "https://bank.example/1"

    async def test_a_token_that_is_none_is_refused(self) -> None:
        body = error(code="resource_missing", param="payment_method")
        async with stripe_that((400, body)) as (provider, _):
            assert await provider.authorise("pop_1", WISH) == Refusal("resource_missing")

    async def test_an_authorisation_is_found_by_its_operation(self) -> None:
        async with stripe_that((200, {"data": [intent()], "has_more": False})) as (
            provider,
            script,
        ):
            report = await provider.recall("pop_1", "")
        assert script.asked[0].form["query"] == "metadata['operation']:'pop_1'"
        assert isinstance(report, Report)
        assert report.moved == 1000

    async def test_a_search_that_is_not_allowed_tells_nothing(self) -> None:
        """Never that there is no such payment: it may well have been charged."""
        async with stripe_that((400, error(code="search_not_available"))) as (provider, _):
            with pytest.raises(Broken):
                await provider.recall("pop_1", "")

    @pytest.mark.parametrize("page", [{}, {"data": None}, {"data": ["pi_1"]}, {"data": [{}]}])
    async def test_a_list_that_cannot_be_read_tells_nothing(self, page: Json) -> None:
        async with stripe_that((200, page)) as (provider, _):
            with pytest.raises(Broken):
                await provider.recall("pop_1", "")

    async def test_a_refund_without_its_payment_tells_nothing(self) -> None:
        refund = {"id": "re_1", "amount": 100, "currency": "eur", "status": "succeeded"}
        async with stripe_that((200, taken(1000)), (200, refund)) as (provider, _):
            with pytest.raises(Broken):
                await provider.refund("pop_3", "pi_1", 100)

    async def test_a_refusal_that_cannot_be_looked_into_tells_nothing(self) -> None:
        answers = (200, intent()), (400, error()), (404, error(code="resource_missing"))
        async with stripe_that(*answers) as (provider, _):
            with pytest.raises(Broken):
                await provider.capture("pop_2", "pi_1", 400)

    async def test_a_page_that_is_not_the_last_tells_nothing(self) -> None:
        page = {"data": [], "has_more": True}
        async with stripe_that((200, taken(1000)), (200, page)) as (provider, _):
            with pytest.raises(Broken):
                await provider.recall("pop_3", "pi_1")


class TestFailures:
    """F21, F22: what is certain is said, and nothing else."""

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (429, error(code="rate_limit")),
            (429, error(code="lock_timeout")),
            (401, error()),
            (403, error()),
        ],
    )
    async def test_turned_away_at_the_door_nothing_was_charged(
        self, status: int, body: Json
    ) -> None:
        async with stripe_that((status, body)) as (provider, _):
            with pytest.raises(Unreachable):
                await provider.authorise("pop_1", WISH)

    @pytest.mark.parametrize(
        ("status", "body"),
        [
            (500, error(type="api_error")),
            (502, "<html>Bad Gateway</html>"),
            (503, error(type="api_error")),
            (409, error(code="idempotency_key_in_use")),
            (400, error(type="idempotency_error")),
            (404, "<html>No such page</html>"),
            (402, {}),
            (200, "{"),
            (200, "[]"),
            (200, {"id": "pi_1"}),
            (200, intent(status="dreaming")),
            (0, "the connection is reset"),
        ],
        ids=str,
    )
    async def test_any_other_answer_leaves_it_open(self, status: int, body: Json | str) -> None:
        async with stripe_that((status, body)) as (provider, script):
            with pytest.raises(Broken):
                await provider.authorise("pop_1", WISH)
        assert len(script.asked) == 1, "whether to ask again is not for the SDK to decide"

    async def test_no_answer_in_time_leaves_it_open(self) -> None:
        async with stripe_that((200, intent()), patience=0.05) as (provider, script):
            script.pause = 2
            with pytest.raises(TimedOut):
                await provider.authorise("pop_1", WISH)

    async def test_nobody_there_means_that_nothing_was_charged(self, unused_tcp_port: int) -> None:
        http = HttpClient(f"http://127.0.0.1:{unused_tcp_port}", 1)
        with pytest.raises(Unreachable):
            await Stripe(http, "sk_test_secret", ()).authorise("pop_1", WISH)
        await http.close()
