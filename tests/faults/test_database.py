"""F15 to F20: PostgreSQL crashes, collides, is full or is locked, and nobody's order suffers.

And what is altered there behind everybody's back is named.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import asyncpg

from tests.faults.crowd import Crowd
from tests.faults.judge import judge
from tests.faults.scene import FAULT, FULL, Scene
from tests.faults.world import World, until

pytestmark = FAULT

SERVICES = ("orders", "inventory", "payments", "cart", "customers")


END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND NOT pid = ANY ($1)"""
# What is said without a connection, when one is cut off in use, and by orders of who was asked.
# On a busy machine a service may be lost to the gateway, too, which says so.
SHED = (
    (": 429 ", '"reason":"OVERLOADED"'),
    (": 503 ", '"reason":"DATABASE_UNAVAILABLE"'),
    (": 503 ", '"reason":"OVERLOADED"'),
    (": 503 ", '"reason":"UNAVAILABLE"'),
)


@asynccontextmanager
async def all_connections_taken(world: World) -> AsyncIterator[None]:
    """While the block runs no service has a connection, and none gets one."""
    async with AsyncExitStack() as stack:

        async def connect(url: str) -> asyncpg.Connection:
            connection = await asyncpg.connect(url)
            stack.push_async_callback(connection.close)
            return connection

        # Some are kept for administrators.
        admin = await connect(world.postgres.server.admin_url)
        taken = [admin]
        while True:
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    taken.append(await connect(world.surroundings.database_urls["pim"]))
            ours = [connection.get_server_pid() for connection in taken]
            if not await admin.fetchval(END_OTHERS, ours):
                break
        yield


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


async def until_placed(crowd: Crowd) -> None:
    """Waits for one more order: a crash of a shop that nobody can use yet breaks little."""
    before = crowd.placed

    async def is_placed() -> bool:
        return crowd.placed > before

    await until("an order is placed again", is_placed)


class TestDatabase:
    async def test_f15_a_crash_of_postgresql_loses_nothing_that_was_acknowledged(
        self, scene: Scene
    ) -> None:
        going = True
        crowd = scene.crowd(6)
        shopping = asyncio.create_task(crowd.shop(lambda: going))
        for _ in range(20 if FULL else 2):
            await until_placed(crowd)
            await scene.world.crash_postgres()
            scene.world.start_postgres()
        await until_placed(crowd)
        going = False
        await shopping

        assert (await scene.verdict()).findings == []

    async def test_f17_collisions_of_transactions_are_tried_again_inside_the_service(
        self, scene: Scene
    ) -> None:
        for name in SERVICES:
            scene.world.arm(name, "commit.before.*:error:30%")
        crowd = scene.crowd(3)
        end = time.monotonic() + (120 if FULL else 5)
        await crowd.shop(lambda: time.monotonic() < end)
        spared = [name for name in SERVICES if not scene.world.fired(name)]
        scene.world.disarm_all()

        assert spared == []
        # Five attempts: one in four hundred transactions collides each time, and says so clearly.
        assert all("CONCURRENT_CHANGE" in failure for failure in crowd.failures), crowd.failures
        assert (await scene.verdict()).findings == []

    async def test_f18_without_free_connections_the_shop_says_so_and_recovers(
        self, scene: Scene
    ) -> None:
        going = True
        crowd = scene.crowd(4)
        await crowd.shop(_times(4))
        assert crowd.failures == []
        shopping = asyncio.create_task(crowd.shop(lambda: going))

        async def is_told() -> bool:
            return sum('"OVERLOADED"' in each for each in crowd.failures) > len(crowd.buyers)

        async with all_connections_taken(scene.world):
            await until("the crowd is told that there is no capacity", is_told)
        await until_placed(crowd)
        going = False
        await shopping

        assert [each for each in crowd.failures if not _is_shed(each)] == []
        assert (await scene.verdict()).findings == []

    async def test_f20_a_lock_on_one_sku_does_not_hold_up_the_others(self, scene: Scene) -> None:
        hot, calm = scene.skus[0], scene.skus[1]
        url = scene.world.surroundings.database_urls["inventory"]
        connection = await asyncpg.connect(url)
        waiting, other = scene.buyer(), scene.buyer()
        cart = await waiting.fill(hot)
        try:
            async with connection.transaction():
                await connection.execute("SELECT FROM stock_item WHERE sku = $1 FOR UPDATE", hot)
                held = asyncio.create_task(waiting.place(cart))
                end = time.monotonic() + 5
                bought = 0
                while time.monotonic() < end or bought == 0:
                    told = await other.purchase(calm)
                    bought += told["state"] == "STATE_PLACED"
                assert not held.done(), "the row is locked"
        finally:
            await connection.close()
        told = await held

        assert told["state"] == "STATE_PLACED"
        assert other.failures == []
        assert (await scene.verdict()).findings == []


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


def _is_shed(failure: str) -> bool:
    return any(status in failure and reason in failure for status, reason in SHED)


def _times(number: int) -> Callable[[], bool]:
    left = number

    def go_on() -> bool:
        nonlocal left
        left -= 1
        return left >= 0

    return go_on
