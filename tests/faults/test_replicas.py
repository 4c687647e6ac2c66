"""F4, F34, F37: two replicas of everything, of which any may go at any time."""

import asyncio
import itertools
import time
from collections.abc import Coroutine, Sequence

import asyncpg
import psutil
import pytest

from comptoir_local.stack import BACKENDS, SERVICES
from comptoir_runtime.outbox.statements import LEADER_LOCK
from tests.faults.client import Client, says_not_now
from tests.faults.scene import FAULT, FULL, Scene
from tests.faults.world import World, until

pytestmark = FAULT
_READS_PER_SECOND = 85
"""Beside them four buyers and a clerk ask for as much as makes it a hundred."""
_READERS = 16
_BUYERS = 4
_LOOK = (
    "/v1/pages/catalogue?channel=web&pageSize=20",
    "/v1/pages/products/{sku}?channel=web",
    "/v1/products?channel=web&pageSize=20",
    "/v1/prices?skus={sku}&channel=web",
    "/v1/availability?skus={sku}",
)
# The lock of an outbox, and at which port of this machine its holder is.
_LEADER = """
SELECT client_port FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND objid = $1 AND granted AND datname = $2"""


@pytest.fixture(scope="session")
def replicas(replicas: int) -> int:
    """Two of everything at least, whatever the other faults are content with."""
    return max(2, replicas)


class Readers:
    """Visitors who look around, together at a steady rate when the machine keeps up."""

    def __init__(self, authorities: Sequence[str], skus: Sequence[str]) -> None:
        self.people = [Client(authorities) for _ in range(_READERS)]
        self._paths = itertools.cycle(path.format(sku=sku) for sku in skus for path in (*_LOOK, ""))
        self._next = time.monotonic()
        self._going = True
        self.wrong: list[str] = []

    async def read(self) -> None:
        """Until told to stop."""
        await asyncio.gather(*map(self._one, self.people))

    def stop(self) -> None:
        self._going = False

    def close(self) -> None:
        for person in self.people:
            person.close()

    async def _one(self, person: Client) -> None:
        while self._going:
            self._next = max(self._next, time.monotonic()) + 1 / _READS_PER_SECOND
            await asyncio.sleep(self._next - time.monotonic())
            path = next(self._paths)
            if path:
                answer = await person.send("GET", path)
            else:
                answer = await person.send("POST", "/v1/sessions:anonymous", {})
            # What says "not now", or comes too late, the client itself has written down.
            if answer is not None and answer.status >= 300 and not says_not_now(answer):
                self.wrong.append(f"{path}: {answer.status} {answer.body.decode()[:200]}")


class TestReplicas:
    async def test_f4_a_rolling_restart_of_everything_at_100_requests_a_second_fails_none(
        self, scene: Scene
    ) -> None:
        assert await what_fails_during(scene, restart_all(scene.world)) == []
        assert (await scene.verdict()).findings == []

    @pytest.mark.skipif(not FULL, reason="restarts everything three times: SIZE=full")
    async def test_keys_of_services_change_at_100_requests_a_second_and_none_fails(
        self, scene: Scene
    ) -> None:
        assert await what_fails_during(scene, change_keys(scene.world)) == []
        assert (await scene.verdict()).findings == []

    async def test_f37_the_leaders_of_all_outboxes_are_killed_and_the_others_take_over(
        self, scene: Scene
    ) -> None:
        world, going = scene.world, True
        crowd = scene.crowd(2)
        shopping = asyncio.create_task(crowd.shop(lambda: going))
        try:
            leaders = {each.name: await until_led(world, each.name) for each in BACKENDS}
            await world.kill(*leaders.values())
            for name, former in leaders.items():
                assert await until_led(world, name, instead_of=former) != former
            await world.start(*leaders.values())
        finally:
            going = False
            await shopping

        assert (await scene.verdict()).findings == []

    async def test_f34_a_leader_that_hangs_is_replaced_and_does_not_come_back(
        self, scene: Scene
    ) -> None:
        world = scene.world
        former = await until_led(world, "customers")
        world.freeze(former)
        successor = await until_led(world, "customers", instead_of=former)
        await scene.buyer().purchase(scene.skus[0])
        world.thaw(former)
        told = await scene.buyer().purchase(scene.skus[1])

        assert told["state"] == "STATE_PLACED"
        assert await until_led(world, "customers") == successor
        assert (await scene.verdict()).findings == []


async def what_fails_during(scene: Scene, change: Coroutine[None, None, None]) -> list[str]:
    """Carries it out while customers and staff ask for a hundred things a second."""
    world, going = scene.world, True
    readers, crowd = Readers(world.authorities, scene.skus), scene.crowd(_BUYERS)
    started = time.monotonic()
    load = asyncio.gather(readers.read(), crowd.shop(lambda: going))
    try:
        await change
    finally:
        going = False
        readers.stop()
        await load
    seconds = time.monotonic() - started
    asked = crowd.asked + sum(person.asked for person in readers.people)
    late = crowd.late + [each for person in readers.people for each in person.late]
    scene.fault += f", {asked:,} requests, {asked / seconds:.0f}/s, {len(late)} late"
    readers.close()
    return [
        *crowd.failures,
        *(each for person in readers.people for each in person.failures),
        *readers.wrong,
    ]


async def restart_all(world: World) -> None:
    """One replica after the other, of everything."""
    for service in SERVICES:
        for name in reversed(world.replicas(service.name)):
            await world.terminate(name)
            await world.start(name)
            if service in BACKENDS:
                await until_known(world, name)


async def change_keys(world: World) -> None:
    """As docs/operations/keys.md says: they are listed, used, and the old ones forgotten."""
    keys, names = world.surroundings.keys, [service.name for service in SERVICES]
    keys.ensure(names, following=True)
    await restart_all(world)
    for name in names:
        key = keys.private(name)
        key.rename(key.with_suffix(".old.pem"))
        keys.next(name).rename(key)
    await restart_all(world)
    # Nobody who has signed with an old key still runs: there is nothing to wait six minutes for.
    for name in names:
        keys.private(name).with_suffix(".old.pem").unlink()
    keys.ensure(names)
    await restart_all(world)


async def until_led(world: World, name: str, *, instead_of: str = "") -> str:
    """The replica of a service that publishes its outbox, once one does."""
    found = ""

    async def is_led() -> bool:
        nonlocal found
        found = await _leader(world, name)
        return found not in ("", instead_of)

    await until(f"a replica of {name} leads", is_led)
    return found


async def _leader(world: World, name: str) -> str:
    connection = await asyncpg.connect(world.postgres.server.admin_url)
    try:
        port = await connection.fetchval(_LEADER, LEADER_LOCK, f"comptoir_{name}")
    finally:
        await connection.close()
    for replica in world.replicas(name):
        pid = world.child(replica).pid
        if pid is not None and port in {each.laddr.port for each in _connections(pid)}:
            return replica
    return ""


async def until_known(world: World, name: str) -> None:
    """Waits until all who call a service are connected to this replica, too."""
    service = name.partition("-")[0]
    others = [each for each in world.replicas(service) if each != name]

    async def is_known() -> bool:
        return _callers(world, name) >= max(_callers(world, each) for each in others) > 0

    await until(f"the callers of {service} know {name}", is_known)


def _callers(world: World, name: str) -> int:
    """Connections to the port a replica listens on."""
    port = int(world.surroundings.addresses[name].rpartition(":")[2])
    pid = world.child(name).pid
    assert pid is not None, f"{name} does not run"
    connected = [each for each in _connections(pid) if each.status == "ESTABLISHED"]
    return sum(each.laddr.port == port for each in connected)


def _connections(pid: int) -> "list[psutil._common.pconn]":
    return list(psutil.Process(pid).net_connections("tcp"))
