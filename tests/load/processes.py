"""What the processes of a platform burn and hold, by name."""

import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

CLIENT = "load-client"
RUNNER = "runner"
NATS = "nats"
_BACKEND = re.compile(r"postgres: \S+ (?:comptoir_)?(\w+) [\d.:a-f]+\(\d+\)")
_MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Sample:
    """Processor seconds since each process began, by name and process id."""

    seconds: Mapping[tuple[str, int], float]

    def since(self, earlier: "Sample") -> dict[str, float]:
        """Processor seconds burnt between the two, by name; the largest first."""
        burnt: dict[str, float] = defaultdict(float)
        for key, now in self.seconds.items():
            burnt[key[0]] += now - earlier.seconds.get(key, 0.0)
        return dict(sorted(burnt.items(), key=lambda item: -item[1]))


def sample(runner: int, services: Mapping[str, int]) -> Sample:
    """All processes below the runner, and this one; PostgreSQL's by the database they serve."""
    names = {pid: name for name, pid in services.items()} | {runner: RUNNER, os.getpid(): CLIENT}
    seconds: dict[tuple[str, int], float] = {}
    top = psutil.Process(runner)
    for process in (psutil.Process(), top, *top.children(recursive=True)):
        try:
            name = names.get(process.pid) or name_of(process.cmdline())
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        seconds[name, process.pid] = times.user + times.system
    return Sample(seconds)


def name_of(command: list[str]) -> str:
    """`postgres.cart` for a session on that database, `postgres` for the server's own work."""
    title = command[0] if command else ""
    if found := _BACKEND.match(title):
        return f"postgres.{found[1]}"
    if title.startswith("postgres:") or title.endswith("/postgres"):
        return "postgres"
    return NATS if "nats-server" in title else "other"


def memory(services: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """Megabytes by service: its share of what is shared (PSS), and all it has mapped (RSS)."""
    found = {}
    for name, pid in services.items():
        info = psutil.Process(pid).memory_full_info()
        found[name] = (info.pss / _MEGABYTE, info.rss / _MEGABYTE)
    return found
