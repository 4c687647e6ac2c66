from pathlib import Path

import pytest

from tests.mutations.__main__ import choose
from tests.mutations.catalogue import MUTANTS
from tests.mutations.mutant import DoesNotApply, Mutant

ROOT = Path(__file__).resolve().parents[4]


class TestCatalogue:
    @pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name.replace(" ", "-"))
    def test_every_bug_can_still_be_planted(self, mutant: Mutant) -> None:
        changed = mutant.applied(ROOT)

        assert changed != (ROOT / mutant.file).read_text()
        if mutant.file.endswith(".py"):
            compile(changed, mutant.file, "exec")

    def test_the_tests_that_must_see_it_are_there(self) -> None:
        for mutant in MUTANTS:
            paths = [word for word in mutant.tests.split() if word.endswith(".py")]
            assert paths, mutant.name
            assert all((ROOT / path).is_file() for path in paths), mutant.name

    def test_there_are_many_and_no_two_are_the_same(self) -> None:
        assert len({(each.file, each.old, each.new) for each in MUTANTS}) == len(MUTANTS) >= 20


class TestMutant:
    def test_a_text_that_is_not_there_once_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "twice.py").write_text("a = 1\na = 1\n")
        for old in ("a = 1", "b = 1"):
            with pytest.raises(DoesNotApply):
                Mutant("a bug", "twice.py", old, "", "").applied(tmp_path)


class TestChoose:
    def test_by_words(self) -> None:
        assert [each.name for each in choose(["lease"], None, 0)] == ["a lease never ends"]

    def test_so_many_each_day_until_all_had_their_turn(self) -> None:
        days = range(len(MUTANTS))
        assert {each for day in days for each in choose([], 2, day)} == set(MUTANTS)
        assert len(choose([], 2, 5)) == 2
