"""The stack of the compose project, run by Docker Compose through podman's socket."""

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from comptoir_local.health import until_ready
from comptoir_local.stack import Service
from infra.compose.tests.containers.podman import Failed, Podman, run
from infra.compose.tests.project import COMPOSE, EXAMPLE, FOLDER

PROJECT = "comptoir-containers"
LABEL = "label=com.docker.compose"
RECOVERY_SECONDS = 300
JOB_SECONDS = 600
UP_ATTEMPTS = 5
# Somebody is late; or podman looked for the process of a job that had just ended.
NOT_YET = ("is unhealthy", "no such process")
GRPC_PORT, GATEWAY_PORT = 50051, 8080


class Stack:
    """The containers of the project. `overrides` are further compose files."""

    def __init__(
        self, podman: Podman, address: str, overrides: list[Path], variables: Mapping[str, str]
    ) -> None:
        self.podman = podman
        files = [FOLDER / "compose.yaml", *overrides]
        self._command = [str(COMPOSE), "--project-name", PROJECT, "--env-file", str(EXAMPLE)]
        self._command += [each for file in files for each in ("--file", str(file))]
        self._environment = {**os.environ, **variables, "DOCKER_HOST": address}

    def compose(self, *arguments: str, minutes: float = 10) -> str:
        """The output of a command of Docker Compose."""
        return run([*self._command, *arguments], self._environment, minutes)

    def up(self) -> float:
        """Starts everything; the seconds until everybody who must be healthy is.

        Whoever is not there yet is waited for again: here, containers share a machine with builds.
        """
        started = time.monotonic()
        # podman tells the digest of an image differently: nobody is to be made anew for that.
        command = ("up", "--detach", "--no-build", "--no-recreate", "--pull", "never")
        for attempt in range(1, UP_ATTEMPTS + 1):
            try:
                self.compose(*command, minutes=15)
                break
            except Failed as failure:
                if attempt == UP_ATTEMPTS or not any(each in str(failure) for each in NOT_YET):
                    raise
        return time.monotonic() - started

    def down(self, *options: str) -> None:
        """Stops and removes the containers; their volumes stay unless `--volumes` is asked for."""
        self.compose("--profile", "*", "down", "--remove-orphans", *options)

    def containers(self) -> list[dict[str, Any]]:
        """All containers of the project, ended ones too."""
        return [self.podman.inspect(each) for each in self._ids()]

    def _ids(self, *filters: str) -> list[str]:
        labels = (f"project={PROJECT}", *filters)
        chosen = [part for each in labels for part in ("--filter", f"{LABEL}.{each}")]
        return self.podman.run("ps", "--all", "--quiet", *chosen).split()

    def container(self, service: str) -> dict[str, Any]:
        """The only container of a service."""
        (only,) = self._ids(f"service={service}")
        return self.podman.inspect(only)

    def until_done(self, job: str) -> None:
        """Waits until a job has ended, and ended well."""
        give_up = time.monotonic() + JOB_SECONDS
        while (state := self.container(job)["State"])["Status"] != "exited":
            assert time.monotonic() < give_up, f"{job}: {state}"
            time.sleep(0.5)
        assert state["ExitCode"] == 0, self.logs(job)

    def process(self, service: str) -> psutil.Process:
        """The process of a service, which is the first and only one in its container."""
        return psutil.Process(self.container(service)["State"]["Pid"])

    def kill(self, service: str) -> int:
        """`kill -9` of the process of a service; its number."""
        killed: int = self.container(service)["State"]["Pid"]
        os.kill(killed, signal.SIGKILL)
        return killed

    async def until_back(self, service: str, killed: int) -> float:
        """Waits until a killed service is healthy again; the seconds it took."""
        started = time.monotonic()
        while True:
            state = self.container(service)["State"]
            health = state.get("Health") or state.get("Healthcheck") or {}
            if state["Pid"] not in {0, killed} and health.get("Status") == "healthy":
                return time.monotonic() - started
            assert time.monotonic() - started < RECOVERY_SECONDS, f"{service}: {state}"
            await asyncio.sleep(0.2)

    async def cold_start(self, service: Service) -> tuple[float, float]:
        """Starts the container of a service anew; the seconds until it says that it is ready.

        Then those of processor time among them, which a busy machine does not change.
        """
        self.compose("restart", service.name)
        found = self.container(service.name)
        port = GATEWAY_PORT if service.ready_path else GRPC_PORT
        await until_ready(f"{address_of(found)}:{port}", service.ready_path)
        seconds = time.time() - began(found["State"]["StartedAt"])
        spent = psutil.Process(found["State"]["Pid"]).cpu_times()
        return seconds, spent.user + spent.system

    def logs(self, service: str) -> str:
        """What a service has said."""
        return self.compose("logs", "--no-color", "--no-log-prefix", service)


def service_of(container: dict[str, Any]) -> str:
    name: str = container["Config"]["Labels"]["com.docker.compose.service"]
    return name


def address_of(container: dict[str, Any]) -> str:
    (network,) = container["NetworkSettings"]["Networks"].values()
    address: str = network["IPAddress"]
    return address


def began(text: str) -> float:
    """The time of podman's `2026-11-27T03:04:05.123456789Z` in seconds."""
    whole, _, rest = text.partition(".")
    digits = "".join(each for each in rest[:9] if each.isdigit())
    zone = rest.lstrip("0123456789").replace("Z", "+00:00")
    return datetime.fromisoformat(f"{whole}.{digits[:6]}{zone}").timestamp()
