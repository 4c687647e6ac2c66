"""One platform for all faults, and the table at the end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from rich.console import Console

from tests.faults.scene import Row, Scene, plenty, table
from tests.faults.world import World, a_world

_ROWS: list[Row] = []


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world() -> AsyncIterator[World]:
    """The platform that is going to be broken."""
    async with a_world() as world:
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def skus(world: World) -> list[str]:
    """Goods of which there are more than enough."""
    return await plenty(world)


@pytest.fixture
def scene(
    request: pytest.FixtureRequest, world: World, skus: list[str], tmp_path: Path
) -> Iterator[Scene]:
    """Where one fault takes place; what is armed when it ends is disarmed."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    scene = Scene(name, world, skus, tmp_path / "witness.jsonl", _ROWS)
    yield scene
    scene.close()
    world.disarm_all()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _ROWS:
        console = Console(width=160, no_color=True)
        with console.capture() as capture:
            console.print(table(_ROWS))
        terminalreporter.write(capture.get())
