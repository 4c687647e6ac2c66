"""F34, F35: a driver that sleeps through its lease, and a client that hangs up."""

import asyncio
import secrets

import asyncpg
import orjson

from tests.faults.client import Json
from tests.faults.scene import FAULT, Scene
from tests.faults.world import World, until
from tests.journeys.shop import order_of
from tests.load.client import encode

pytestmark = FAULT
# Longer than `comptoir_orders.domain.schedule.LEASE`, so that somebody else takes over.
_LONGER_THAN_A_LEASE = 17.0
# PostgreSQL ends a transaction that is left open after ten: an open one has to be seen before.
_UNTIL_ENDED = 8.0
_OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname LIKE 'comptoir_%' AND state LIKE 'idle in transaction%'"""


class TestProcesses:
    async def test_f34_a_driver_that_sleeps_through_its_lease_has_no_second_effect(
        self, scene: Scene
    ) -> None:
        world, buyer = scene.world, scene.buyer()
        is_alone = len(world.replicas("orders")) == 1
        second = await world.start_second("orders") if is_alone else None
        cart = await buyer.fill(scene.skus[0])
        world.arm("orders", "call.after.Reserve:delay=2")
        buying = asyncio.create_task(buyer.place(cart))
        driver = await world.until_reached("orders")
        world.freeze(driver)
        await asyncio.sleep(_LONGER_THAN_A_LEASE)
        await until("the other has finished", lambda: _is_ordered(world, cart))
        world.thaw(driver)
        told = await buying
        if second is not None:
            await second.stop(30)

        assert told["state"] == "STATE_PLACED"
        assert (await scene.verdict()).findings == []

    async def test_f35_a_client_that_hangs_up_while_its_order_is_committed_gets_it_once(
        self, scene: Scene
    ) -> None:
        keys = []
        for pause in (0.0, 0.02, 0.05, 0.1, 0.2):
            buyer = scene.buyer()
            cart = await buyer.fill(scene.skus[0])
            key = secrets.token_hex(12)
            await _hang_up(scene, buyer.authorisation, cart, key, pause)
            keys.append((buyer, cart, key))
        for buyer, cart, key in keys:
            told = await buyer.place(cart, key=key)
            assert told["state"] == "STATE_PLACED"

        await until(
            "no transaction is left open", lambda: _all_are_closed(scene.world), _UNTIL_ENDED
        )
        assert (await scene.verdict()).findings == []


async def _is_ordered(world: World, cart: Json) -> bool:
    connection = await asyncpg.connect(world.surroundings.database_urls["orders"])
    try:
        found: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM orders WHERE cart = $1)", cart["id"]
        )
        return found
    finally:
        await connection.close()


async def _all_are_closed(world: World) -> bool:
    """Whether no connection of a service is inside a transaction and idle."""
    connection = await asyncpg.connect(world.postgres.server.admin_url)
    try:
        found: int = await connection.fetchval(_OPEN)
        return found == 0
    finally:
        await connection.close()


async def _hang_up(scene: Scene, authorisation: str, cart: Json, key: str, pause: float) -> None:
    """Sends the order, waits for a moment, and is gone."""
    host, _, port = scene.authority.rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    headers = f"{authorisation}Idempotency-Key: {key}\r\n"
    body = orjson.dumps(order_of(cart))
    writer.write(encode("POST", "/v1/orders", scene.authority, headers, body))
    await writer.drain()
    await asyncio.sleep(pause)
    writer.transport.abort()
