"""One service is away: what needs it says so, all else goes on."""

import asyncio
from dataclasses import dataclass

import orjson
import pytest

from comptoir_local.stack import BACKENDS
from tests.faults.buyers import Buyer
from tests.faults.client import Json
from tests.faults.scene import FAULT, Scene
from tests.faults.world import until

pytestmark = FAULT


@dataclass(frozen=True)
class Question:
    """What is asked of the shop, and which service has to be there for it."""

    method: str
    path: str
    needs: str
    body: Json | None = None


SKU, CART = "a sku", "a cart"
QUESTIONS = (
    Question("POST", "/v1/sessions:anonymous", "customers", {}),
    Question("GET", "/v1/pages/catalogue?channel=web&pageSize=7", "pim"),
    Question("GET", f"/v1/carts/{CART}", "cart"),
    Question("POST", f"/v1/carts/{CART}/lines", "cart", {"sku": SKU, "quantity": 1}),
    Question("GET", f"/v1/pages/checkout/{CART}", "cart"),
    Question("GET", "/v1/orders", "orders"),
)
TO_PLACE = ("cart", "inventory", "payments", "orders")


class TestOneServiceIsAway:
    @pytest.mark.parametrize("away", [service.name for service in BACKENDS])
    async def test_without_it_what_needs_it_says_so_and_all_else_goes_on(
        self, scene: Scene, away: str
    ) -> None:
        buyer, sku = scene.buyer(), scene.skus[0]
        browsed, ordered = await buyer.fill(sku), await buyer.fill(sku)
        victims = scene.world.replicas(away)

        await scene.world.kill(*victims)
        assert await readiness(buyer) == "degraded"
        for question in QUESTIONS:
            status, content = await asked(buyer, question, sku, browsed["id"])
            if question.needs == away:
                assert (status, content["reason"]) == (503, "UNAVAILABLE"), question
            else:
                assert status == 200, (question, content)
        before = buyer.asked
        placing = asyncio.create_task(buyer.place(ordered))

        async def is_answered() -> bool:
            return placing.done() or buyer.asked > before + 1

        await until("the buyer has the order, or asks for it again", is_answered)
        assert placing.done() is (away not in TO_PLACE), buyer.failures
        await scene.world.start(*victims)

        assert (await placing)["state"] == "STATE_PLACED"
        assert (await scene.verdict()).findings == []


async def readiness(buyer: Buyer) -> str:
    """What the gateway says to load balancers that send requests to it."""
    answer = await buyer.send("GET", "/readyz", signed=False)
    assert answer is not None
    assert answer.status == 200
    return str(orjson.loads(answer.body)["status"])


async def asked(buyer: Buyer, question: Question, sku: str, cart: str) -> tuple[int, Json]:
    """Status and content of the one answer; nobody asks again."""
    body = None if question.body is None else {**question.body}
    if body:
        body["sku"] = sku
    answer = await buyer.send(question.method, question.path.replace(CART, cart), body)
    assert answer is not None, question
    return answer.status, orjson.loads(answer.body)
