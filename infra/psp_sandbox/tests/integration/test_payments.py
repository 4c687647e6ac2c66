"""Every card and every guard, over real HTTP."""

import asyncio

import aiohttp
import pytest

from infra.psp_sandbox.tests.integration.harness import Psp

CARDS = {
    "4242424242424242": ("visa", "authorised", None),
    "5555555555554444": ("mastercard", "authorised", None),
    "4000000000000002": ("visa", "declined", "card_declined"),
    "4000000000009995": ("visa", "declined", "insufficient_funds"),
    "4000000000000069": ("visa", "declined", "expired_card"),
    "4000000000000127": ("visa", "declined", "incorrect_cvc"),
    "4000002500003155": ("visa", "requires_action", None),
    "4000000000100026": ("visa", "authorised", None),
    "4000000000100034": ("visa", "authorised", None),
    "4000000000100042": ("visa", "pending", None),
    "4000000000100059": ("visa", "authorised", None),
    "4000000000100067": ("visa", "authorised", None),
    "4000000000100075": ("visa", "authorised", None),
}


def card(number: str) -> dict[str, object]:
    return {"card": {"number": number, "exp_month": 12, "exp_year": 2099, "cvc": "123"}}


class TestCards:
    async def test_each_card_number_behaves_as_documented(self, psp: Psp) -> None:
        for number, (brand, status, code) in CARDS.items():
            method = await psp.call("POST", "/v1/payment_methods", card(number))
            assert method.status == 201
            assert method.json["card"] == {"brand": brand, "last4": number[-4:]}
            payment = (await psp.pay(f"key-{number}", method.json["id"])).json
            assert (payment["status"], payment["decline_code"]) == (status, code), number

    async def test_a_card_number_is_nowhere_in_the_journal(self, psp: Psp) -> None:
        await psp.call("POST", "/v1/payment_methods", card("4242424242424242"))
        refused = await psp.call("POST", "/v1/payment_methods", card("4111111111111111"))
        assert (refused.status, refused.error) == (422, "not_a_test_card")
        page = (await psp.call("GET", "/v1/journal")).body
        assert b"4242424242424242" not in page
        assert b"4111111111111111" not in page + refused.body

    async def test_a_browser_of_another_origin_may_ask_for_a_token(self, psp: Psp) -> None:
        reply = await psp.call("OPTIONS", "/v1/payment_methods")
        assert (reply.status, reply.headers["access-control-allow-origin"]) == (204, "*")

    async def test_timeout_after_charge_holds_the_money_and_says_nothing(self, psp: Psp) -> None:
        with pytest.raises(aiohttp.ClientError):
            await psp.pay("lost", "pm_card_timeout_after_charge", reference="order-9")
        operation = await psp.get("/v1/operations/lost")
        assert operation["answer"]["status"] == "authorised"
        again = await psp.pay("lost", "pm_card_timeout_after_charge", reference="order-9")
        assert again.json == operation["answer"]
        found = await psp.get("/v1/payments?reference=order-9")
        assert [payment["id"] for payment in found["payments"]] == [again.json["id"]]

    async def test_a_delayed_card_is_authorised_a_little_later(self, psp: Psp) -> None:
        payment = (await psp.pay("slow", "pm_card_delayed")).json
        assert (payment["status"], payment["authorised_amount"]) == ("pending", 0)
        await asyncio.sleep(1.3)
        later = await psp.get(f"/v1/payments/{payment['id']}")
        assert (later["status"], later["authorised_amount"]) == ("authorised", 1000)

    async def test_wrong_amount_and_currency_are_plain_in_the_answer(self, psp: Psp) -> None:
        amount = (await psp.pay("a", "pm_card_wrong_amount")).json
        assert (amount["amount"], amount["authorised_amount"]) == (1000, 1100)
        assert (await psp.pay("b", "pm_card_wrong_currency")).json["currency"] == "XTS"


class TestThreeDSecure:
    @pytest.mark.parametrize(
        ("outcome", "status", "code", "held"),
        [
            ("success", "authorised", None, 1000),
            ("fail", "declined", "authentication_failed", 0),
        ],
    )
    async def test_the_buyer_is_sent_back_with_the_outcome(
        self, psp: Psp, outcome: str, status: str, code: str | None, held: int
    ) -> None:
        back = "http://shop.test/back?order=7"
        payment = (await psp.pay("k", "pm_card_3ds", return_url=back)).json
        path = payment["action"]["redirect_url"].removeprefix(f"http://{psp.address}")
        early = await psp.act(payment["id"], "confirm", "c")
        assert (early.status, early.error) == (422, "action_required")
        assert b"Approve" in (await psp.call("GET", path)).body

        sent_back = await psp.call("POST", path, f"outcome={outcome}".encode())
        assert sent_back.status == 303
        assert sent_back.headers["location"] == (
            f"{back}&payment_id={payment['id']}&status={status}"
        )
        confirmed = (await psp.act(payment["id"], "confirm", "c")).json
        assert confirmed["status"] == status
        assert (confirmed["decline_code"], confirmed["authorised_amount"]) == (code, held)

    async def test_a_second_answer_changes_nothing(self, psp: Psp) -> None:
        payment = (await psp.pay("k", "pm_card_3ds", return_url="http://shop.test/")).json
        path = f"/challenge/{payment['id']}"
        for outcome in ("fail", "success"):
            reply = await psp.call(
                "POST",
                path,
                {"outcome": outcome},
                content_type="application/json",
                accept="application/json",
            )
            assert (reply.status, reply.json["status"]) == (200, "declined")


class TestIdempotency:
    async def test_the_same_key_and_body_give_the_same_bytes(self, psp: Psp) -> None:
        first = await psp.pay("k", reference="r")
        again = await psp.pay("k", reference="r")
        assert (first.status, first.body) == (again.status, again.body)
        assert again.headers["idempotent-replayed"] == "true"
        assert await psp.journal() == [("payment.authorised", 1000)]

    async def test_another_body_under_the_same_key_is_refused(self, psp: Psp) -> None:
        await psp.pay("k")
        other = await psp.pay("k", amount=1001)
        assert (other.status, other.error) == (409, "idempotency_key_reused")
        assert await psp.journal() == [("payment.authorised", 1000)]

    async def test_fifty_at_once_make_one_payment(self, psp: Psp) -> None:
        replies = await asyncio.gather(*(psp.pay("k") for _ in range(50)))
        assert len({reply.body for reply in replies}) == 1
        assert await psp.journal() == [("payment.authorised", 1000)]

    async def test_a_refusal_is_repeated_in_the_same_words(self, psp: Psp) -> None:
        payment = (await psp.pay("k")).json["id"]
        first = await psp.act(payment, "capture", "too-much", 1001)
        await psp.act(payment, "capture", "some", 400)
        again = await psp.act(payment, "capture", "too-much", 1001)
        assert (first.status, first.body) == (422, again.body)

    async def test_a_call_without_a_key_is_refused(self, psp: Psp) -> None:
        reply = await psp.pay("")
        assert (reply.status, reply.error) == (400, "idempotency_key_required")
        assert await psp.journal() == []


class TestGuards:
    async def test_capture_refund_and_void_stay_within_their_bounds(self, psp: Psp) -> None:
        payment = (await psp.pay("k")).json["id"]
        over = await psp.act(payment, "capture", "c0", 1001)
        assert (over.status, over.json["error"]["code"]) == (422, "capture_exceeds_authorised")
        assert over.json["error"]["amount_left"] == 1000
        assert (await psp.act(payment, "refund", "r0", 1)).error == "refund_exceeds_captured"
        assert (await psp.act(payment, "capture", "c1", 600)).json["captured_amount"] == 600
        assert (await psp.act(payment, "refund", "r1", 601)).json["error"]["amount_left"] == 600
        assert (await psp.act(payment, "refund", "r2", 100)).json["refunded_amount"] == 100
        assert (await psp.act(payment, "void", "v1")).json["voided_amount"] == 400
        assert (await psp.act(payment, "capture", "c2", 1)).error == "capture_exceeds_authorised"
        assert await psp.journal() == [
            ("payment.authorised", 1000),
            ("payment.captured", 600),
            ("payment.refunded", 100),
            ("payment.voided", 400),
        ]

    async def test_capture_after_void_is_refused(self, psp: Psp) -> None:
        payment = (await psp.pay("k")).json["id"]
        await psp.act(payment, "void", "v")
        refused = await psp.act(payment, "capture", "c")
        assert (refused.status, refused.error) == (422, "payment_voided")
        assert (await psp.get(f"/v1/payments/{payment}"))["captured_amount"] == 0

    async def test_fifty_captures_of_the_whole_leave_one(self, psp: Psp) -> None:
        payment = (await psp.pay("k")).json["id"]
        replies = await asyncio.gather(
            *(psp.act(payment, "capture", f"c{n}", 1000) for n in range(50))
        )
        assert sorted(reply.status for reply in replies) == [200] + [422] * 49
        assert (await psp.journal()).count(("payment.captured", 1000)) == 1

    @pytest.mark.parametrize(
        ("method", "path", "status", "code"),
        [
            ("GET", "/v1/payments/pay_none", 404, "not_found"),
            ("GET", "/v1/operations/none", 404, "not_found"),
            ("GET", "/nowhere", 404, "not_found"),
            ("DELETE", "/v1/payments/pay_none", 405, "method_not_allowed"),
            ("GET", "/v1/journal?after=-1", 400, "invalid_request"),
        ],
    )
    async def test_what_is_not_there_is_named(
        self, psp: Psp, method: str, path: str, status: int, code: str
    ) -> None:
        reply = await psp.call(method, path)
        assert (reply.status, reply.error) == (status, code)

    async def test_a_huge_body_is_refused(self, psp: Psp) -> None:
        reply = await psp.call("POST", "/v1/payments", b"x" * 100_000, key="k")
        assert (reply.status, reply.error) == (400, "invalid_request")
