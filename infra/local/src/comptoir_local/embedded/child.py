"""Child processes that are stopped cleanly and never outlive their parent."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from comptoir_local.embedded.account import Account

_LAUNCHER = Path(__file__).with_name("launch.py")
_NOBODY_ELSE = -1


class LaunchError(RuntimeError):
    """A server could not be started; the message says why and what to do."""


class AlreadyRunning(LaunchError):
    """Another server is using the same folder."""


def tied_to_us(
    command: Sequence[str | Path], death_signal: signal.Signals, account: Account | None = None
) -> list[str]:
    """The command line that runs `command` as `account` and ends it when this process is gone.

    The kernel then sends `death_signal`. It watches the *thread* that forked, so start children
    from the main thread or from one that lives as long as the process.
    """
    uid, gid = (account.uid, account.gid) if account else (_NOBODY_ELSE, _NOBODY_ELSE)
    numbers = (os.getpid(), int(death_signal), uid, gid)
    launcher = [sys.executable, "-I", "-S", _LAUNCHER, *numbers]
    return [str(part) for part in (*launcher, *command)]


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals,
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a server in its own process group, its output appended to `log`.

    The own group keeps a Ctrl-C in the terminal away from it: the parent decides on the order of
    stopping.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            tied_to_us(command, death_signal, account),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            process_group=0,
            pass_fds=tuple(keep_open),
        )


def stop(process: subprocess.Popen[bytes], steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and wait its seconds; SIGKILL for the whole group if none helped."""
    for step, patience in steps:
        if process.poll() is not None:
            return
        process.send_signal(step)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
            return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Poll `ready`: True once it is, False when the process has ended or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.004)
    return False


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file, for an error message."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
