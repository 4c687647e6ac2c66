"""The test runner finds every folder of tests, and adds up honestly."""

import asyncio
from pathlib import Path

import pytest

from infra.dev import run_tests
from infra.dev.run_tests import (
    KINDS,
    ROOT,
    Run,
    Totals,
    discover,
    execute,
    patience,
    read_failures,
    read_totals,
    select,
)

REPORT = """<?xml version="1.0"?>
<testsuites><testsuite tests="7" failures="1" errors="1" skipped="2"/></testsuites>
"""
FAILED = """<?xml version="1.0"?>
<testsuites><testsuite tests="3">
<testcase classname="pim.test_import" name="test_it"><failure message="no">one
assert 1 == 2</failure></testcase>
<testcase classname="pim.test_import" name="test_set_up"><error message="no server"/></testcase>
<testcase classname="pim.test_import" name="test_well"/>
</testsuite></testsuites>
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "libs/runtime/tests/unit/test_ids.py",
        "services/cart/tests/unit/test_domain.py",
        "services/pim/tests/unit/test_domain.py",
        "services/pim/tests/integration/test_import.py",
        "tests/architecture/test_rooms.py",
        "tests/journeys/test_checkout.py",
        "tests/load/tests/unit/test_figures.py",
        "tests/faults/test_bus.py",
        "tests/faults/test_crashes.py",
        "tests/faults/test_database.py",
        "tests/faults/tests/unit/test_judge.py",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "services/orders/tests/unit").mkdir(parents=True)
    return tmp_path


class TestDiscover:
    def test_each_service_is_a_run_of_its_own(self, tree: Path) -> None:
        assert [run.name for run in discover(tree, "unit")] == [
            "runtime",
            "cart",
            "pim",
            "architecture",
            "load",
            "faults",
        ]
        assert [run.name for run in discover(tree, "integration")] == ["pim"]
        assert [run.name for run in discover(tree, "journeys")] == ["journeys"]

    def test_files_of_one_pattern_are_one_run(self, tree: Path) -> None:
        found = {run.name: run.targets for run in discover(tree, "faults")}
        bus, crashes, database = (
            str(tree / f"tests/faults/test_{name}.py") for name in ("bus", "crashes", "database")
        )
        assert found == {"bus": [bus, database], "crashes": [crashes]}

    def test_each_file_of_faults_is_in_one_run(self) -> None:
        found = [Path(name).name for run in discover(ROOT, "faults") for name in run.targets]
        assert sorted(found) == sorted(file.name for file in (ROOT / "tests/faults").glob("test_*"))

    @pytest.mark.parametrize("kind", KINDS)
    def test_each_run_has_a_name_of_its_own_as_its_report_has(self, kind: str) -> None:
        names = [run.name for run in discover(ROOT, kind)]
        assert len(set(names)) == len(names) > 0


class TestSelect:
    def test_without_paths_all_runs_remain(self, tree: Path) -> None:
        assert len(select(discover(tree, "unit"), [])) == 6

    def test_a_folder_selects_what_lies_in_it(self, tree: Path) -> None:
        runs = select(discover(tree, "unit"), [tree / "services"])
        assert [run.name for run in runs] == ["cart", "pim"]

    def test_a_file_narrows_its_run(self, tree: Path) -> None:
        file = tree / "services/pim/tests/unit/test_domain.py"
        (run,) = select(discover(tree, "unit"), [file])
        assert run.targets == [str(file)]

    def test_a_single_test_narrows_its_run(self, tree: Path) -> None:
        test = tree / "services/pim/tests/unit/test_domain.py::TestProduct::test_name"
        (run,) = select(discover(tree, "unit"), [test])
        assert run.targets == [str(test)]

    def test_so_does_a_single_test_where_the_file_is_the_run(self, tree: Path) -> None:
        file = tree / "tests/faults/test_bus.py"
        test = tree / "tests/faults/test_bus.py::TestOutages::test_f5"
        assert [run.targets for run in select(discover(tree, "faults"), [test])] == [[str(test)]]
        assert [run.targets for run in select(discover(tree, "faults"), [file])] == [[str(file)]]


class TestReadTotals:
    def test_an_error_in_a_fixture_counts_as_failed(self, tmp_path: Path) -> None:
        report = tmp_path / "report.xml"
        report.write_text(REPORT)
        assert read_totals(report) == Totals(passed=3, failed=2, skipped=2)

    def test_no_report_means_no_tests(self, tmp_path: Path) -> None:
        assert read_totals(tmp_path / "absent.xml") == Totals()


class TestReadFailures:
    def test_each_failed_test_is_named_with_its_last_words(self, tmp_path: Path) -> None:
        report = tmp_path / "report.xml"
        report.write_text(FAILED)
        assert read_failures(report) == [
            "pim.test_import::test_it\n    one\n    assert 1 == 2",
            "pim.test_import::test_set_up\n    no server",
        ]

    def test_what_many_say_is_said_once(self, tmp_path: Path) -> None:
        report = tmp_path / "report.xml"
        report.write_text(
            FAILED.replace('test_well"/>', 'test_well"><error message="no server"/></testcase>')
        )
        assert read_failures(report)[1:] == [
            "pim.test_import::test_set_up\npim.test_import::test_well\n    no server",
        ]

    def test_no_report_means_none(self, tmp_path: Path) -> None:
        assert read_failures(tmp_path / "absent.xml") == []


class TestExecute:
    @pytest.fixture
    def written(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A test that writes, in a tree of its own."""
        monkeypatch.setattr(run_tests, "ROOT", tmp_path)
        test = tmp_path / "test_it.py"
        test.write_text("def test_it(tmp_path):\n    open('where', 'w').write(str(tmp_path))\n")
        return test

    def test_what_its_tests_wrote_is_its_own_and_removed(self, written: Path) -> None:
        run = Run("it", [str(written)])

        asyncio.run(execute(run, "unit", [], 2))

        assert (run.returncode, str(run.totals)) == (0, "1 passed, 0 failed, 0 skipped")
        folder = Path((written.parent / "where").read_text())
        assert folder.parent.name == "it"
        assert folder.parent.parent.name.startswith("comptoir-unit-")
        assert not folder.parent.parent.exists()

    def test_one_that_ends_without_a_failed_test_is_told_with_its_last_words(
        self, written: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        run = Run("it", [f"{written}::test_another"])

        asyncio.run(execute(run, "unit", [], 2))

        assert run.totals.failed == 1
        [failure] = run.failures
        assert failure.startswith("it: pytest ended with 4\n")
        assert "not found" in failure
        kept = Path(capsys.readouterr().out.partition("kept in ")[2].strip())
        assert kept.is_dir()
        kept.rmdir()


class TestPatience:
    def test_faults_may_take_longer_and_a_night_when_told_so(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("FAULTS_SIZE", raising=False)
        assert patience("unit") == 1200 < patience("journeys") < patience("faults")
        monkeypatch.setenv("FAULTS_SIZE", "full")
        assert patience("unit") == 1200
        assert patience("faults") == 12 * 3600
