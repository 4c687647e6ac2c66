"""NATS with JetStream as a child process."""

import dataclasses
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from comptoir_local.embedded.binaries import nats_program
from comptoir_local.embedded.child import AlreadyRunning, LaunchError, spawn, stop, tail, wait_until
from comptoir_runtime.tls import CertificateFiles

_START_SECONDS = 30.0
_STOP = ((signal.SIGTERM, 10.0), (signal.SIGQUIT, 2.0))
_LOCK_SECONDS = 3.0
_USER = "comptoir"

_CONFIGURATION = """\
server_name: comptoir
host: 127.0.0.1
port: {port}
ports_file_dir: {ports}
max_payload: 1MB
jetstream {{
  store_dir: {store}
  {sync}
}}
authorization: {authorization}
{tls}"""
_TLS = """\
tls {{
  cert_file: {certificate}
  key_file: {key}
  ca_file: {authority}
  verify: true
}}
"""
Users = Callable[[Callable[[str], str]], list[dict[str, Any]]]
"""Users for a server, in its own words, given what makes their passwords."""


class EmbeddedNats:
    """A NATS server on 127.0.0.1 whose streams are in `store_dir`.

    Use as a context manager, or `start` and `stop`. With `fsync=False` a power cut loses messages:
    for tests.
    Raises AlreadyRunning when a server is using the folder, LaunchError when it cannot start.
    """

    def __init__(
        self,
        store_dir: Path,
        *,
        fsync: bool = True,
        port: int | None = None,
        users: Users | None = None,
        certificate: CertificateFiles | None = None,
    ) -> None:
        """Without `users` there is one who may do everything; with a `certificate` who connects
        has to show one, too.
        """
        self.home = store_dir.absolute()
        self._users = users
        self._certificate = certificate
        self._wanted_port = port
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None
        self._url: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The connection URL, with user and password."""
        if self._url is None:
            raise LaunchError("NATS is not running: call start() first.")
        return self._url

    def url_of(self, user: str) -> str:
        """The connection URL of one of the `users`."""
        scheme, _, rest = self.url.partition("://")
        return f"{scheme}://{user}:{self._password_of(user)}@{rest.rpartition('@')[2]}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        if self._process is None:
            raise LaunchError("NATS is not running: call start() first.")
        return self._process

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "server.log"

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        program = nats_program()
        self.home.mkdir(parents=True, exist_ok=True)
        self._lock = self._take_lock()
        try:
            self._launch(program)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server cleanly; harmless when it is not running."""
        if self._process is not None:
            stop(self._process, _STOP)
            self._process = None
            self._url = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> int:
        """Lock the folder. The server inherits the lock, which lasts as long as either of us."""
        lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = (
            time.monotonic() + _LOCK_SECONDS
        )  # The server of a killed parent is just going down.
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    os.close(lock)
                    raise AlreadyRunning(
                        f"A NATS server is already using {self.home}. "
                        "Stop it first, or use another folder."
                    ) from None
                time.sleep(0.05)
            else:
                return lock

    def _launch(self, program: Path) -> None:
        for stale in self.home.glob("*.ports"):
            stale.unlink()
        configuration = self._configure()
        self._process = spawn(
            [program, "-c", configuration],
            log=self.log,
            death_signal=signal.SIGTERM,
            keep_open=[self._lock] if self._lock is not None else [],
        )
        if not wait_until(self._read_port, self._process, _START_SECONDS):
            raise LaunchError(
                f"NATS did not start. Its log, {self.log}, ends with:\n{tail(self.log)}"
            )

    def _configure(self) -> Path:
        path = self.home / "server.conf"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(
            _CONFIGURATION.format(
                port=self._wanted_port
                or -1,  # -1: the server picks a free one and writes it to its ports file.
                ports=json.dumps(str(self.home)),
                store=json.dumps(str(self.home)),
                sync="sync_interval: always" if self._fsync else "",
                authorization=json.dumps(self._authorization(), indent=2),
                tls=self._tls(),
            )
        )
        return path

    def _authorization(self) -> dict[str, Any]:
        administrator = {"user": _USER, "password": self._password()}
        if self._users is None:
            return administrator
        return {"users": [*self._users(self._password_of), administrator]}

    def _tls(self) -> str:
        if self._certificate is None:
            return ""
        return _TLS.format(
            **{
                name: json.dumps(str(path))
                for name, path in dataclasses.asdict(self._certificate).items()
            }
        )

    def _password_of(self, user: str) -> str:
        return hmac.new(self._password().encode(), user.encode(), hashlib.sha256).hexdigest()

    def _password(self) -> str:
        path = self.home / "secret"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text("s" + secrets.token_hex(24))
        return path.read_text()

    def _read_port(self) -> bool:
        """Whether the server has written where it listens, which it does when it is ready."""
        path = self.home / f"nats-server_{self.process.pid}.ports"
        try:
            address = json.loads(path.read_text())["nats"][0]
        except (FileNotFoundError, json.JSONDecodeError, KeyError, IndexError):
            return False
        scheme = "nats" if self._certificate is None else "tls"
        self._url = f"{scheme}://{_USER}:{self._password()}@{address.rpartition('/')[2]}"
        return True
