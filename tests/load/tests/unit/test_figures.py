import json
from pathlib import Path

import pytest

from tests.load.figures import Figure, WrongResult, latencies, percentile, significant, write


class TestPercentile:
    def test_it_is_a_sample_that_occurred_never_one_in_between(self) -> None:
        assert percentile([4.0, 1.0, 3.0, 2.0], 50) == 2.0
        assert percentile([4.0, 1.0, 3.0, 2.0], 99) == 4.0

    def test_of_a_hundred_samples_the_99th_is_the_last_but_one(self) -> None:
        assert percentile([float(n) for n in range(1, 101)], 99) == 99.0

    def test_of_one_sample_it_is_that_sample(self) -> None:
        assert percentile([7.0], 50) == 7.0

    def test_of_nothing_it_is_refused(self) -> None:
        with pytest.raises(WrongResult, match="nothing was measured"):
            percentile([], 50)

    def test_latencies_are_told_in_milliseconds(self) -> None:
        assert latencies("checkout", [0.002, 0.001, 0.25]) == [
            Figure("checkout.p50", 2.0, "ms"),
            Figure("checkout.p99", 250.0, "ms"),
        ]


class TestSignificant:
    @pytest.mark.parametrize(
        ("value", "written"), [(123456.0, 123500.0), (0.0123456, 0.01235), (50.0, 50.0), (0.0, 0.0)]
    )
    def test_four_digits_are_kept(self, value: float, written: float) -> None:
        assert significant(value) == written


class TestWrite:
    def test_a_file_is_a_list_of_objects_and_a_reference_brings_its_ratio(
        self, tmp_path: Path
    ) -> None:
        figures = [
            Figure("checkout", 80.0, "journeys/s", 4000.0),
            Figure("checkout.p50", 9.5, "ms"),
        ]

        path = write(tmp_path / "bench", "checkout", figures)

        assert path == tmp_path / "bench" / "checkout.json"
        assert json.loads(path.read_text()) == [
            {
                "name": "checkout",
                "value": 80.0,
                "unit": "journeys/s",
                "reference": 4000.0,
                "ratio": 0.02,
            },
            {"name": "checkout.p50", "value": 9.5, "unit": "ms"},
        ]

    @pytest.mark.parametrize("figures", [[], [Figure("checkout.p50", 1.0, "ms")]])
    def test_the_first_object_must_bear_the_name(
        self, tmp_path: Path, figures: list[Figure]
    ) -> None:
        with pytest.raises(ValueError, match="must be called checkout"):
            write(tmp_path, "checkout", figures)

        assert not list(tmp_path.iterdir())

    def test_a_reference_of_zero_gives_no_ratio(self) -> None:
        assert Figure("x", 1.0, "s", 0.0).as_json() == {"name": "x", "value": 1.0, "unit": "s"}
