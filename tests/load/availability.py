"""Reading what can be promised: fifty skus over twenty locations, at half of what is possible."""

from comptoir.inventory.v1 import inventory_service_pb2 as pb
from tests.load.callers import Task, call, encoded
from tests.load.figures import Figure, WrongResult, latencies
from tests.load.processes import sample
from tests.load.shopping import Person, key
from tests.load.world import World

SECONDS = 10.0
CALLERS = 16
SKUS = [f"bench-shelf-{number}" for number in range(50)]
LOCATIONS = [f"bench-{number}" for number in range(20)]
_PATH = "/comptoir.inventory.v1.InventoryService/GetAvailability"
_UNITS = 7
_CALIBRATION_SECONDS = 4.0


async def measure(world: World, seconds: float = SECONDS) -> list[Figure]:
    """First how many answers a second are possible, then half as many, evenly."""
    await _stock_up(world)
    full = await call(_task(world, seconds=_CALIBRATION_SECONDS))
    began = sample(world.runner, world.processes)
    half = await call(_task(world, seconds=seconds, rate=full.rate / 2))
    burnt = sample(world.runner, world.processes).since(began)
    if set(full.outcomes) | set(half.outcomes) != {"OK"}:
        raise WrongResult(f"{dict(full.outcomes)}, {dict(half.outcomes)}")
    return [
        Figure("availability", full.rate, "answers/s"),
        *latencies("availability.full", full.waits),
        Figure("availability.load", half.rate, "answers/s", full.rate),
        *latencies("availability", half.waits),
        *(
            Figure(f"availability.cpu.{name}", 1e6 * burnt.get(name, 0.0) / len(half.waits), "µs")
            for name in ("inventory", "postgres.inventory")
        ),
    ]


async def _stock_up(world: World) -> None:
    admin = await Person.administrator(world)
    for code in LOCATIONS:
        location = {"code": code, "kind": "KIND_STORE", "name": code, "active": True}
        await admin.write("POST", "/v1/locations", {"location": location}, key())
    lines = [
        {"sku": sku, "location": code, "quantity": _UNITS} for sku in SKUS for code in LOCATIONS
    ]
    body = {"lines": lines, "reference": "benchmark"}
    await admin.write("POST", "/v1/stock:receive", body, key())
    path = f"/v1/availability?skus={','.join(SKUS)}&byLocation=true"
    shown = (await admin.read(path))["availability"]
    admin.close()
    if any(entry["available"] != _UNITS * len(LOCATIONS) for entry in shown):
        raise WrongResult(f"{_UNITS} units at {len(LOCATIONS)} locations: {shown}")


def _task(world: World, *, seconds: float, rate: float = 0.0) -> Task:
    request = pb.GetAvailabilityRequest(skus=SKUS, by_location=True)
    return Task(
        addresses=world.replicas("inventory"),
        path=_PATH,
        token="",
        bodies=encoded([request.SerializeToString()]),
        at_once=CALLERS,
        seconds=seconds,
        rate=rate,
    )
