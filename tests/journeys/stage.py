"""Where journeys take place: a platform of real processes, and how pytest runs tests on it."""

import os
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from rich.console import Console

from comptoir_local.embedded.ports import free_port
from comptoir_local.platform import Options, Platform
from comptoir_local.workspace import Workspace

# All journeys live in the loop of the platform. The first of them waits for its start: seven
# processes and six migrations, on a machine that may be busy with other tests.
JOURNEY = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(240)]


@asynccontextmanager
async def a_platform() -> AsyncIterator[tuple[Platform, Workspace]]:
    """A platform with data of its own that no disk has to confirm."""
    with tempfile.TemporaryDirectory(prefix="comptoir-journeys-") as name:
        # The account of the database server has to pass.
        os.chmod(name, 0o711)  # noqa: PTH101, S103 - no waiting; what is secret has its own mode
        workspace = Workspace(Path(name) / "data")
        options = Options(gateway_port=free_port(), durable=False)
        async with Platform(workspace, options, Console(quiet=True)) as platform:
            yield platform, workspace
