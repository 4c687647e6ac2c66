"""Running wrk: a load generator in C, for routes that answer faster than Python can ask."""

import asyncio
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.load.figures import WrongResult

ROTATION = Path(__file__).with_name("rotate.lua")
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_P99 = re.compile(r"^\s+99%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_ERRORS = re.compile(r"^\s+(Non-2xx.*|Socket errors:.*)$", re.MULTILINE)
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Hits:
    """What wrk saw."""

    rate: float
    """Requests per second."""
    p99_ms: float


async def hit(url: str, paths: Sequence[str], *, connections: int, seconds: int) -> Hits:
    """GET the paths in turn; WrongResult when an answer was no success, or without wrk."""
    program = shutil.which("wrk")
    if program is None:
        raise WrongResult(
            "wrk is not installed. Debian, Ubuntu: apt-get install wrk; macOS: brew install wrk; "
            "others: https://github.com/wg/wrk"
        )
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(paths) + "\n")
        file.flush()
        process = await asyncio.create_subprocess_exec(
            program,
            *("--threads", "2", "--connections", str(connections), "--duration", f"{seconds}s"),
            *("--latency", "--script", str(ROTATION), url, "--", file.name),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    return parse(output.decode(errors="replace"))


def parse(output: str) -> Hits:
    """What wrk printed; WrongResult when it speaks of errors."""
    if errors := _ERRORS.findall(output):
        raise WrongResult("wrk: " + "; ".join(errors))
    rate, p99 = _RATE.search(output), _P99.search(output)
    if rate is None or p99 is None:
        raise WrongResult(f"wrk told no figures:\n{output}")
    return Hits(float(rate[1]), float(p99[1]) * _MILLISECONDS[p99[2]])
