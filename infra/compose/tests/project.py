"""The compose project as Docker Compose itself understands it."""

import functools
import json
import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1]
COMPOSE = Path(sysconfig.get_path("scripts")) / "docker-compose"
EXAMPLE = FOLDER / ".env.example"

Service = dict[str, Any]


def config(*arguments: str, overrides: tuple[str, ...] = ()) -> "subprocess.CompletedProcess[str]":
    """`docker compose config`, with the variables of the example only; needs no engine."""
    files = ("compose.yaml", *overrides)
    command = [str(COMPOSE), *(each for name in files for each in ("--file", str(FOLDER / name)))]
    command += ["--profile", "*", *arguments]
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@functools.cache
def services(*overrides: str) -> dict[str, Service]:
    """All services of the project, those of profiles included."""
    arguments = ("--env-file", str(EXAMPLE), "config", "--format", "json")
    result = config(*arguments, overrides=overrides)
    assert result.returncode == 0, result.stderr
    found: dict[str, Service] = json.loads(result.stdout)["services"]
    return found


def example() -> dict[str, str]:
    """The variables of `.env.example`."""
    lines = [line for line in EXAMPLE.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)
