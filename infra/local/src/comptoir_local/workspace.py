"""The folder that holds all data of a local platform."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from comptoir_local.embedded import AlreadyRunning, EmbeddedPostgres

DEFAULT = Path(".comptoir")


class Workspace:
    """Paths below one folder (git-ignored), and the lock of the platform that runs there."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def certificates(self) -> Path:
        """Made anew by each platform that wants them."""
        return self.root / "certificates"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def journal(self) -> Path:
        """The sandbox provider's own truth."""
        return self.root / "psp" / "journal"

    @property
    def _state(self) -> Path:
        return self.root / "running.json"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one platform; AlreadyRunning, with its address, when one has it."""
        # Searchable by all: the account of the database server has to pass. What is secret inside
        # has a mode of its own.
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711)
        lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise AlreadyRunning(self._who_runs()) from None
        try:
            yield
        finally:
            self._state.unlink(missing_ok=True)
            os.close(lock)

    def _who_runs(self) -> str:
        state = self.running()
        who = f"process {state['pid']}, {state['gateway']}" if state else "it is just starting"
        return (
            f"A platform is already running in {self.root} ({who}). "
            "Stop it with Ctrl-C first, or give another folder with --data."
        )

    def publish(self, state: dict[str, Any]) -> None:
        """Tell other programs of this user what runs here and where."""
        _write_private(self._state, json.dumps(state, indent=2))

    def running(self) -> dict[str, Any] | None:
        """What the platform that runs here has published; None when none does."""
        try:
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            pass
        else:
            return None  # Nobody holds it: what the file says, if it exists, is of the past.
        finally:
            os.close(lock)
        try:
            state: dict[str, Any] = json.loads(self._state.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        return state

    def wipe(self) -> None:
        """Delete all data; only while holding the lock."""
        EmbeddedPostgres(self.postgres).wipe()
        for entry in self.root.iterdir():
            if entry.name == "lock":
                continue
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def secret(self, name: str) -> str:
        """A random secret, made on first use and the same from then on."""
        path = self.keys / f"{name}.secret"
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            _write_private(path, secrets.token_hex(24))
        return path.read_text()


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.rename(path)
