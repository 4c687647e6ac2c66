"""`make mutations`: plants each bug in a copy of the tree and runs the tests that must see it.

`python -m tests.mutations coupon lease` takes the bugs whose names contain one of the words;
`--rotate N` takes N of them, others every day, until all have had their turn: made for CI, where
two take about two minutes. Exit code 1 when a bug survives.
"""

import argparse
import asyncio
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutations.catalogue import MUTANTS
from tests.mutations.mutant import Mutant

ROOT = Path(__file__).resolve().parents[2]
AT_ONCE = 2
_SECONDS = 900
# A machine that is busy makes tests slow; only what never ends is taken for a failure.
_TEST_SECONDS = 300
# What pytest ends with: all passed; tests were run, and some failed.
_PASSED, _FAILED = 0, 1
_MADE = ("libs/contracts/src/comptoir", "libs/contracts/src/buf")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a bug: how its tests ended without it, and with it."""

    mutant: Mutant
    healthy: int
    returncode: int
    seconds: float
    output: str

    @property
    def was_seen(self) -> bool:
        """The tests pass without the bug and fail with it; anything else proves nothing."""
        return self.healthy == _PASSED and self.returncode == _FAILED and bool(self.witness)

    @property
    def witness(self) -> str:
        """The test that went red."""
        for line in self.output.splitlines():
            if line.startswith("FAILED "):
                return line.split(" ")[1].rpartition("::")[2]
        return ""


def copy_tree(target: Path) -> None:
    """What git knows of, changed or not, and what is made from the protos."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in listed.stdout.decode().split("\0"):
        source = ROOT / name
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
    for name in _MADE:
        shutil.copytree(ROOT / name, target / name, dirs_exist_ok=True)


async def plant(mutant: Mutant, copy: Path) -> Outcome:
    """Runs the tests that must see the bug without it, then with it, and takes it out again."""
    file, started = copy / mutant.file, time.monotonic()
    healthy, output = await run_tests(mutant, copy)
    if healthy != _PASSED:
        return Outcome(mutant, healthy, healthy, time.monotonic() - started, output)
    text, begun = file.read_text(), int(file.stat().st_mtime)
    # Compiled code is told apart from what it was made of by the second and the length.
    replace(file, mutant.applied(copy), begun + 1)
    try:
        code, output = await run_tests(mutant, copy)
    finally:
        replace(file, text, begun + 2)
    return Outcome(mutant, healthy, code, time.monotonic() - started, output)


def replace(file: Path, text: str, second: int) -> None:
    """Another text, of another second."""
    file.write_text(text)
    os.utime(file, (second, second))


async def run_tests(mutant: Mutant, copy: Path) -> tuple[int, str]:
    """How the tests end, and what they say."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-x", "--color=no", "-rfE"),
        # A folder of its own: pytests that share one remove old files under each other's hands.
        *(f"--timeout={_TEST_SECONDS}", f"--basetemp={copy / 'build'}"),
        *shlex.split(mutant.tests),
        cwd=copy,
        env={**os.environ, "PYTHONPATH": _sources(copy)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        output, _ = await process.communicate()
    code = -1 if process.returncode is None else process.returncode
    return code, output.decode(errors="replace")


def _sources(copy: Path) -> str:
    """The packages of the copy come before those that are installed."""
    return os.pathsep.join(
        str(path)
        for pattern in ("libs", "infra", "services")
        for path in copy.glob(f"{pattern}/*/src")
    )


async def run(mutants: Sequence[Mutant], console: Console) -> list[Outcome]:
    """Two at once, each in a copy of its own."""
    waiting, outcomes = list(reversed(mutants)), list[Outcome]()

    async def work() -> None:
        with tempfile.TemporaryDirectory(prefix="comptoir-mutations-") as name:
            os.chmod(name, 0o711)  # noqa: PTH101, S103 - the account of the database has to pass
            copy = Path(name)
            copy_tree(copy)
            while waiting:
                outcome = await plant(waiting.pop(), copy)
                outcomes.append(outcome)
                mark = "✓" if outcome.was_seen else "✗"
                console.print(f"{mark} {outcome.mutant.name}  [dim]{outcome.seconds:.0f} s[/]")
                if not outcome.was_seen:
                    console.print(outcome.output[-3000:], markup=False)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return outcomes


def choose(words: Sequence[str], rotate: int | None, day: int) -> list[Mutant]:
    """The bugs that were asked for: by words, or so many of them by the day."""
    chosen = [each for each in MUTANTS if not words or any(word in each.name for word in words)]
    if rotate is None:
        return chosen
    start = day * rotate % len(chosen)
    return (chosen + chosen)[start : start + rotate]


def table(outcomes: Sequence[Outcome]) -> Table:
    made = Table(title="planted bugs", title_justify="left")
    for column in ("bug", "in", "seen by"):
        made.add_column(column)
    for outcome in sorted(outcomes, key=lambda each: each.mutant.file):
        seen = outcome.witness if outcome.was_seen else "NOBODY"
        made.add_row(outcome.mutant.name, Path(outcome.mutant.file).name, seen)
    return made


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("words", nargs="*", metavar="WORD", help="of the name of a bug")
    parser.add_argument("--rotate", type=int, metavar="N", help="so many, others every day")
    options = parser.parse_args()
    console = Console(width=160)
    mutants = choose(options.words, options.rotate, datetime.now(UTC).toordinal())
    outcomes = asyncio.run(run(mutants, console))
    console.print(table(outcomes))
    seen = sum(outcome.was_seen for outcome in outcomes)
    console.print(f"mutations: {seen} of {len(outcomes)} planted bugs were seen")
    return 0 if seen == len(outcomes) > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
