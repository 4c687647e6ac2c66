"""Where journeys take place: a platform of real processes, and how pytest runs tests on it."""

import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from rich.console import Console

from comptoir_local.demo.cast import Credentials, Stage
from comptoir_local.embedded.ports import free_port
from comptoir_local.environment import Surroundings
from comptoir_local.platform import Options, Platform
from comptoir_local.workspace import Workspace

START_SECONDS = 600.0
# All journeys live in the loop of the platform. The first of them waits for its start: seven
# processes and six migrations, on a machine that may be busy with other tests.
JOURNEY = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(round(START_SECONDS) + 240),
]


@asynccontextmanager
async def a_platform(
    *, replicas: int = 1, secure: bool = False
) -> AsyncIterator[tuple[Platform, Workspace]]:
    """A platform with data of its own that no disk has to confirm."""
    with tempfile.TemporaryDirectory(prefix="comptoir-journeys-") as name:
        # The account of the database server has to pass.
        os.chmod(name, 0o711)  # noqa: PTH101, S103 - no waiting; what is secret has its own mode
        workspace = Workspace(Path(name) / "data")
        options = Options(
            gateway_port=free_port(),
            durable=False,
            replicas=replicas,
            secure=secure,
            start_seconds=START_SECONDS,
        )
        async with Platform(workspace, options, Console(quiet=True)) as platform:
            yield platform, workspace


def stage_of(surroundings: Surroundings) -> Stage:
    """A platform as the demo sees it."""
    administrator = surroundings.administrator
    return Stage(
        surroundings.gateway_url,
        surroundings.provider_url,
        Credentials(administrator.email, administrator.password),
    )


async def script(surroundings: Surroundings, **fault: Any) -> None:
    """What goes wrong next at the provider; see its README."""
    async with httpx.AsyncClient(base_url=surroundings.provider_url, timeout=30) as http:
        (await http.post("/v1/script", json=fault)).raise_for_status()


class Alternating(httpx.AsyncHTTPTransport):
    """Each request goes to the next gateway, as through a load balancer that knows no sessions."""

    def __init__(self, gateways: Sequence[str]) -> None:
        super().__init__()
        self._next = itertools.cycle([httpx.URL(each) for each in gateways])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        gateway = next(self._next)
        request.url = request.url.copy_with(host=gateway.host, port=gateway.port)
        return await super().handle_async_request(request)
