"""Locks requirements/*.in for all platforms, with hashes and without addresses."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OLDEST_PYTHON = "3.11"


def lock(name: str, arguments: list[str]) -> int:
    """Renews requirements/<name>.txt; versions that still fit stay."""
    command = ["uv", "pip", "compile", "--universal", "--generate-hashes", "--no-emit-index-url"]
    command += ["--no-emit-find-links", "--no-annotate", "--quiet"]
    command += ["--python-version", OLDEST_PYTHON, "--custom-compile-command", "make lock"]
    command += [f"requirements/{name}.in", "--output-file", f"requirements/{name}.txt", *arguments]
    return subprocess.run(command, check=False, cwd=ROOT).returncode


def main() -> int:
    # Each takes its versions from runtime.txt, and dev from build and tools too: hence the order.
    names = ("bootstrap", "runtime", "build", "tools", "dev")
    return max(lock(name, sys.argv[1:]) for name in names)


if __name__ == "__main__":
    sys.exit(main())
