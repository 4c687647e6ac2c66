"""One platform for all faults, and the table at the end."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from rich.console import Console

from tests.faults.scene import Night, Row, Scene, stocked, table
from tests.faults.world import a_world

_ROWS: list[Row] = []


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """The table at the end."""
    return _ROWS


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def night(rows: list[Row]) -> AsyncIterator[Night]:
    """The platform that is going to be broken, and goods to buy there."""
    async with a_world() as world:
        yield Night(world, await stocked(world), rows)


@pytest.fixture
def scene(request: pytest.FixtureRequest, night: Night, tmp_path: Path) -> Iterator[Scene]:
    """Where one fault takes place; what is armed when it ends is disarmed."""
    name = request.node.name.removeprefix("test_").replace("_", " ")
    scene = Scene(name, night, tmp_path / "witness.jsonl")
    yield scene
    scene.close()
    night.world.disarm_all()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _ROWS:
        console = Console(width=200, no_color=True)
        with console.capture() as capture:
            console.print(table(_ROWS))
        terminalreporter.write(capture.get())
