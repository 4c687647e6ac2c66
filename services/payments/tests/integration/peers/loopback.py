"""Runs a module as `python -m` does, but whatever it listens on stays on this machine.

    python loopback.py MODULE [ARGUMENTS]

For servers that know no such option. Needs nothing but the standard library: it is started by the
interpreter of the server's own environment.
"""

import runpy
import socket
import sys
from typing import Any

_LOCAL = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::ffff:127.0.0.1"}


class LocalSocket(socket.socket):
    def bind(self, address: Any) -> None:
        local = _LOCAL.get(self.family)
        super().bind(address if local is None else (local, *address[1:]))


if __name__ == "__main__":
    socket.socket = LocalSocket  # type: ignore[misc]  # that is the point
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
