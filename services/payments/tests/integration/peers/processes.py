"""Two programs that play Stripe, fetched on demand and run as processes of their own.

Neither is a dependency of ours. They are kept below build/, so they are fetched once.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[4]
CACHE = ROOT / "build" / "peers"
LOCALSTRIPE = HERE / "localstripe.txt"
STATEFUL_MOCK = "stripe-stateful-mock@0.0.16"
_FETCH_SECONDS = 120
_PORT = re.compile(rb"(?:listening on |Running on http://\S*:)(\d+)")


class PeerMissing(Exception):
    """It cannot be had here; the text says why."""


@contextmanager
def peer(starting: AbstractContextManager[str]) -> Iterator[str]:
    """A peer for tests, which are skipped without it unless COMPTOIR_PEERS says `required`."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(starting)
        except PeerMissing as missing:
            if os.environ.get("COMPTOIR_PEERS") == "required":
                raise
            pytest.skip(f"no peer to play Stripe: {missing}")
        yield url


@contextmanager
def localstripe() -> Iterator[str]:
    """Payment intents, 3-D Secure and signed webhooks; the address it answers at."""
    folder = CACHE / f"localstripe-{_digest(LOCALSTRIPE.read_bytes())}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        uv = _program("uv", ROOT / ".venv" / "bin" / "uv")
        ours = ("--python", sys.executable)
        _fetch(uv, "venv", "--quiet", "--allow-existing", *ours, str(folder))
        _fetch(uv, "pip", "install", "--quiet", "--python", str(python), "-r", str(LOCALSTRIPE))
        (folder / "complete").touch()
    arguments = ("localstripe", "--port", "0", "--from-scratch")
    with _running(str(python), str(HERE / "loopback.py"), *arguments) as port:
        yield f"http://127.0.0.1:{port}"


@contextmanager
def stateful_mock() -> Iterator[str]:
    """Idempotency keys, refusals, declines, 429 and 500; the address it answers at."""
    folder = CACHE / STATEFUL_MOCK.replace("@", "-")
    node = _program("node")
    if not (folder / "complete").exists():
        folder.mkdir(parents=True, exist_ok=True)
        # Nothing but that package may run its scripts, and it has none.
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0")
        _fetch(_program("npm"), "install", "--prefix", str(folder), *quiet, STATEFUL_MOCK)
        (folder / "complete").touch()
    with _running(
        node, str(HERE / "stateful_mock.js"), NODE_PATH=str(folder / "node_modules")
    ) as port:
        yield f"http://127.0.0.1:{port}"


def _program(name: str, otherwise: Path | None = None) -> str:
    found = shutil.which(name)
    if found is None and otherwise is not None and otherwise.exists():
        return str(otherwise)
    if found is None:
        raise PeerMissing(f"{name} is not installed")
    return found


def _fetch(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, timeout=_FETCH_SECONDS)
    except subprocess.CalledProcessError as error:
        why = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise PeerMissing(f"it could not be fetched: {why}") from None
    except subprocess.TimeoutExpired:
        raise PeerMissing(f"it could not be fetched within {_FETCH_SECONDS} s") from None


@contextmanager
def _running(*command: str, **environment: str) -> Iterator[int]:
    """Starts a server and answers its port, once it has named it."""
    process = subprocess.Popen(
        command,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if found := _PORT.search(line):
                yield int(found[1])
                return
        raise PeerMissing("it ended before it listened")
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]
