"""Podman, as far as these tests need it, and why it cannot be used where it cannot."""

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STANDINS = Path(__file__).resolve().parents[1] / "standins"
SYSTEMD = Path("/run/systemd/system")
_SOCKET_SECONDS = 30
_MINUTES = 60


class NotHere(Exception):
    """Containers cannot be run here; the text says why."""


class Failed(Exception):
    """A command failed; the text is its last words."""


class Podman:
    """Runs `podman`; raises NotHere at once when that cannot work here."""

    def __init__(self) -> None:
        if os.geteuid() != 0:
            raise NotHere("needs root: figures are read from the processes of the containers")
        if shutil.which("podman") is None:
            raise NotHere("podman is not installed")
        self.environment = dict(os.environ)
        if not SYSTEMD.exists():
            self.environment["CONTAINERS_CONF"] = str(STANDINS / "containers.conf")
        try:
            self.run("info")
        except Failed as failure:
            raise NotHere(f"podman does not work here: {failure}") from failure

    def run(self, *arguments: str, minutes: float = 5, text: str | None = None) -> str:
        """The output of a command of podman."""
        return run(["podman", *arguments], self.environment, minutes, text)

    def try_out(self, image: str) -> None:
        """Raises NotHere when no container with a network of its own can be run."""
        try:
            self.run("run", "--rm", image, "true")
        except Failed as failure:
            raise NotHere(f"podman runs no container here: {failure}") from failure

    def inspect(self, container: str) -> dict[str, Any]:
        """Everything podman knows about a container."""
        found: dict[str, Any] = json.loads(self.run("container", "inspect", container))[0]
        return found

    def has_image(self, name: str) -> bool:
        """Whether an image is there."""
        try:
            self.run("image", "exists", name)
        except Failed:
            return False
        return True

    def image(self, name: str) -> dict[str, Any]:
        """Everything podman knows about an image."""
        found: dict[str, Any] = json.loads(self.run("image", "inspect", name))[0]
        return found

    @contextlib.contextmanager
    def serving(self, folder: Path) -> Iterator[str]:
        """The address at which podman speaks Docker's API."""
        path = folder / "podman.sock"
        address = f"unix://{path}"
        command = ["podman", "system", "service", "--time", "0", address]
        log = (folder / "podman.log").open("w")
        service = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            give_up = time.monotonic() + _SOCKET_SECONDS
            while not path.exists():
                if time.monotonic() > give_up or service.poll() is not None:
                    raise NotHere(f"podman offers no socket: {Path(log.name).read_text()}")
                time.sleep(0.05)
            yield address
        finally:
            service.terminate()
            service.wait()
            log.close()

    @contextlib.contextmanager
    def asking_for_health(self, project: str) -> Iterator[None]:
        """Runs the health checks of those who are not well yet: the timers of systemd, if need be.

        Whoever is healthy is left alone, and asked by the tests themselves.
        """
        if SYSTEMD.exists():
            yield
            return
        stop = threading.Event()
        asking = threading.Thread(target=self._ask, args=(project, stop), daemon=True)
        asking.start()
        try:
            yield
        finally:
            stop.set()
            asking.join()

    def _ask(self, project: str, stop: threading.Event) -> None:
        ours = f"label=com.docker.compose.project={project}"
        while not stop.wait(0.5):
            for health in ("starting", "unhealthy"):
                # A container may be gone between the two commands.
                with contextlib.suppress(Failed):
                    listed = self.run("ps", "-q", "--filter", ours, "--filter", f"health={health}")
                    for container in listed.split():
                        with contextlib.suppress(Failed):
                            self.run("healthcheck", "run", container)


def run(
    command: list[str], environment: dict[str, str], minutes: float, text: str | None = None
) -> str:
    """The output of a command; raises Failed with what it said when it failed."""
    try:
        result = subprocess.run(
            command,
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            check=False,
            timeout=minutes * _MINUTES,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{' '.join(command[:4])}: no end after {minutes} minutes") from None
    if result.returncode != 0:
        said = (result.stderr or result.stdout).strip().splitlines()
        raise Failed("\n".join([f"{' '.join(command[:4])}: {result.returncode}", *said[-15:]]))
    return result.stdout
