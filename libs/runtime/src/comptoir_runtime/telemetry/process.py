"""What the process takes of its machine; read when it is exported."""

import os
from pathlib import Path

from comptoir_runtime.telemetry import names
from comptoir_runtime.telemetry.metrics import Values, gauge

_STATM = Path("/proc/self/statm")


def observe() -> None:
    """From now on."""
    gauge(names.PROCESS_CPU_TIME).watch(_cpu_time)
    if _STATM.exists():
        gauge(names.PROCESS_MEMORY_USAGE).watch(_memory)


def _cpu_time() -> Values:
    times = os.times()
    return {("user",): times.user, ("system",): times.system}


def _memory() -> Values:
    resident = int(_STATM.read_text().split()[1])
    return {(): resident * os.sysconf("SC_PAGE_SIZE")}
