"""What was acknowledged outlives the process, however it ends."""

import asyncio

import aiohttp

from infra.psp_sandbox.tests.integration.harness import SECRET, Psp, Shop, StartPsp


class TestKill:
    async def test_every_acknowledged_answer_is_repeated_byte_for_byte(self, psp: Psp) -> None:
        acknowledged: dict[str, bytes] = {}
        enough = asyncio.Event()

        async def buy(number: int) -> None:
            for turn in range(1000):
                key = f"{number}-{turn}"
                acknowledged[key] = (await psp.pay(key, reference=key)).body
                if len(acknowledged) == 100:
                    enough.set()

        buyers = [asyncio.create_task(buy(number)) for number in range(8)]
        await enough.wait()
        await psp.stop(kill=True)
        outcomes = await asyncio.gather(*buyers, return_exceptions=True)
        assert all(isinstance(outcome, (aiohttp.ClientError, OSError)) for outcome in outcomes)

        await psp.start()
        for key, body in acknowledged.items():
            assert (await psp.pay(key, reference=key)).body == body
        page = await psp.get("/v1/journal?limit=1000")
        assert {entry["key"] for entry in page["entries"]} >= set(acknowledged)

    async def test_balances_methods_and_refusals_are_remembered(self, psp: Psp) -> None:
        card = {"number": "4242424242424242", "exp_month": 1, "exp_year": 2099, "cvc": "123"}
        token = (await psp.call("POST", "/v1/payment_methods", {"card": card})).json["id"]
        payment = (await psp.pay("k", token)).json["id"]
        await psp.act(payment, "capture", "c", 700)
        refused = await psp.act(payment, "refund", "r", 701)
        before = await psp.get(f"/v1/payments/{payment}")
        await psp.stop(kill=True)
        await psp.start()
        assert await psp.get(f"/v1/payments/{payment}") == before
        assert (await psp.act(payment, "refund", "r", 701)).body == refused.body
        assert (await psp.act(payment, "capture", "c2", 301)).error == "capture_exceeds_authorised"
        assert (await psp.pay("k2", token)).status == 201

    async def test_a_delayed_authorisation_still_happens(self, start_psp: StartPsp) -> None:
        psp = await start_psp(PSP_DELAYED_SECONDS="0.5")
        payment = (await psp.pay("k", "pm_card_delayed")).json["id"]
        await psp.stop(kill=True)
        await psp.start()
        await asyncio.sleep(1.6)
        assert (await psp.get(f"/v1/payments/{payment}"))["status"] == "authorised"

    async def test_a_webhook_not_yet_accepted_is_sent_after_the_restart(
        self, announcing_psp: Psp, shop: Shop
    ) -> None:
        shop.statuses = [500] * 1000
        payment = (await announcing_psp.pay("k")).json["id"]
        await announcing_psp.act(payment, "capture", "c")
        await shop.has(2)
        await announcing_psp.stop(kill=True)
        shop.received.clear()
        shop.statuses.clear()
        await announcing_psp.start()
        await shop.has(1)
        assert shop.types == ["payment.captured"]


class TestStop:
    async def test_sigterm_ends_with_zero_even_with_a_call_left_hanging(
        self, start_psp: StartPsp
    ) -> None:
        psp = await start_psp(PSP_HOLD_SECONDS="60")
        hanging = asyncio.create_task(psp.pay("k", "pm_card_timeout_after_charge"))
        await asyncio.sleep(0.2)
        assert await psp.stop() == 0
        await asyncio.gather(hanging, return_exceptions=True)
        await psp.start()
        assert (await psp.get("/v1/operations/k"))["answer"]["status"] == "authorised"

    async def test_a_second_process_on_the_same_journal_refuses_to_start(self, psp: Psp) -> None:
        other = Psp({**psp.environment, "PSP_WEBHOOK_SECRET": SECRET}, psp.client)
        try:
            await other.start()
        except ValueError:
            assert await other.ended() == 1
        else:
            await other.stop(kill=True)
            raise AssertionError("two providers share one journal")
