"""F21 to F25: the payment provider answers late, badly, twice or not at all; or it is not he."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
import orjson
import pytest

from comptoir_local.demo.provider import Provider
from comptoir_local.environment import WEBHOOK_PATH
from comptoir_psp_sandbox.webhooks import signature
from tests.faults.books import rows
from tests.faults.client import Json
from tests.faults.scene import FAULT, Scene
from tests.faults.witness import Deed
from tests.faults.world import until

pytestmark = FAULT


@asynccontextmanager
async def provider(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """The provider's own door; what was scripted is forgotten afterwards."""
    url = scene.world.surroundings.provider_url
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        yield http
        (await http.delete("/v1/script")).raise_for_status()


async def script(http: httpx.AsyncClient, **what: Any) -> None:
    (await http.post("/v1/script", json=what)).raise_for_status()


async def kept_for(scene: Scene, order: str) -> list[Mapping[str, Any]]:
    """What the provider knows of an order, by its own journal."""
    payments = await rows(scene.world, "payments", "SELECT id, order_id FROM payment")
    ours = {row["id"] for row in payments if row["order_id"] == order}
    async with httpx.AsyncClient(base_url=scene.world.surroundings.provider_url) as http:
        journal = await Provider(http).journal()
    latest = {entry["answer"]["id"]: entry["answer"] for entry in journal}
    return [payment for payment in latest.values() if payment["reference"] in ours]


class TestAnswers:
    async def test_f21_a_charge_whose_answer_never_came_is_found_and_made_once(
        self, scene: Scene
    ) -> None:
        async with provider(scene) as http:
            await script(http, operation="authorise", action="timeout", when="after")
            told = await scene.buyer().purchase(scene.skus[0])

        assert told["state"] == "STATE_PLACED"
        (kept,) = await kept_for(scene, told["order"])
        assert kept["status"] == "authorised"
        assert (await scene.verdict()).findings == []

    async def test_f22_refusals_of_the_moment_and_torn_answers_end_in_one_charge(
        self, scene: Scene
    ) -> None:
        faults: list[Json] = [
            {"action": "status", "status": 500, "when": "after"},
            {"action": "status", "status": 503},
            {"action": "status", "status": 429},
            {"action": "reset", "when": "after"},
        ]
        async with provider(scene) as http:
            for fault in faults:
                await script(http, operation="authorise", **fault)
                told = await scene.buyer().purchase(scene.skus[0])
                assert told["state"] == "STATE_PLACED", (fault, told)
                live = [each for each in await kept_for(scene, told["order"]) if _live(each)]
                assert len(live) == 1, fault

        assert (await scene.verdict()).findings == []

    @pytest.mark.parametrize("card", ["duplicate", "late", "early", "delayed"])
    async def test_f23_webhooks_in_any_order_tell_of_one_charge(
        self, scene: Scene, card: str
    ) -> None:
        name = "pm_card_delayed" if card == "delayed" else f"pm_card_{card}_webhook"
        told = await scene.buyer().purchase(scene.skus[0], card=name)

        assert told["state"] == "STATE_PLACED"
        (kept,) = await kept_for(scene, told["order"])
        assert kept["status"] == "authorised"
        assert (await scene.verdict()).findings == []

    async def test_f23_a_payer_who_says_yes_after_the_order_was_called_off_is_not_charged(
        self, scene: Scene
    ) -> None:
        buyer = scene.buyer()
        told = await buyer.purchase(scene.skus[0], card="pm_card_3ds")
        assert told["state"] == "STATE_AWAITING_PAYMENT"
        (kept,) = await kept_for(scene, told["order"])
        async with provider(scene) as http:
            # The page is open while the order is called off; both happen at the same moment.
            challenge = http.post(
                f"/challenge/{kept['id']}",
                json={"outcome": "success"},
                headers={"Accept": "application/json"},
            )
            await asyncio.gather(challenge, buyer.call_off(told["order"]))

            async def decided() -> bool:
                (now,) = await kept_for(scene, told["order"])
                return now["status"] in ("voided", "declined", "authorised")

            await until("the payment is decided", decided)
        assert (await scene.verdict()).findings == []

    @pytest.mark.parametrize("wrong", ["amount", "currency"])
    async def test_f24_a_provider_that_approves_something_else_gets_it_back(
        self, scene: Scene, wrong: str
    ) -> None:
        told = await scene.buyer().purchase(scene.skus[0], card=f"pm_card_wrong_{wrong}")

        assert told["state"] == "REFUSED", told
        assert (await scene.verdict()).findings == []


class TestNotices:
    async def test_f25_forged_old_and_altered_notices_are_refused_and_change_nothing(
        self, scene: Scene
    ) -> None:
        told = await scene.buyer().purchase(scene.skus[0], card="pm_card_3ds")
        (kept,) = await kept_for(scene, told["order"])
        claim = {**kept, "status": "authorised", "authorised_amount": kept["amount"]}
        now = int(time.time())
        event = {
            "id": f"evt_forged{now}",
            "type": "payment.authorised",
            "created_at": now,
            "data": {"payment": claim},
        }
        body, secret = orjson.dumps(event), scene.world.surroundings.webhook_secret
        forgeries = {
            "of another secret": (body, signature("guessed", body, now)),
            "from an hour ago": (body, signature(secret, body, now - 3600)),
            "serialised anew": (
                orjson.dumps(event, option=orjson.OPT_INDENT_2),
                signature(secret, body, now),
            ),
            "not signed": (body, ""),
        }
        async with httpx.AsyncClient(base_url=scene.world.surroundings.gateway_url) as http:
            for what, (content, signed) in forgeries.items():
                headers = {"Sandbox-Signature": signed, "Content-Type": "application/json"}
                answer = await http.post(WEBHOOK_PATH, content=content, headers=headers)
                assert answer.status_code in (400, 401, 403), (what, answer.text)
            # Well signed, and not true: the provider is asked, and says no.
            headers = {"Sandbox-Signature": signature(secret, body, now)}
            headers["Content-Type"] = "application/json"
            answer = await http.post(WEBHOOK_PATH, content=body, headers=headers)
            assert answer.is_success, answer.text
        verdict = await scene.verdict()

        assert verdict.findings == []
        assert verdict.acknowledged == 0

    async def test_f23_what_banks_do_while_payments_is_down_is_taken_over_once(
        self, scene: Scene
    ) -> None:
        clerk, bank = scene.clerk(), scene.bank()
        paid = []
        for _ in range(3):
            order = (await scene.buyer().purchase(scene.skus[0]))["order"]
            await clerk.ship(order, parcels=1)
            paid.append(await clerk.refund(order, 100))
        came_back, lost, won = paid

        await scene.world.kill(*scene.world.replicas("payments"))
        await bank.lets(Deed.BOUNCE, came_back, 100)
        for payment, decision in ((lost, Deed.LOSE), (won, Deed.WIN)):
            await bank.lets(Deed.DISPUTE, payment, 150)
            await bank.lets(decision, payment, 150)
        await scene.world.start(*scene.world.replicas("payments"))

        await clerk.sees(came_back, "refundedAmount", 0)
        await clerk.sees(lost, "chargedBackAmount", 150)
        verdict = await scene.verdict()
        assert verdict.findings == []
        assert verdict.granted(Deed.BOUNCE) == 1
        assert verdict.granted(Deed.DISPUTE) == 2


def _live(payment: Mapping[str, Any]) -> bool:
    return bool(payment["authorised_amount"] > payment["voided_amount"])
