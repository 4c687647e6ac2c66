import os
from pathlib import Path

import pytest

from tests.faults.failpoints import FIRED, Failpoint, Failpoints


class TestFailpoint:
    def test_what_happens_where_and_when(self) -> None:
        assert Failpoint.parse("publish.after:crash") == Failpoint("publish.after", "crash")
        assert Failpoint.parse("commit.before.*:error:30%") == Failpoint(
            "commit.before.*", "error", share=0.3
        )
        assert Failpoint.parse("call.after.Reserve:delay=0.5:2") == Failpoint(
            "call.after.Reserve", "delay", argument=0.5, nth=2
        )

    @pytest.mark.parametrize("line", ["", "crash", "a:explode", ":crash", "a:crash:soon"])
    def test_anything_else_is_refused(self, line: str) -> None:
        with pytest.raises(ValueError, match=r"not a failpoint|invalid literal"):
            Failpoint.parse(line)


class TestFailpoints:
    def points(self, tmp_path: Path, text: str, chance: float = 0.5) -> Failpoints:
        path = tmp_path / "comptoir_orders"
        path.write_text(text)
        return Failpoints(path, lambda: chance)

    def test_without_a_file_nothing_is_armed(self, tmp_path: Path) -> None:
        assert Failpoints(tmp_path / "none").take("publish.after") is None

    def test_the_nth_time_and_then_never_again(self, tmp_path: Path) -> None:
        points = self.points(tmp_path, "commit.after.*:crash:2")

        taken = [points.take(f"commit.after.{name}") is not None for name in "ABC"]

        assert taken == [False, True, False]

    def test_one_of_several_replicas_takes_it_whoever_comes_the_nth_time(
        self, tmp_path: Path
    ) -> None:
        one = self.points(tmp_path, "commit.after.A:crash:3\ncommit.after.B:crash")
        other = Failpoints(tmp_path / "comptoir_orders")

        taken = [each.take("commit.after.A") is not None for each in (one, other, other, one)]

        assert taken == [False, False, True, False]
        assert other.take("commit.after.B") is not None
        assert one.take("commit.after.B") is None

    def test_what_is_armed_anew_is_counted_anew(self, tmp_path: Path) -> None:
        points = self.points(tmp_path, "publish.after:crash")
        assert points.take("publish.after") is not None
        path = tmp_path / "comptoir_orders"
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))

        assert points.take("publish.after") is not None

    def test_a_share_of_the_times_for_ever(self, tmp_path: Path) -> None:
        text = "publish.after:dup:50%"

        assert self.points(tmp_path, text, chance=0.4).take("publish.after") is not None
        assert self.points(tmp_path, text, chance=0.6).take("publish.after") is None

    def test_other_points_pass(self, tmp_path: Path) -> None:
        assert self.points(tmp_path, "publish.after:crash").take("publish.before") is None

    async def test_a_test_learns_that_a_point_was_reached(self, tmp_path: Path) -> None:
        points = self.points(tmp_path, "publish.before:delay=0")

        assert await points.reach("publish.before") == "delay"
        told = (tmp_path / "comptoir_orders").with_suffix(FIRED).read_text()
        assert told == f"{os.getpid()} publish.before\n"
