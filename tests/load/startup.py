"""From `comptoir up` to ready, and what the seven services hold when nobody asks for anything."""

import asyncio
from pathlib import Path

from rich.console import Console

from tests.load.figures import Figure
from tests.load.processes import memory
from tests.load.world import running

SECONDS = 5.0


async def measure(data: Path, console: Console, seconds: float = SECONDS) -> list[Figure]:
    """Empty data, then the same again with a catalogue in; memory after `seconds` of rest."""
    async with running(data, fresh=True) as world:
        empty = world.ready_seconds
        stocking = await world.stock_up(console)
    async with running(data, fresh=False) as world:
        existing = world.ready_seconds
        await asyncio.sleep(seconds)
        held = memory(world.services)
    return [
        Figure("startup", empty, "s"),
        Figure("startup.catalogue", stocking, "s"),
        Figure("startup.existing", existing, "s"),
        Figure("memory.pss", sum(pss for pss, _ in held.values()), "MB"),
        Figure("memory.rss", sum(rss for _, rss in held.values()), "MB"),
        *(Figure(f"memory.pss.{name}", pss, "MB") for name, (pss, _) in held.items()),
    ]
