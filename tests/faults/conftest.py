"""One platform for all faults of a run, and the table at the end."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from rich.console import Console

from tests.faults.scene import Night, Row, Scene, stocked, table
from tests.faults.world import a_world

_ROWS: list[Row] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--replicas", type=int, default=1, help="processes of each service")


@pytest.fixture(scope="session")
def replicas(request: pytest.FixtureRequest) -> int:
    """Processes of each service, the gateway included."""
    count: int = request.config.getoption("--replicas")
    return count


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nights() -> AsyncIterator[Callable[[int], Awaitable[Night]]]:
    """The platform with so many replicas; started when it is asked for the first time."""
    async with AsyncExitStack() as stack:
        begun: dict[int, Night] = {}

        async def with_replicas(count: int) -> Night:
            if count not in begun:
                world = await stack.enter_async_context(a_world(replicas=count))
                begun[count] = Night(world, await stocked(world), _ROWS)
            return begun[count]

        yield with_replicas


@pytest_asyncio.fixture(loop_scope="session")
async def night(nights: Callable[[int], Awaitable[Night]], replicas: int) -> Night:
    """The platform that is going to be broken, and goods to buy there."""
    return await nights(replicas)


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
