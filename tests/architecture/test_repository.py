"""What a newcomer relies on: the tasks, the lock files, the top level."""

import configparser
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TASKS = (
    "lint",
    "types",
    "protos",
    "unit",
    "integration",
    "journeys",
    "faults",
    "containers",
    "mutations",
    "bench",
    "up",
    "demo",
    "audit",
)


class TestTasks:
    @pytest.mark.parametrize("task", TASKS)
    def test_each_task_is_a_tox_environment_and_a_make_target(self, task: str) -> None:
        tox = configparser.ConfigParser(interpolation=None)
        tox.read(ROOT / "tox.ini")
        assert f"testenv:{task}" in tox.sections()
        dry_run = subprocess.run(
            ["make", "--dry-run", task], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert f"-e {task} --" in dry_run.stdout

    def test_make_test_runs_all_checks_in_order(self) -> None:
        dry_run = subprocess.run(
            ["make", "--dry-run", "test"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert "tox run -e lint,types,protos,unit,integration,journeys" in dry_run.stdout

    def test_continuous_integration_runs_the_same(self) -> None:
        script = ROOT / ".ci/run"
        assert script.stat().st_mode & 0o111
        assert "make test" in script.read_text()


class TestLocks:
    @pytest.mark.parametrize("name", ["bootstrap", "runtime", "build", "tools", "dev"])
    def test_every_requirement_is_pinned_and_hashed(self, name: str) -> None:
        text = (ROOT / f"requirements/{name}.txt").read_text()
        entries = re.split(r"\n(?=[a-z])", text.split("\n", 2)[2])
        assert entries
        for entry in entries:
            assert re.match(r"[a-z0-9._\[\]-]+==\S+", entry), entry
            assert "--hash=sha256:" in entry, entry

    @pytest.mark.parametrize("name", ["bootstrap", "runtime", "build", "tools", "dev"])
    def test_no_lock_names_an_address(self, name: str) -> None:
        text = (ROOT / f"requirements/{name}.txt").read_text()
        assert "://" not in text
        assert "--index-url" not in text
        assert "--find-links" not in text

    @pytest.mark.parametrize("name", ["runtime", "tools"])
    def test_images_get_the_versions_that_were_tested(self, name: str) -> None:
        assert locked(name) <= locked("dev")


def locked(name: str) -> set[str]:
    """What a lock file holds, each with its version."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    return set(re.findall(r"^(\S+==\S+)", text, re.MULTILINE))


class TestTopLevel:
    def test_it_stays_short(self) -> None:
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if tracked.returncode != 0:
            pytest.skip("not a git checkout")
        top = {name.split("/")[0] for name in tracked.stdout.splitlines()}
        assert top <= {
            ".ci",
            ".editorconfig",
            ".gitattributes",
            ".gitignore",
            ".pre-commit-config.yaml",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "LICENSE",
            "Makefile",
            "README.md",
            "conftest.py",
            "docs",
            "infra",
            "libs",
            "protos",
            "pyproject.toml",
            "requirements",
            "services",
            "tests",
            "tox.ini",
            "toxfile.py",
        }


class TestDecisions:
    RECORDS = sorted((ROOT / "docs/adr").glob("*.md"))

    def test_they_are_numbered_without_gaps(self) -> None:
        numbers = [int(record.name[:4]) for record in self.RECORDS]
        assert numbers == list(range(1, len(numbers) + 1))

    def test_those_that_are_named_are_there(self) -> None:
        numbers = {record.name[:4] for record in self.RECORDS}
        named = re.compile(r"(?:ADR |docs/adr/)(\d{4})(?:(?:,| and|, and) (\d{4}))?")
        missing = {
            f"{path.relative_to(ROOT)}: {number}"
            for folder in ("docs", "infra", "libs", "protos", "services", "tests")
            for path in (ROOT / folder).rglob("*")
            if path.suffix in {".md", ".proto", ".py", ".yaml"}
            for match in named.finditer(path.read_text())
            for number in filter(None, match.groups())
            if number not in numbers
        }
        assert missing == set()

    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
    def test_each_is_one_page_of_the_same_parts(self, record: Path) -> None:
        lines = record.read_text().splitlines()
        assert lines[0].startswith(f"# {record.name[:4]}. ")
        assert len(lines) <= 60
        parts = [line.removeprefix("## ") for line in lines if line.startswith("## ")]
        assert parts[:4] == ["Context", "Decision", "Consequences", "Alternatives"]
