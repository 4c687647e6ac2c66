import pytest

from comptoir_runtime.pace import Pace


class TestPace:
    def test_what_comes_after_a_pause_is_done_at_once(self) -> None:
        pace = Pace(longest=0.1)
        assert pace.pause(1000.0) == 0.0
        pace.begin(1000.0)
        assert pace.pause(1000.1) == 0.0

    def test_the_longer_it_goes_on_the_more_is_gathered(self) -> None:
        pace, now, gathered = Pace(longest=0.1), 1000.0, []
        pace.begin(now)
        for _ in range(6):
            gathered.append(pace.pause(now))
            now += gathered[-1]
            pace.begin(now)

        assert gathered == pytest.approx([0.01, 0.02, 0.04, 0.08, 0.1, 0.1])

    def test_the_time_since_the_last_batch_counts(self) -> None:
        pace = Pace(longest=0.1)
        pace.begin(1000.0)
        assert pace.pause(1000.004) == pytest.approx(0.006)
        assert pace.pause(1000.05) == 0.0

    def test_a_pause_begins_anew(self) -> None:
        pace = Pace(longest=0.1)
        pace.begin(1000.0)
        for _ in range(5):
            pace.pause(1000.0)
        assert pace.pause(1000.2) == 0.0
        pace.begin(1000.2)
        assert pace.pause(1000.2) == pytest.approx(0.01)
