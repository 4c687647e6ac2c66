"""The only place where things are built and started."""

from __future__ import annotations

import asyncio

from comptoir.inventory.v1 import inventory_service_pb2
from comptoir_inventory.events.feed import AvailabilityFeed
from comptoir_inventory.operations.announcing import Announcer
from comptoir_inventory.operations.reservations import sweep
from comptoir_inventory.rpc import InventoryServicer
from comptoir_inventory.settings import Settings
from comptoir_inventory.subscribers import Subscribers
from comptoir_runtime import service
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime

SWEEP_INTERVAL_SECONDS = 1.0


async def build(runtime: Runtime, _: Settings) -> Parts:
    """The parts of the inventory service."""
    background = runtime.database.background

    async def sweep_expired() -> None:
        while True:
            if not await background.run(sweep):
                await asyncio.sleep(SWEEP_INTERVAL_SECONDS)

    announcer = Announcer(background)
    servicer = InventoryServicer(AvailabilityFeed(runtime.bus), announcer)
    descriptor = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
    return Parts(
        bindings=[Binding(descriptor, servicer)],
        subscriptions=Subscribers(announcer).subscriptions(),
        background=[sweep_expired, announcer.run],
    )


if __name__ == "__main__":
    service.main(
        "inventory",
        Settings,
        build,
        metadata_module="comptoir_inventory.tables",
        migrations_package="comptoir_inventory",
    )
