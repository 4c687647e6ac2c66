"""The images and the stack, once for all tests, and the figures at the end."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from comptoir_local.embedded.ports import free_ports
from infra.compose.tests.containers import figures
from infra.compose.tests.containers.images import Built, Workshop, open_workshop
from infra.compose.tests.containers.podman import STANDINS, NotHere, Podman
from infra.compose.tests.containers.stack import PROJECT, Stack
from infra.compose.tests.project import services

PYTHON_IMAGE = "python:3.12-slim"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-cache", action="store_true", help="build every layer of every image")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    load = os.getloadavg()[1]
    figures.note(f"load {load:.1f} on {os.cpu_count()} processors in the last five minutes")
    for line in figures.lines():
        terminalreporter.write_line(line)


@contextmanager
def skipping() -> Iterator[None]:
    """Skips, and says why, what cannot be done on this machine."""
    try:
        yield
    except NotHere as problem:
        reason = " ".join(str(problem).split())
        figures.note(f"skipped: {reason}")
        pytest.skip(reason)


@pytest.fixture(scope="session")
def podman() -> Podman:
    with skipping():
        return Podman()


@pytest.fixture(scope="session")
def project() -> dict[str, Any]:
    """The services of the project, as Docker Compose understands them."""
    return services()


@pytest.fixture(scope="session")
def workshop(podman: Podman, project: dict[str, Any], request: pytest.FixtureRequest) -> Workshop:
    servers = [project[name]["image"] for name in ("postgres", "nats")]
    fresh: bool = request.config.getoption("--no-cache")
    with skipping():
        found = open_workshop(podman, [PYTHON_IMAGE, *servers], fresh=fresh)
    figures.note(f"on {found.base}" + ("" if found.public else ", with stand-ins for the servers"))
    return found


@pytest.fixture(scope="session")
def images(workshop: Workshop, project: dict[str, Any]) -> dict[str, Built]:
    """Every image of the project, by its name."""
    built: dict[str, Built] = {}
    for service in project.values():
        if "build" in service and service["image"].partition(":")[0] not in built:
            with skipping():
                image = workshop.build(service)
            built[image.name] = image
            figures.built(image)
    workshop.tidy()
    return built


@pytest.fixture(scope="session")
def ports() -> tuple[int, int]:
    """Those of the gateway and of the payment provider."""
    gateway, provider = free_ports(2)
    return gateway, provider


@pytest.fixture(scope="session")
def stack(
    podman: Podman, workshop: Workshop, images: dict[str, Built], ports: tuple[int, int]
) -> Iterator[Stack]:
    """The stack on empty volumes, the sample catalogue loaded."""
    variables = {"GATEWAY_PORT": str(ports[0]), "PROVIDER_PORT": str(ports[1])}
    overrides = [] if workshop.public else [STANDINS / "compose.yaml"]
    with ExitStack() as cleanup:
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="comptoir-podman-"))
        with skipping():
            address = cleanup.enter_context(podman.serving(Path(folder)))
        found = Stack(podman, address, overrides, variables)
        found.down("--volumes")
        cleanup.callback(found.down, "--volumes")
        cleanup.enter_context(podman.asking_for_health(PROJECT))
        figures.note(f"up on empty volumes in {found.up():.1f} s")
        found.until_done("sample")
        yield found
