"""The only place where things are built and started."""

from __future__ import annotations

import asyncio
import functools
from datetime import timedelta

from comptoir.inventory.v1 import inventory_service_pb2
from comptoir_inventory.events.feed import Feed
from comptoir_inventory.operations.announcing import Announcer
from comptoir_inventory.operations.board import Board
from comptoir_inventory.operations.covering import cover_all
from comptoir_inventory.operations.reservations import sweep_all
from comptoir_inventory.operations.selling import tell_releases
from comptoir_inventory.rpc import InventoryServicer
from comptoir_inventory.settings import Settings
from comptoir_inventory.subscribers import Subscribers
from comptoir_runtime import service
from comptoir_runtime.rpc import Binding
from comptoir_runtime.service import Parts, Runtime

SWEEP_INTERVAL_SECONDS = 1.0
# So much may have passed unseen while the service was down.
RELEASES_LOOKED_BACK = timedelta(days=1)


async def build(runtime: Runtime, _: Settings) -> Parts:
    """The parts of the inventory service."""
    background = runtime.database.background
    announcer = Announcer(background)
    feed = Feed(runtime.bus)
    board = Board(feed, announcer.wake, runtime.clock.now)
    sweep = functools.partial(sweep_all, background, board)

    async def keep_sweeping() -> None:
        while True:
            await sweep()
            await cover_all(background)
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)

    # Apart: what expires is given back, whoever holds the places of what is released.
    async def keep_telling() -> None:
        told = runtime.clock.now() - RELEASES_LOOKED_BACK
        while True:
            told = await tell_releases(background, board, told)
            await asyncio.sleep(SWEEP_INTERVAL_SECONDS)

    # Who needs the units now must not be refused for what the sweeper is about to give back.
    servicer = InventoryServicer(board, functools.partial(sweep, waits=True))
    descriptor = inventory_service_pb2.DESCRIPTOR.services_by_name["InventoryService"]
    return Parts(
        bindings=[Binding(descriptor, servicer)],
        subscriptions=Subscribers(board).subscriptions(),
        background=[
            keep_sweeping,
            keep_telling,
            announcer.run,
            functools.partial(feed.follow, board),
        ],
    )


if __name__ == "__main__":
    service.main(
        "inventory",
        Settings,
        build,
        metadata_module="comptoir_inventory.tables",
        migrations_package="comptoir_inventory",
    )
