"""PostgreSQL as a child process: made once in a folder, started and stopped with its parent."""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from comptoir_local.databases import DatabaseServer
from comptoir_local.embedded import account as accounts
from comptoir_local.embedded.binaries import postgres_programs
from comptoir_local.embedded.child import (
    AlreadyRunning,
    LaunchError,
    spawn,
    stop,
    tail,
    tied_to_us,
    wait_until,
)
from comptoir_local.embedded.ports import free_port

_START_SECONDS = 60.0  # Recovery after a crash replays the write-ahead log first.
# Fast shutdown (sessions are cut, a checkpoint is written), then immediate shutdown (recovery at
# the next start).
_STOP = ((signal.SIGINT, 15.0), (signal.SIGQUIT, 5.0))
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
_ADMINISTRATOR = "postgres"

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "synchronous_commit": "on",
    "password_encryption": "scram-sha-256",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",  # Every hot statement is short: compiling it costs more than running it.
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d %a ",
    "logging_collector": "off",
}
WITHOUT_FSYNC: Mapping[str, str] = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class EmbeddedPostgres:
    """A PostgreSQL server on 127.0.0.1 whose data are in `data_dir`.

    Use as a context manager, or `start` and `stop`. With `fsync=False` a power cut loses
    everything: for tests.
    Raises AlreadyRunning when a server is using the folder, LaunchError when it cannot start.
    """

    def __init__(self, data_dir: Path, *, fsync: bool = True, port: int | None = None) -> None:
        self._account = accounts.server_account()
        self.home = self._reachable(data_dir.absolute())
        self.port = port
        self._fixed_port = port is not None
        self._fsync = fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._server: DatabaseServer | None = None

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
    def process(self) -> subprocess.Popen[bytes]:
        """The running postmaster."""
        if self._process is None:
            raise LaunchError("PostgreSQL is not running: call start() first.")
        return self._process

    @property
    def server(self) -> DatabaseServer:
        """The running server as an administrator sees it."""
        if self._server is None:
            raise LaunchError("PostgreSQL is not running: call start() first.")
        return self._server

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.home / "server.log"

    @property
    def _cluster(self) -> Path:
        return self.home / "cluster"

    def url(self, database: str, role: str | None = None) -> str:
        """The connection URL of `database` as `role` (default: the role of the same name)."""
        return self.server.url(database, role)

    def ensure_database(self, name: str) -> str:
        """Create a database and its roles unless they exist; returns the URL to serve with."""
        return self.server.ensure_database(name)

    def start(self) -> None:
        """Make the cluster if there is none, start the server, wait until one can connect."""
        programs, version = postgres_programs(self._account)
        self.home.mkdir(parents=True, exist_ok=True, mode=0o711)
        if not (self._cluster / "PG_VERSION").exists():
            self._initialise(programs, version)
        self._check_version(version)
        self._refuse_second_server()
        self._launch(programs, version)
        secret = self._secret()
        admin = f"postgresql://{_ADMINISTRATOR}:{secret}@127.0.0.1:{self.port}/postgres"
        # Every role could read the catalogue of its neighbours' databases from here.
        with psycopg.connect(admin, autocommit=True) as connection:
            connection.execute("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC")
        self._server = DatabaseServer(admin, secret)

    def stop(self) -> None:
        """Stop the server cleanly; harmless when it is not running."""
        if self._process is not None:
            stop(self._process, _STOP)
            self._process = None
            self._server = None

    def wipe(self) -> None:
        """Delete all data, wherever they are; AlreadyRunning when a server is using them."""
        self._refuse_second_server()
        if self.home.exists():
            shutil.rmtree(self.home)

    def _reachable(self, data_dir: Path) -> Path:
        if self._account is None:
            return data_dir
        data_dir.mkdir(parents=True, exist_ok=True)
        return (
            data_dir
            if accounts.may_enter(data_dir, self._account)
            else accounts.standin(data_dir) / "postgres"
        )

    def _secret(self) -> str:
        return (self.home / "secret").read_text()

    def _initialise(self, programs: Path, version: int) -> None:
        """Run initdb in a draft folder and rename it, so that a cluster that exists is complete."""
        draft = Path(tempfile.mkdtemp(prefix="draft-", dir=self.home))
        password = secrets.token_hex(24)
        try:
            pwfile = draft / "password"
            pwfile.touch(mode=0o600)
            pwfile.write_text(password)
            if self._account is not None:
                for path in (draft, pwfile):
                    os.chown(path, self._account.uid, self._account.gid)
            self._run_initdb(programs, version, draft / "cluster", pwfile)
            secret = self.home / "secret"
            secret.touch(mode=0o600)
            secret.write_text(password)
            (draft / "cluster").rename(self._cluster)
        finally:
            shutil.rmtree(draft)

    def _run_initdb(self, programs: Path, version: int, cluster: Path, pwfile: Path) -> None:
        # The built-in provider (17 and later) knows Unicode case, whatever locales the machine has.
        built_in = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        command: list[str | Path] = [
            programs / "initdb",
            f"--pgdata={cluster}",
            f"--username={_ADMINISTRATOR}",
            f"--pwfile={pwfile}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            *(built_in if version >= 17 else ["--locale=C.UTF-8"]),
            "--data-checksums",
            *([] if self._fsync else ["--no-sync"]),
        ]
        done = subprocess.run(
            tied_to_us(command, signal.SIGKILL, self._account),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd="/",
            env=_ENVIRONMENT,
            check=False,
        )
        if done.returncode != 0:
            raise LaunchError(f"initdb failed in {self.home}:\n{done.stderr.strip()}")

    def _check_version(self, version: int) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        if made_by != str(version):
            raise LaunchError(
                f"The data in {self.home} were made by PostgreSQL {made_by}, the programs found "
                f"are {version}. Install that version, or start with --fresh to begin empty."
            )

    def _refuse_second_server(self) -> None:
        """Detect a running server, and disarm a pid file left by one that was killed.

        PostgreSQL clears such a file itself, except when its process id now belongs to another
        process of the same account. It trusts an id that is its own parent's, so ours is written
        there. The rest of the file stays: the shared memory key in it is what protects the data
        from backends that still run.
        """
        pid_file = self._cluster / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError):
            lines = pid_file.read_text().splitlines()
            if not lines or not lines[0].strip().isdigit():
                return
            pid, working_folder = int(lines[0]), Path(f"/proc/{lines[0].strip()}/cwd")
            if not Path("/proc/self").exists():
                return
            with contextlib.suppress(OSError):
                if working_folder.samefile(self._cluster):
                    port = lines[3] if len(lines) > 3 else "unknown"
                    raise AlreadyRunning(
                        f"A PostgreSQL server (process {pid}, port {port}) is already using "
                        f"{self.home}. "
                        "Stop it first, or use another folder."
                    )
            pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    def _launch(self, programs: Path, version: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.port = self.port if self._fixed_port else free_port()
            started_at = self.log.stat().st_size if self.log.exists() else 0
            self._process = self._spawn(programs, version)
            if wait_until(self._is_ready, self._process, deadline - time.monotonic()):
                return
            self.stop()
            log = self.log.read_bytes()[started_at:].decode(errors="replace")
            if time.monotonic() > deadline or not self._worth_another_try(log):
                raise LaunchError(
                    f"PostgreSQL did not start. Its log, {self.log}, ends with:\n{tail(self.log)}"
                )
            time.sleep(0.1)

    def _worth_another_try(self, log: str) -> bool:
        lost_port = "could not bind" in log and not self._fixed_port
        return (
            lost_port or "shared memory block" in log
        )  # The backends of a killed server take a moment to end.

    def _spawn(self, programs: Path, version: int) -> subprocess.Popen[bytes]:
        settings = {**SETTINGS, **({} if self._fsync else WITHOUT_FSYNC), "port": str(self.port)}
        if version >= 16:
            settings["scram_iterations"] = (
                "1"  # Stretching protects weak passwords; ours are 192 random bits.
            )
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return spawn(
            [programs / "postgres", "-D", self._cluster, *options],
            log=self.log,
            death_signal=signal.SIGINT,
            account=self._account,
            environment=_ENVIRONMENT,
        )

    def _is_ready(self) -> bool:
        """Whether the pid file is our process's and says ready: cheaper than connecting."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[0] == str(self.process.pid) and lines[7].strip() == "ready"
