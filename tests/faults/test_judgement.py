"""The judge on real books: what clients were told, altered behind everybody's back, is named."""

import asyncpg

from tests.faults.judge import judge
from tests.faults.scene import FAULT, Scene
from tests.faults.world import World

pytestmark = FAULT


async def alter(world: World, service: str, sql: str, *values: str) -> None:
    """As whoever breaks things in earnest: no trigger is in the way."""
    name = world.surroundings.database_urls[service].rpartition("/")[2]
    admin = f"{world.postgres.server.admin_url.rpartition('/')[0]}/{name}"
    connection = await asyncpg.connect(admin)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(sql, *values)
    finally:
        await connection.close()


class TestJudgement:
    async def test_an_order_of_another_cart_is_lost_to_its_buyer_and_asked_for_by_nobody(
        self, scene: Scene
    ) -> None:
        buyer, night = scene.buyer(), scene.night
        cart = await buyer.fill(scene.skus[0])
        order = (await buyer.place(cart))["order"]
        change = "UPDATE orders SET cart = $2 WHERE id = $1"

        await alter(scene.world, "orders", change, order, "crt_elsewhere")
        broken = await judge(scene.world, night.witnesses, scene.path, night.poisoned)
        await alter(scene.world, "orders", change, order, cart["id"])

        named = [finding for finding in broken.findings if order in finding]
        assert {finding.partition(" ")[0] for finding in named} == {"O1", "O2"}
        assert broken.findings == named
        assert (await scene.verdict()).findings == []
