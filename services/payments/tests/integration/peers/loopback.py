"""Runs a module as `python -m` does, but what it listens on and what it keeps stay its own.

    python loopback.py MODULE [ARGUMENTS]

For servers that know no such options: they listen on this machine only, and the files they put
right into the temporary folder that all users share are kept in one of their own. Needs nothing
but the standard library: it is started by the interpreter of the server's own environment.
"""

import builtins
import runpy
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

_LOCAL = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::ffff:127.0.0.1"}
_SHARED = Path("/tmp")  # noqa: S108 - the very place that is to be avoided
_open = open


class LocalSocket(socket.socket):
    def bind(self, address: Any) -> None:
        local = _LOCAL.get(self.family)
        super().bind(address if local is None else (local, *address[1:]))


def run(arguments: list[str], folder: Path) -> None:
    """Become the module; `folder` takes the place of the shared one."""

    def open_own(file: Any, *more: Any, **options: Any) -> Any:
        if isinstance(file, str) and Path(file).parent == _SHARED:
            file = folder / Path(file).name
        return _open(file, *more, **options)

    builtins.open = open_own
    socket.socket = LocalSocket  # type: ignore[misc]  # that is the point
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="peer-") as name:
        run(sys.argv[1:], Path(name))
