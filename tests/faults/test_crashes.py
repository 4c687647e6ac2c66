"""F1 to F3: processes are killed at every step of placing an order, and all at once."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace

from tests.faults.buyers import BY_CARD, COUPON, Means
from tests.faults.client import Json
from tests.faults.scene import FAULT, FULL, KILLS, ORDERS, Scene
from tests.faults.world import World

pytestmark = FAULT

# In the order of the six positions: before a call, after it and before what follows is committed,
# after the commit and before events are published, published and not marked, taken in and not
# acknowledged, acknowledged.
POINTS = {
    "orders": [
        *("call.before.LockForCheckout", "call.after.LockForCheckout"),
        *("call.before.GetAvailability", "call.after.GetAvailability"),
        *("call.before.Reserve", "call.after.Reserve"),
        *("call.before.AuthorisePayment", "call.after.AuthorisePayment"),
        # The first of two tenders is authorised, the second one not; or it is, unknown to orders.
        *("call.before.AuthorisePayment:crash:2", "call.after.AuthorisePayment:crash:2"),
        *("call.before.ConfirmReservation", "call.after.ConfirmReservation"),
        *("commit.before.PlaceOrder", "commit.after.PlaceOrder"),
        *("publish.before", "publish.after"),
        *("commit.before.PaymentAuthorised", "commit.after.PaymentAuthorised"),
        "pull.before.PaymentAuthorised",
    ],
    "cart": [
        *("handle.before.LockForCheckout", "commit.before.LockForCheckout"),
        *("commit.after.LockForCheckout", "handle.after.LockForCheckout"),
        *("commit.before.OrderPlaced", "commit.after.OrderPlaced", "pull.before.OrderPlaced"),
    ],
    "inventory": [
        *("handle.before.GetAvailability", "handle.before.Reserve"),
        *("commit.before.Reserve", "commit.after.Reserve", "handle.after.Reserve"),
        *("commit.before.ConfirmReservation", "commit.after.ConfirmReservation"),
        *("publish.before", "publish.after"),
        *("commit.before.OrderPlaced", "commit.after.OrderPlaced", "pull.before.OrderPlaced"),
    ],
    "payments": [
        *("handle.before.AuthorisePayment", "handle.after.AuthorisePayment"),
        # Written down and not asked of the provider; asked, and the answer not written down.
        *("commit.after.AuthorisePayment", "commit.before.AuthorisePayment:crash:2"),
        *("publish.before", "publish.after"),
    ],
    "customers": [
        *("commit.before.OrderPlaced", "commit.after.OrderPlaced", "pull.before.OrderPlaced"),
    ],
}


class TestCrashes:
    async def test_f1_a_service_killed_at_any_point_of_placement_loses_nothing(
        self, scene: Scene
    ) -> None:
        buying: dict[tuple[str, str], asyncio.Task[Json]] = {}
        # Each service is killed at its own pace: while one starts another one is reached.
        async with asyncio.TaskGroup() as group:
            for lane, (name, points) in enumerate(POINTS.items()):
                group.create_task(self._at_each(scene, name, points, lane, buying))
        told = {where: await purchase for where, purchase in buying.items()}

        left = {where: each for where, each in told.items() if each["state"] != "STATE_PLACED"}
        assert left == {}, "each buyer gets the order, whatever was killed"
        assert (await scene.verdict()).findings == []

    @staticmethod
    async def _at_each(
        scene: Scene,
        name: str,
        points: Sequence[str],
        lane: int,
        buying: dict[tuple[str, str], asyncio.Task[Json]],
    ) -> None:
        world, clerk = scene.world, scene.clerk()
        # Other goods each time: figures of stock that orders has asked for are good for a second.
        pairs = list(zip(scene.skus[::2], scene.skus[1::2], strict=False))
        for turn, point in enumerate(points, lane):
            buyer = scene.buyer()
            cart = await buyer.fill(*pairs[turn % len(pairs)], coupon=COUPON)
            means: Sequence[Means] = BY_CARD
            if name != "payments" and not point.endswith("AuthorisePayment"):
                credit = await clerk.store_credit(buyer.subject, 100)
                means = (replace(credit, amount=100), *BY_CARD)
            world.arm(name, point if ":" in point else f"{point}:crash")
            buying[name, point] = asyncio.create_task(buyer.place(cart, means))
            victim = await world.until_crashed(name)
            assert world.fired(name) == [point.partition(":")[0]]
            await world.start(victim)

    async def test_f2_orders_killed_with_many_placements_under_way_finishes_or_undoes_each(
        self, scene: Scene
    ) -> None:
        rounds = 40 if FULL else 2
        going = True
        crowd = scene.crowd(24)
        shopping = asyncio.create_task(crowd.shop(lambda: going))
        for _ in range(rounds):
            await asyncio.sleep(random.uniform(1, 2.5))
            victims = some_of(scene.world, "orders")
            await scene.world.kill(*victims)
            await scene.world.start(*victims)
        going = False
        await shopping

        verdict = await scene.verdict()
        assert verdict.findings == []
        assert verdict.acknowledged >= 24

    async def test_f3_services_killed_at_random_and_all_at_once_lose_nothing(
        self, scene: Scene
    ) -> None:
        names = ["orders", "inventory", "payments", "cart", "gateway", "customers", "pim"]
        crowd = scene.crowd(8 if KILLS < 10 else 16)
        done = 0
        shopping = asyncio.create_task(crowd.shop(lambda: done < KILLS or crowd.placed < ORDERS))
        while done < KILLS:
            await asyncio.sleep(random.uniform(0.5, 2.5))
            victims = some_of(scene.world, *random.sample(names, random.choice((1, 1, 1, 2))))
            await scene.world.kill(*victims)
            done += len(victims)
            await scene.world.start(*victims)
        everything = [replica for name in names for replica in scene.world.replicas(name)]
        await scene.world.kill(*everything, "psp_sandbox")
        await scene.world.start("psp_sandbox", *everything)
        await shopping

        verdict = await scene.verdict()
        assert verdict.findings == []
        assert verdict.acknowledged >= ORDERS


def some_of(world: World, *services: str) -> list[str]:
    """Of each service a replica, or more, or all."""
    replicas = map(world.replicas, services)
    return [one for each in replicas for one in random.sample(each, random.randint(1, len(each)))]
