"""Runs the tests of one kind, each service in a pytest of its own, two at a time.

    python infra/dev/run_tests.py unit
    python infra/dev/run_tests.py integration services/cart -k coupon

Two services are never imported into one process: both register their tables in
the one registry of SQLModel. Paths select, all else is handed to pytest. The last
line sums up over all runs; results as JUnit XML go to build/tests/, and what failed
to build/tests/KIND.failed.
"""

import argparse
import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "unit": (
        "libs/*/tests/unit",
        "infra/*/tests/unit",
        "services/*/tests/unit",
        "tests/architecture",
        "tests/load/tests/unit",
        "tests/faults/tests/unit",
        "tests/mutations/tests/unit",
    ),
    "integration": (
        "libs/*/tests/integration",
        "infra/*/tests/integration",
        "services/*/tests/integration",
    ),
    "journeys": ("tests/journeys",),
    # Files that one pattern finds are one run, and share a platform: starting one takes long. The
    # first run, which waits most, takes about as long as the other two.
    "faults": (
        "tests/faults/test_[!cpr]*.py",
        "tests/faults/test_[cp]*.py",
        "tests/faults/test_replicas.py",
    ),
    "containers": ("infra/*/tests/containers",),
}
AT_ONCE = 2
NO_TESTS_COLLECTED = 5
RUN_SECONDS = 1200
# Faults are waited out, and with another SIZE they take a night.
FAULTS_SECONDS, NIGHT_SECONDS = 3600, 12 * 3600
# Images are built, the first time with a distribution below them.
CONTAINERS_SECONDS = 2400
# One run for all of them, in which platforms start a dozen times.
JOURNEYS_SECONDS = 2700
LAST_WORDS_SECONDS = 5
LAST_LINES = 12


@dataclass
class Totals:
    """Numbers of tests by how they ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: "Totals") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


@dataclass
class Run:
    """One invocation of pytest: a name to tell its lines apart, and what it tests."""

    name: str
    targets: list[str]
    returncode: int = 0
    totals: Totals = field(default_factory=Totals)
    failures: list[str] = field(default_factory=list)


def discover(root: Path, kind: str) -> list[Run]:
    """All runs of a kind, in the order of KINDS."""
    found = [grouped(sorted(root.glob(pattern))) for pattern in KINDS[kind]]
    return [
        Run(name_of(root, places), [str(place) for place in places])
        for groups in found
        for places in groups
    ]


def grouped(places: Sequence[Path]) -> list[list[Path]]:
    """What is run together: all files, and what is in one folder; without tests, nothing."""
    files = [place for place in places if place.is_file()]
    folders = [[place] for place in places if any(place.rglob("test_*.py"))]
    return [files, *folders] if files else folders


def name_of(root: Path, places: Sequence[Path]) -> str:
    """`cart` for services/cart/tests/unit; of several files, the first: `bus` for test_bus.py."""
    if places[0].is_file():
        return places[0].stem.removeprefix("test_")
    return places[0].relative_to(root).parts[1]


def select(runs: list[Run], paths: Sequence[Path]) -> list[Run]:
    """The runs that lie in one of the paths, narrowed to paths that lie in them."""
    if not paths:
        return runs
    selected = []
    for run in runs:
        whole = [name for name in run.targets if any(map(Path(name).is_relative_to, paths))]
        parts = [str(path) for path in paths if any(map(file_of(path).is_relative_to, run.targets))]
        if whole or parts:
            selected.append(Run(run.name, list(dict.fromkeys([*whole, *parts]))))
    return selected


def file_of(path: Path) -> Path:
    """`file.py` of `file.py::Class::test`; of anything else, itself."""
    return Path(str(path).partition("::")[0])


def read_failures(report: Path) -> list[str]:
    """What failed according to a JUnit report: each test, and the end of what it said.

    A fixture that fails fails all its tests in the same words, which are said once.
    """
    if not report.is_file():
        return []
    names: dict[tuple[str, ...], list[str]] = {}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - as below
        for problem in (*case.iterfind("failure"), *case.iterfind("error")):
            said = (problem.text or problem.get("message") or "").strip().splitlines()
            name = f"{case.get('classname')}::{case.get('name')}"
            names.setdefault(tuple(said[-LAST_LINES:]), []).append(name)
    return ["\n    ".join(["\n".join(failed), *said]) for said, failed in names.items()]


def read_totals(report: Path) -> Totals:
    """The numbers in a JUnit report; an error in a fixture counts as a failure."""
    totals = Totals()
    if not report.is_file():
        return totals
    # Our own pytest wrote this file a moment ago.
    for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314 - see above
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        totals.add(Totals(int(suite.get("tests", 0)) - bad - skipped, bad, skipped))
    return totals


async def execute(run: Run, kind: str, arguments: Sequence[str], width: int) -> None:
    """Runs one pytest and passes its lines on, each with the name of the run in front."""
    report = ROOT / "build" / "tests" / f"{kind}-{run.name}.xml"
    report.unlink(missing_ok=True)
    # Two pytests that share the folder of temporary files remove old ones under each other's hands.
    folder = Path(tempfile.mkdtemp(prefix=f"comptoir-{kind}-"))
    options = (f"--junit-xml={report}", f"--basetemp={folder / run.name}")
    said = await run_pytest(run, kind, [*options, *run.targets, *arguments], width)
    if run.returncode == 0:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"{run.name:<{width}} | what its tests wrote is kept in {folder}", flush=True)
    run.totals, run.failures = read_totals(report), read_failures(report)
    if run.returncode == NO_TESTS_COLLECTED and arguments:
        run.returncode = 0
    elif run.returncode != 0 and run.totals.failed == 0:
        run.totals.failed = 1
        run.failures = ["\n    ".join([f"{run.name}: pytest ended with {run.returncode}", *said])]


async def run_pytest(run: Run, kind: str, arguments: Sequence[str], width: int) -> Sequence[str]:
    """Runs it to its end, however that comes; returns the last lines it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "pytest", "-q", "--color=no"),
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "COMPTOIR_TEST_KIND": kind},
        limit=2**24,
    )
    assert process.stdout is not None
    prefix = f"{run.name:<{width}} | "
    said = deque[str](maxlen=LAST_LINES)
    relay = asyncio.create_task(relay_lines(process.stdout, prefix, said))
    run.returncode = await end_of(process, prefix, patience(kind))
    # A server a test left behind may keep the pipe open: do not wait for it.
    await asyncio.wait([relay], timeout=LAST_WORDS_SECONDS)
    relay.cancel()
    return said


def patience(kind: str) -> int:
    """Seconds that one run may take."""
    if kind == "containers":
        return CONTAINERS_SECONDS
    if kind == "journeys":
        return JOURNEYS_SECONDS
    if kind != "faults":
        return RUN_SECONDS
    return NIGHT_SECONDS if os.environ.get("FAULTS_SIZE") else FAULTS_SECONDS


async def relay_lines(lines: asyncio.StreamReader, prefix: str, said: deque[str]) -> None:
    async for line in lines:
        said.append(line.decode(errors="replace").rstrip())
        print(f"{prefix}{said[-1]}", flush=True)


async def end_of(process: asyncio.subprocess.Process, prefix: str, seconds: int) -> int:
    """The return code; a process that takes longer is told to say where it is, and to end.

    pytest-timeout limits each test, but not a fixture that waits for ever after one.
    """
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    except TimeoutError:
        print(f"{prefix}no end after {seconds} s, aborted", flush=True)
        process.send_signal(signal.SIGABRT)
        return await process.wait()


async def execute_all(runs: list[Run], kind: str, arguments: Sequence[str]) -> None:
    width = max(len(run.name) for run in runs)
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(run: Run) -> None:
        async with places:
            await execute(run, kind, arguments, width)

    async with asyncio.TaskGroup() as group:
        for run in runs:
            group.create_task(in_turn(run))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    options, rest = parser.parse_known_args()
    paths = [ROOT / name for name in rest if is_path(name)]
    arguments = [name for name in rest if not is_path(name)]
    runs = select(discover(ROOT, options.kind), paths)
    if not runs:
        print(f"{options.kind}: no tests found", file=sys.stderr)
        return 1
    started = time.monotonic()
    try:
        asyncio.run(execute_all(runs, options.kind, arguments))
    except KeyboardInterrupt:
        return 130
    totals = Totals()
    for run in runs:
        totals.add(run.totals)
    failed = [run.name for run in runs if run.returncode != 0]
    note_failures(options.kind, [text for run in runs for text in run.failures])
    if failed:
        print(f"{options.kind}: failed in {', '.join(failed)}")
    print(f"{options.kind}: {totals} in {time.monotonic() - started:.1f} s")
    return 1 if failed else 0


def note_failures(kind: str, failures: list[str]) -> None:
    """Keeps them in a file: what fails early is far up when all kinds of tests have run."""
    notes = ROOT / "build" / "tests" / f"{kind}.failed"
    notes.unlink(missing_ok=True)
    if failures:
        notes.write_text("\n".join([f"{kind}:", *failures, ""]))


def is_path(argument: str) -> bool:
    return not argument.startswith("-") and file_of(ROOT / argument).exists()


if __name__ == "__main__":
    sys.exit(main())
