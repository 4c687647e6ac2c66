"""A platform of the benchmarks' own: `comptoir up` as a child, its data in a folder of its own."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.embedded.child import tail
from comptoir_local.embedded.ports import free_port
from comptoir_local.stack import PROVIDER, SERVICES
from comptoir_local.workspace import Workspace
from tests.load.figures import WrongResult

# Longer than the platform gives itself: when it gives up, it says why.
_START_SECONDS = 300
_STOP_SECONDS = 30
_LOG_LINES = 15


@dataclass(frozen=True, slots=True)
class World:
    """A platform that runs."""

    host: str
    port: int
    provider_host: str
    provider_port: int
    door: Door
    runner: int
    """Process id of the program that runs everything."""
    processes: Mapping[str, int]
    """Process ids of the services and of the provider."""
    owner_urls: Mapping[str, str]
    addresses: Mapping[str, str]
    """host:port of each process, by name."""
    ready_seconds: float
    """From the start of the program until everything was ready."""
    data: Path
    count: int = 1
    """How many processes there are of each service."""

    @property
    def services(self) -> dict[str, int]:
        """Process ids of the seven services."""
        return {service.name: self.processes[service.name] for service in SERVICES}

    def replicas(self, service: str) -> list[str]:
        """host:port of each process of a service."""
        return [self.addresses[name] for name in self.names(service)]

    def names(self, service: str) -> list[str]:
        """What the processes of a service are called."""
        (found,) = (each for each in SERVICES if each.name == service)
        return found.replicas(self.count)

    @property
    def authority(self) -> str:
        """host:port of the gateway."""
        return f"{self.host}:{self.port}"

    async def stock_up(self, console: Console) -> float:
        """Load the sample catalogue; returns the seconds it took."""
        started = time.perf_counter()
        await ensure_catalogue(self.door, self.data, None, console)
        return time.perf_counter() - started


@asynccontextmanager
async def running(
    data: Path, *, fresh: bool, python: str = sys.executable, replicas: int = 1
) -> AsyncIterator[World]:
    """Run a platform without a catalogue in `data` while the block runs.

    With another clone's `python` it is that clone's platform.
    """
    data.parent.mkdir(parents=True, exist_ok=True)
    log = data.with_suffix(".log")
    command = [python, "-m", "comptoir_local", "up", "--empty", f"--data={data}"]
    command += [f"--port={free_port()}", f"--replicas={replicas}", *(["--fresh"] if fresh else [])]
    started = time.perf_counter()
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, "COLUMNS": "200"}
        )
    try:
        state = await _until_published(Workspace(data), process, log)
        yield _world(state, process.pid, time.perf_counter() - started, data)
    finally:
        await _stop(process)


async def _until_published(
    workspace: Workspace, process: asyncio.subprocess.Process, log: Path
) -> dict[str, Any]:
    """Wait for the state that a platform publishes once all of it is ready."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.returncode is None:
        state = workspace.running()
        if state is not None and state["pid"] == process.pid:
            return state
        await asyncio.sleep(0.01)
    raise WrongResult(f"the platform did not start; {log} ends with:\n{tail(log, _LOG_LINES)}")


def _world(state: dict[str, Any], runner: int, seconds: float, data: Path) -> World:
    addresses, administrator = state["addresses"], state["administrator"]
    host, _, port = addresses["gateway"].rpartition(":")
    provider_host, _, provider_port = addresses[PROVIDER.name].rpartition(":")
    return World(
        host=host,
        port=int(port),
        provider_host=provider_host,
        provider_port=int(provider_port),
        door=Door(
            state["gateway"], addresses["pim"], administrator["email"], administrator["password"]
        ),
        runner=runner,
        processes=state["processes"],
        owner_urls=state["owner_urls"],
        addresses=addresses,
        ready_seconds=seconds,
        data=data,
        count=state["replicas"],
    )


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
