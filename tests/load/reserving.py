"""Promises per second through gRPC: one product that everybody wants, and many."""

from collections.abc import Sequence

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from comptoir.inventory.v1 import stock_pb2
from comptoir_local.keys import ServiceKeys
from comptoir_local.workspace import Workspace
from comptoir_runtime.auth import ServiceIdentity, keys_of_jwks
from tests.load.callers import Calls, Task, call, encoded
from tests.load.figures import Figure, WrongResult, latencies
from tests.load.processes import sample
from tests.load.references import pgbench
from tests.load.shopping import WAREHOUSE, Person, key, units_left
from tests.load.world import World

SECONDS = 10.0
CALLERS = 64
BUYERS = 100_000
UNITS = 1_000
SKUS = 10_000
_PATH = "/comptoir.inventory.v1.InventoryService/Reserve"
_PLENTY = 1_000_000
_LINES = 1_000
_ASKED_AT_ONCE = 100
_WARM_UP_SECONDS = 2.0
_REFERENCE_SECONDS = 5


async def flash(world: World, seconds: float = SECONDS) -> list[Figure]:
    """One sku at one place; then a hundred thousand buyers for a thousand units.

    The reference changes the same row as often as 64 clients of pgbench can.
    """
    reference = await pgbench(
        world.owner_urls["inventory"], clients=CALLERS, seconds=_REFERENCE_SECONDS, rows=1
    )
    await _set_stock(world, ["bench-flash"], _PLENTY)
    granted, cpu = await _reserve(world, ["bench-flash"], seconds)
    await _set_stock(world, ["bench-rush"], UNITS)
    rush = await call(_task(world, ["bench-rush"], calls=BUYERS))
    expected = {"OK": UNITS, "OUT_OF_STOCK": BUYERS - UNITS}
    left = await units_left(world, ["bench-rush"])
    if dict(rush.outcomes) != expected or left != 0:
        raise WrongResult(f"{UNITS} units, {BUYERS} buyers: {dict(rush.outcomes)}, {left} left")
    return [
        Figure("flash", granted.rate, "promises/s", reference),
        *latencies("flash", granted.waits),
        *cpu,
        Figure("flash.rush", rush.rate, "buyers/s"),
        Figure("flash.rush.promises", rush.outcomes["OK"], "promises", UNITS),
        Figure("flash.rush.refusals", rush.outcomes["OUT_OF_STOCK"], "refusals", BUYERS - UNITS),
        *latencies("flash.rush", rush.waits),
    ]


async def spread(world: World, seconds: float = SECONDS) -> list[Figure]:
    """Ten thousand skus in turn; the reference changes as many rows."""
    reference = await pgbench(
        world.owner_urls["inventory"], clients=CALLERS, seconds=_REFERENCE_SECONDS, rows=SKUS
    )
    skus = [f"bench-{number}" for number in range(SKUS)]
    await _set_stock(world, skus, _LINES)
    granted, cpu = await _reserve(world, skus, seconds, "reserve-spread")
    return [
        Figure("reserve-spread", granted.rate, "promises/s", reference),
        *latencies("reserve-spread", granted.waits),
        *cpu,
    ]


async def _reserve(
    world: World, skus: Sequence[str], seconds: float, name: str = "flash"
) -> tuple[Calls, list[Figure]]:
    """Promises for some seconds after a warm-up; all of them must be in the books."""
    warm_up = await call(_task(world, skus, seconds=_WARM_UP_SECONDS))
    before = await _left(world, skus)
    began = sample(world.runner, world.processes)
    granted = await call(_task(world, skus, seconds=seconds))
    burnt = sample(world.runner, world.processes).since(began)
    gone = before - await _left(world, skus)
    calls = len(granted.waits)
    if granted.outcomes["OK"] != calls or gone != calls or set(warm_up.outcomes) != {"OK"}:
        raise WrongResult(f"{dict(granted.outcomes)} promises, {gone} units gone")
    each = {
        process: 1e6 * burnt.get(process, 0.0) / calls
        for process in (*world.names("inventory"), "postgres.inventory", "postgres")
    }
    each["callers"] = 1e6 * granted.cpu / calls
    return granted, [Figure(f"{name}.cpu.{process}", used, "µs") for process, used in each.items()]


def _task(world: World, skus: Sequence[str], *, seconds: float = 0.0, calls: int = 0) -> Task:
    keys = ServiceKeys(Workspace(world.data).keys)
    identity = ServiceIdentity.from_pem("orders", keys.private("orders"), keys_of_jwks(keys.jwks))
    bodies = [
        pb.ReserveRequest(
            lines=[stock_pb2.ReservationLine(sku=sku, location=WAREHOUSE, quantity=1)]
        ).SerializeToString()
        for sku in skus
    ]
    return Task(
        addresses=world.replicas("inventory"),
        path=_PATH,
        token=identity.authorization(),
        bodies=encoded(bodies),
        at_once=CALLERS,
        seconds=seconds,
        calls=calls,
        unique=True,
    )


async def _set_stock(world: World, skus: Sequence[str], units: int) -> None:
    admin = await Person.administrator(world)
    for start in range(0, len(skus), _LINES):
        lines = [
            {"sku": sku, "location": WAREHOUSE, "quantity": units}
            for sku in skus[start : start + _LINES]
        ]
        body = {"lines": lines, "reference": "benchmark"}
        await admin.write("POST", "/v1/stock:receive", body, key())
    admin.close()


async def _left(world: World, skus: Sequence[str]) -> int:
    """Units of all skus that can be promised."""
    left = 0
    for start in range(0, len(skus), _ASKED_AT_ONCE):
        left += await units_left(world, skus[start : start + _ASKED_AT_ONCE])
    return left
