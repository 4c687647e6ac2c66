"""Faults on request: what they do to the answer, and what they leave in the books."""

import aiohttp
import pytest

from infra.psp_sandbox.tests.integration.harness import Psp, Shop, StartPsp


async def script(psp: Psp, **body: object) -> None:
    assert (await psp.call("POST", "/v1/script", body)).status == 204


class TestBeforeTheEffect:
    @pytest.mark.parametrize("status", [500, 503, 429])
    async def test_an_error_status_leaves_nothing_and_the_next_call_works(
        self, psp: Psp, status: int
    ) -> None:
        await script(psp, operation="authorise", action="status", status=status)
        assert (await psp.pay("k")).status == status
        assert await psp.journal() == []
        assert (await psp.pay("k")).status == 201

    @pytest.mark.parametrize("action", ["reset", "timeout"])
    async def test_a_lost_call_leaves_nothing(self, psp: Psp, action: str) -> None:
        await script(psp, operation="capture", action=action)
        payment = (await psp.pay("k")).json["id"]
        with pytest.raises(aiohttp.ClientError):
            await psp.act(payment, "capture", "c")
        assert (await psp.call("GET", "/v1/operations/c")).status == 404
        assert await psp.journal() == [("payment.authorised", 1000)]

    async def test_a_delay_only_takes_time(self, psp: Psp) -> None:
        await script(psp, action="delay", delay_ms=50, times=2)
        assert (await psp.pay("k")).status == 201


class TestAfterTheEffect:
    @pytest.mark.parametrize("action", ["reset", "timeout"])
    async def test_a_lost_answer_is_found_by_its_key(self, psp: Psp, action: str) -> None:
        await script(psp, operation="authorise", action=action, when="after")
        with pytest.raises(aiohttp.ClientError):
            await psp.pay("k")
        operation = await psp.get("/v1/operations/k")
        assert (await psp.pay("k")).json == operation["answer"]
        assert await psp.journal() == [("payment.authorised", 1000)]

    async def test_a_500_may_hide_a_success(self, psp: Psp) -> None:
        await script(psp, operation="any", action="status", status=500, when="after")
        assert (await psp.pay("k")).status == 500
        assert await psp.journal() == [("payment.authorised", 1000)]


class TestQueue:
    async def test_delete_forgets_what_was_scripted(self, psp: Psp) -> None:
        await script(psp, action="status", times=5)
        assert (await psp.call("DELETE", "/v1/script")).status == 204
        assert (await psp.pay("k")).status == 201

    async def test_nonsense_is_refused(self, psp: Psp) -> None:
        reply = await psp.call("POST", "/v1/script", {"action": "explode"})
        assert (reply.status, reply.error) == (400, "invalid_request")


class TestWebhooks:
    async def test_one_can_be_dropped_and_one_sent_twice(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        await script(announcing_psp, operation="webhook", action="drop")
        await announcing_psp.pay("a", "pm_card_declined", reference="dropped")
        await script(announcing_psp, operation="webhook", action="duplicate")
        await announcing_psp.pay("b", "pm_card_declined", reference="twice")
        await shop.has(2)
        assert all(b'"reference":"twice"' in body for _, body in shop.received)


class TestKeyRetention:
    async def test_an_expired_key_charges_again(self, start_psp: StartPsp) -> None:
        psp = await start_psp(PSP_KEY_RETENTION_SECONDS="0")
        await psp.pay("k")
        await psp.pay("k")
        assert await psp.journal() == [("payment.authorised", 1000)] * 2
