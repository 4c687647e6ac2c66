"""F4, F34, F35: processes replaced under load, a driver that sleeps through its lease, and
a client that hangs up.
"""

import asyncio
import secrets
from collections.abc import Mapping

import asyncpg
import orjson
import psutil

from comptoir_local.children import Child
from comptoir_local.embedded.ports import free_port
from comptoir_local.stack import BACKENDS
from tests.faults.client import Json
from tests.faults.scene import FAULT, Scene
from tests.faults.world import World, until
from tests.journeys.shop import order_of
from tests.load.client import encode

pytestmark = FAULT
# Longer than `comptoir_orders.domain.schedule.LEASE`, so that somebody else takes over.
_LONGER_THAN_A_LEASE = 17.0


async def sessions(world: World) -> int:
    """Connections that services have open."""
    connection = await asyncpg.connect(world.postgres.server.admin_url)
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'comptoir_%'"
            " AND state LIKE 'idle in transaction%'"
        )
        return found
    finally:
        await connection.close()


class TestProcesses:
    async def test_f4_a_rolling_restart_of_the_six_services_fails_no_request(
        self, scene: Scene
    ) -> None:
        world, going = scene.world, True
        second = {service.name: free_port() for service in BACKENDS}
        for caller in ("orders", "gateway"):
            await world.start_anew(caller, _two_addresses(world, second))
        crowd = scene.crowd(4)
        shopping = asyncio.create_task(crowd.shop(lambda: going))
        for name, port in second.items():
            successor = await world.start_second(name, port)
            await _until_known(world, name, successor, instead_of=world.child(name))
            await world.terminate(name)
            await world.start(name)
            await _until_known(world, name, world.child(name), instead_of=successor)
            await successor.stop(30)
        going = False
        await shopping

        assert crowd.failures == []
        assert (await scene.verdict()).findings == []

    async def test_f34_a_driver_that_sleeps_through_its_lease_has_no_second_effect(
        self, scene: Scene
    ) -> None:
        world, buyer = scene.world, scene.buyer()
        second = await world.start_second("orders")
        cart = await buyer.fill(scene.skus[0])
        world.arm("orders", "call.after.Reserve:delay=2")
        buying = asyncio.create_task(buyer.place(cart))

        async def held() -> bool:
            return world.fired("orders") != []

        await until("the stock is held", held)
        world.freeze("orders")
        await asyncio.sleep(_LONGER_THAN_A_LEASE)
        await until("the other has finished", lambda: _is_ordered(world, cart))
        world.thaw("orders")
        told = await buying
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

        assert await sessions(scene.world) == 0, "no transaction is left open"
        assert (await scene.verdict()).findings == []


def _two_addresses(world: World, second: Mapping[str, int]) -> dict[str, str]:
    """Where the services are, each at two addresses, of which one may be down."""
    first = world.surroundings.addresses
    return {
        f"{name.upper()}_TARGET": f"ipv4:{first[name]},127.0.0.1:{port}"
        for name, port in second.items()
    }


async def _until_known(world: World, name: str, stays: Child, *, instead_of: Child) -> None:
    """Waits until all who call the one that goes are connected to the one that stays."""
    port = int(world.surroundings.addresses[name].rpartition(":")[2])

    async def is_known() -> bool:
        callers = {child: _callers(child, port) for child in (stays, instead_of)}
        return callers[stays] >= callers[instead_of] > 0

    await until(f"the callers of {name} know {stays.name}", is_known)


def _callers(child: Child, port: int) -> int:
    """Connections to the port a process listens on: the known one of its service, or its own."""
    found = psutil.Process(child.pid).net_connections("tcp")
    own = {each.laddr.port for each in found if each.status == "LISTEN"}
    listening = port if port in own else own.pop()
    connected = [each for each in found if each.status == "ESTABLISHED"]
    return sum(each.laddr.port == listening for each in connected)


async def _is_ordered(world: World, cart: Json) -> bool:
    connection = await asyncpg.connect(world.surroundings.database_urls["orders"])
    try:
        found: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM orders WHERE cart = $1)", cart["id"]
        )
        return found
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
