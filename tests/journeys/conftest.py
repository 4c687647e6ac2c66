"""One platform with the sample catalogue for all journeys."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.demo.cast import Stage
from comptoir_local.demo.play import Play
from comptoir_local.demo.provider import Provider
from comptoir_local.environment import Surroundings
from tests.journeys.shop import Shop
from tests.journeys.stage import a_platform, stage_of


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def surroundings() -> AsyncIterator[Surroundings]:
    """All there is to know about the platform."""
    async with a_platform() as (platform, workspace):
        door = Door.of(platform.surroundings)
        await platform.during(ensure_catalogue(door, workspace.root, None, Console(quiet=True)))
        yield platform.surroundings


@pytest.fixture(scope="session")
def stage(surroundings: Surroundings) -> Stage:
    """Where the journeys take place."""
    return stage_of(surroundings)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def play(stage: Stage) -> AsyncIterator[Play]:
    """The journey of the demo, from scene to scene."""
    async with (
        httpx.AsyncClient(base_url=stage.gateway, timeout=30) as http,
        httpx.AsyncClient(base_url=stage.provider, timeout=30) as provider,
    ):
        yield Play(stage, http, Provider(provider))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(stage: Stage) -> AsyncIterator[Shop]:
    """The shop, and people in it."""
    async with Shop.open(stage) as shop:
        yield shop
