"""Free TCP ports of 127.0.0.1.

Whoever asks gets a port nobody listens on now; somebody may take it before the caller's child
binds it, so callers retry.
"""

import random
import socket

# Below the range from which the kernel takes ports for outgoing connections (32768 upwards on
# Linux): a port from there can be taken by any connection at any moment.
_QUIET_RANGE = range(15_000, 32_000)
_ATTEMPTS = 200


def free_port(preferred: int | None = None) -> int:
    """`preferred` when it is free, else a random free port."""
    if preferred is not None and _is_free(preferred):
        return preferred
    for _ in range(_ATTEMPTS):
        port = random.choice(_QUIET_RANGE)
        if _is_free(port):
            return port
    raise OSError(f"no free port found between {_QUIET_RANGE.start} and {_QUIET_RANGE.stop}")


def free_ports(count: int) -> list[int]:
    """As many different free ports."""
    found: set[int] = set()
    while len(found) < count:
        found.add(free_port())
    return list(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a port whose last connections are in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
