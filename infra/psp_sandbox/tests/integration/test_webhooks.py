"""Who is told what, how often, and that the signature is the documented one."""

import asyncio
import hashlib
import hmac
import time

import orjson

from infra.psp_sandbox.tests.integration.harness import SECRET, Psp, Shop


class TestDelivery:
    async def test_an_immediate_authorisation_is_told_by_its_answer_alone(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        payment = (await announcing_psp.pay("k")).json["id"]
        await announcing_psp.act(payment, "capture", "c", 600)
        await announcing_psp.act(payment, "refund", "r", 100)
        await announcing_psp.act(payment, "void", "v")
        await shop.has(3)
        assert sorted(shop.types) == ["payment.captured", "payment.refunded", "payment.voided"]

    async def test_the_signature_covers_time_and_body(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        await announcing_psp.pay("k", "pm_card_declined")
        await shop.has(1)
        header, body = shop.received[0]
        stamp, given = (part.split("=", 1)[1] for part in header.split(","))
        expected = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256)
        assert given == expected.hexdigest()
        assert abs(time.time() - int(stamp)) < 5
        assert orjson.loads(body)["data"]["payment"]["decline_code"] == "card_declined"

    async def test_a_challenge_answered_is_told(self, announcing_psp: Psp, shop: Shop) -> None:
        payment = (await announcing_psp.pay("k", "pm_card_3ds")).json["id"]
        await announcing_psp.call("POST", f"/challenge/{payment}", b"outcome=success")
        await shop.has(1)
        assert shop.types == ["payment.authorised"]

    async def test_it_is_repeated_unchanged_until_accepted(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        shop.statuses = [500, 302, 429]
        await announcing_psp.pay("k", "pm_card_declined")
        await shop.has(4)
        await asyncio.sleep(0.2)
        assert len(shop.received) == 4
        assert len({body for _, body in shop.received}) == 1


class TestCards:
    async def test_duplicate_webhook_comes_twice_with_one_id(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        await announcing_psp.pay("k", "pm_card_duplicate_webhook")
        await shop.has(2)
        assert shop.types == ["payment.authorised"] * 2
        assert shop.received[0][1] == shop.received[1][1]

    async def test_late_webhook_comes_after_the_capture_it_precedes(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        payment = (await announcing_psp.pay("k", "pm_card_late_webhook")).json["id"]
        await announcing_psp.act(payment, "capture", "c")
        await shop.has(2)
        assert shop.types == ["payment.captured", "payment.authorised"]

    async def test_early_webhook_comes_before_the_answer(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        await announcing_psp.pay("k", "pm_card_early_webhook")
        assert shop.types == ["payment.authorised"]

    async def test_delayed_card_is_told_when_it_settles(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        await announcing_psp.pay("k", "pm_card_delayed")
        await shop.has(1)
        assert shop.types == ["payment.authorised"]
