"""What was measured on the way: shown at the end, and kept in build/containers.json."""

import json
from pathlib import Path

from infra.compose.tests.containers.images import Built

REPORT = Path(__file__).resolve().parents[4] / "build" / "containers.json"
_MEGABYTE = 1_000_000

_notes: list[str] = []
_services: dict[str, dict[str, float]] = {}


def note(line: str) -> None:
    """Something worth a line."""
    _notes.append(line)


def built(image: Built) -> None:
    """How long a build took, and what it added to its base."""
    of(image.name.rpartition("/")[2]).update(build_s=image.seconds, added_mb=megabytes(image.added))


def started(service: str, seconds: float, processor: float) -> None:
    """From the start of the container to ready, in all and on the processor."""
    of(service).update(cold_start_s=seconds, cold_cpu_s=processor)


def resting(service: str, held: int, used: int) -> None:
    """Bytes of memory, idle: after a start, and after a journey."""
    of(service).update(idle_mb=megabytes(held), used_mb=megabytes(used))


def of(service: str) -> dict[str, float]:
    return _services.setdefault(service, {})


def megabytes(count: int) -> float:
    return count / _MEGABYTE


def lines() -> list[str]:
    """The report, which is written to its file as well."""
    if _services:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps({"notes": _notes, "services": _services}, indent=2) + "\n")
    columns = ("build_s", "added_mb", "cold_start_s", "cold_cpu_s", "idle_mb", "used_mb")
    rows = [
        f"{name:<12}" + "".join(f"{figures.get(each, float('nan')):>14.1f}" for each in columns)
        for name, figures in _services.items()
    ]
    head = f"{'':<12}" + "".join(f"{each:>14}" for each in columns)
    return [*_notes, *([head, *rows] if rows else [])]
