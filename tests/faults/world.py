"""The platform as real processes that a test may kill, freeze and start again."""

import asyncio
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from comptoir_local.catalogue.first import Door, ensure_catalogue
from comptoir_local.children import Child
from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres
from comptoir_local.embedded.ports import free_port
from comptoir_local.environment import Surroundings
from comptoir_local.health import until_ready
from comptoir_local.logs import LogBook
from comptoir_local.platform import Options, Platform
from comptoir_local.stack import GATEWAY, PROVIDER, SERVICES
from comptoir_local.workspace import Workspace
from tests.faults import failpoints

PATIENCE_SECONDS = 600.0
"""What must become true takes seconds; on a machine that is busy with other things, minutes."""
_PAUSE_SECONDS = 0.1
_READY_PATHS = {service.name: service.ready_path for service in (*SERVICES, PROVIDER)}


def _ready_path(name: str) -> str:
    return _READY_PATHS[name.partition("-")[0]]


def _launcher(root: Path) -> tuple[str, ...]:
    return "-m", failpoints.__name__, str(root / "failpoints")


class StillNot(AssertionError):
    """What should have become true has not."""


async def until(
    what: str, ask: Callable[[], Awaitable[bool]], seconds: float = PATIENCE_SECONDS
) -> float:
    """Waits until `ask` says yes; answers the seconds it took. Raises `StillNot`.

    It asks for no more than half of the time: whoever has to get there needs the machine, too.
    """
    started = asked_at = time.monotonic()
    while not await ask():
        now = time.monotonic()
        if now - started > seconds:
            raise StillNot(f"not after {seconds:.0f} s: {what}")
        await asyncio.sleep(max(_PAUSE_SECONDS, now - asked_at))
        asked_at = time.monotonic()
    return time.monotonic() - started


@dataclass
class World:
    """A platform whose parts the tests own: each can be broken alone."""

    root: Path
    postgres: EmbeddedPostgres
    nats: EmbeddedNats
    platform: Platform
    kills: int = 0

    @property
    def surroundings(self) -> Surroundings:
        return self.platform.surroundings

    def child(self, name: str) -> Child:
        """The process of a service, or of the provider."""
        return self.platform.children[name]

    @property
    def authorities(self) -> list[str]:
        """host:port of each gateway."""
        return [self.surroundings.addresses[name] for name in self.replicas(GATEWAY.name)]

    def replicas(self, name: str) -> list[str]:
        """The names of all processes of a service."""
        service = next(each for each in SERVICES if each.name == name)
        return service.replicas(self.surroundings.replicas)

    # --- services ------------------------------------------------------------------------------

    async def kill(self, *names: str) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        for name in names:
            self.child(name).kill()
            self.kills += 1
        for name in names:
            await self.child(name).wait()

    async def start(self, *names: str) -> None:
        """What a supervisor does with processes that have ended."""
        for name in names:
            await self.child(name).start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(
                *(until_ready(self.surroundings.addresses[n], _ready_path(n)) for n in names)
            )

    async def terminate(self, name: str) -> None:
        """SIGTERM, and as long as it takes."""
        await self.child(name).stop(PATIENCE_SECONDS)

    def freeze(self, name: str) -> None:
        """SIGSTOP: it lives, and does nothing."""
        os.kill(self._pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """SIGCONT: it goes on where it was."""
        os.kill(self._pid(name), signal.SIGCONT)

    def _pid(self, name: str) -> int:
        pid = self.child(name).pid
        assert pid is not None, f"{name} does not run"
        return pid

    async def start_second(self, name: str, port: int | None = None) -> Child:
        """Another process of a service, as a second replica; stopped with the platform.

        Without a port that others know it only takes part in the work in the background.
        """
        environment = {"LISTEN": f"127.0.0.1:{port or free_port()}"}
        child = self._made(f"{name}-2", name, environment)
        await child.start()
        await until(f"{child.name} serves", lambda: self._says(child, "listening"))
        return child

    def _made(self, child: str, name: str, environment: Mapping[str, str]) -> Child:
        service = next(each for each in SERVICES if each.name == name)
        if (predecessor := self.platform.children.get(child)) is not None:
            predecessor.log.close()
        logs = self.root / "data" / "logs"
        made = Child(
            child,
            [*_launcher(self.root), service.package],
            {**self.surroundings.of(service), **environment},
            LogBook(child, logs, Console(quiet=True), verbose=False),
        )
        self.platform.children[child] = made
        return made

    async def _says(self, child: Child, what: str) -> bool:
        return what in child.log.tail()

    # --- failpoints ----------------------------------------------------------------------------

    def arm(self, name: str, *lines: str) -> None:
        """Arms points of a service that runs: lines of `tests.faults.failpoints`."""
        path = self._points(name)
        for noted in (failpoints.FIRED, failpoints.PASSED):
            path.with_suffix(noted).unlink(missing_ok=True)
        # At once: no replica may read half of it and think that it is all.
        path.with_suffix(".new").write_text("\n".join(lines))
        path.with_suffix(".new").replace(path)

    def disarm(self, name: str) -> None:
        self._points(name).write_text("")

    def disarm_all(self) -> None:
        for path in (self.root / "failpoints").iterdir():
            if not path.suffix:
                path.write_text("")

    def fired(self, name: str) -> list[str]:
        """The points that have been reached since they were armed."""
        return [point for _, point in self._fired(name)]

    async def until_reached(self, name: str) -> str:
        """Waits until a replica has come to an armed point; answers which one."""

        async def reached() -> bool:
            return self._fired(name) != []

        await until(f"{name} reaches its failpoint", reached)
        (pid, _), *_ = self._fired(name)
        return next(each.name for each in self.platform.children.values() if each.pid == pid)

    async def until_crashed(self, name: str) -> str:
        """Waits until the armed crash has come, and disarms; answers which replica it was."""
        ended: list[str] = []

        async def crashed() -> bool:
            ended[:] = [each for each in self.replicas(name) if self.child(each).pid is None]
            return ended != []

        await until(f"{name} reaches its failpoint", crashed)
        self.kills += 1
        self.disarm(name)
        (victim,) = ended
        return victim

    def _fired(self, name: str) -> list[tuple[int, str]]:
        path = self._points(name).with_suffix(failpoints.FIRED)
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(pid), point) for pid, _, point in (line.partition(" ") for line in lines)]

    def _points(self, name: str) -> Path:
        return self.root / "failpoints" / f"comptoir_{name}"

    # --- servers -------------------------------------------------------------------------------

    async def crash_postgres(self) -> None:
        """As `pg_ctl stop -m immediate`: no session ends properly, nothing is written down."""
        self.postgres.process.send_signal(signal.SIGQUIT)
        await asyncio.to_thread(self.postgres.process.wait)
        self.postgres.stop()

    def start_postgres(self) -> None:
        """Recovers and accepts connections. In the main thread: the child lives as long as it."""
        self.postgres.start()

    def stop_nats(self) -> None:
        self.nats.stop()

    def start_nats(self) -> None:
        self.nats.start()

    @property
    def nats_store(self) -> Path:
        """Where JetStream keeps everything."""
        return self.nats.home / "jetstream"

    def keep_nats_store(self) -> Path:
        """A copy of the store as it is now; only while NATS is stopped."""
        kept = self.root / "kept-jetstream"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.nats_store, kept)
        return kept

    def replace_nats_store(self, kept: Path | None) -> None:
        """Puts an older store in place, or none at all; only while NATS is stopped."""
        shutil.rmtree(self.nats_store)
        if kept is not None:
            shutil.copytree(kept, self.nats_store)


@asynccontextmanager
async def a_world(*, catalogue: bool = True, replicas: int = 1) -> AsyncIterator[World]:
    """Everything on disks that confirm what they have written: what is judged is durability."""
    with tempfile.TemporaryDirectory(prefix="comptoir-faults-") as name:
        os.chmod(name, 0o711)  # noqa: PTH101, S103 - the account of the database server has to pass
        root = Path(name)
        (root / "failpoints").mkdir()
        postgres = EmbeddedPostgres(root / "postgres", port=free_port())
        nats = EmbeddedNats(root / "nats", port=free_port())
        with postgres, nats:
            workspace = Workspace(root / "data")
            options = Options(
                database_url=postgres.server.admin_url,
                nats_url=nats.url,
                gateway_port=free_port(),
                launcher=_launcher(root),
                start_seconds=PATIENCE_SECONDS,
                replicas=replicas,
            )
            async with Platform(workspace, options, Console(quiet=True)) as platform:
                if catalogue:
                    door = Door.of(platform.surroundings)
                    await ensure_catalogue(door, workspace.root, None, Console(quiet=True))
                yield World(root, postgres, nats, platform)
