"""Three NATS servers that keep each stream together, each of which may be killed."""

import json
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from comptoir_local.embedded.binaries import nats_program
from comptoir_local.embedded.child import spawn, stop
from comptoir_local.embedded.ports import free_ports

SERVERS = 3
_START_SECONDS = 60.0
_STOP = ((signal.SIGTERM, 5.0),)
_CONFIGURATION = """\
server_name: {name}
host: 127.0.0.1
port: {port}
ports_file_dir: {folder}
jetstream {{
  store_dir: {folder}
  sync_interval: always
}}
cluster {{
  name: comptoir
  host: 127.0.0.1
  port: {route}
  routes: {routes}
}}
"""


class Cluster:
    """`with Cluster(folder) as cluster:`; servers are named `n1` to `n3`, as NATS tells them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        ports = free_ports(2 * SERVERS)
        self._ports = dict(zip(self.names, ports[:SERVERS], strict=True))
        self._routes = dict(zip(self.names, ports[SERVERS:], strict=True))
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def names(self) -> list[str]:
        return [f"n{number}" for number in range(1, SERVERS + 1)]

    @property
    def url(self) -> str:
        """All servers, as NATS_URL names them."""
        return ",".join(self.url_of(name) for name in self.names)

    def url_of(self, name: str) -> str:
        return f"nats://127.0.0.1:{self._ports[name]}"

    def __enter__(self) -> Self:
        for name in self.names:
            self.start(name)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self._running.values():
            stop(process, _STOP)

    def start(self, name: str) -> None:
        """Starts a server, also one that was killed, and waits until it accepts connections."""
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        configuration = folder / "server.conf"
        configuration.write_text(
            _CONFIGURATION.format(
                name=name,
                port=self._ports[name],
                route=self._routes[name],
                folder=json.dumps(str(folder)),
                routes=json.dumps([f"nats://127.0.0.1:{port}" for port in self._routes.values()]),
            )
        )
        log = folder / "server.log"
        process = spawn([nats_program(), "-c", configuration], log=log, death_signal=signal.SIGKILL)
        self._running[name] = process
        told = folder / f"nats-server_{process.pid}.ports"
        give_up = time.monotonic() + _START_SECONDS
        while not told.exists():
            assert time.monotonic() < give_up, log.read_text()[-2000:]
            time.sleep(0.02)

    def kill(self, name: str) -> None:
        """As the loss of a machine: SIGKILL, no word to anybody."""
        process = self._running.pop(name)
        process.kill()
        process.wait()
