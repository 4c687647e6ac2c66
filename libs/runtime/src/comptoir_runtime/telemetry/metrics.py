"""Counters and histograms kept in the process; cheap enough for every call.

Nothing is exported unless telemetry is on: then `setup` reads them out at the
export interval, so a measurement never costs more than a dictionary update.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

Labels = tuple[str, ...]

# Seconds. Chosen around what a call takes: a fraction of a millisecond to the longest deadline.
DURATION_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Counter:
    """A sum per combination of label values. May go down when used as a gauge."""

    __slots__ = ("description", "label_names", "name", "values")

    def __init__(self, name: str, description: str, label_names: Labels) -> None:
        self.name = name
        self.description = description
        self.label_names = label_names
        self.values: dict[Labels, float] = {}

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount

    def value(self, labels: Labels = ()) -> float:
        return self.values.get(labels, 0)


class Histogram:
    """Counts per bucket; `bounds` are upper limits, the last bucket is open."""

    __slots__ = ("bounds", "description", "label_names", "name", "series")

    def __init__(
        self, name: str, description: str, label_names: Labels, bounds: Sequence[float]
    ) -> None:
        self.name = name
        self.description = description
        self.label_names = label_names
        self.bounds = tuple(bounds)
        self.series: dict[Labels, list[float]] = {}

    def record(self, value: float, labels: Labels = ()) -> None:
        row = self.series.get(labels)
        if row is None:  # one count per bucket, then the sum of the values
            row = self.series[labels] = [0.0] * (len(self.bounds) + 2)
        row[bisect_left(self.bounds, value)] += 1
        row[-1] += value

    def count(self, labels: Labels = ()) -> int:
        row = self.series.get(labels)
        return 0 if row is None else int(sum(row[:-1]))

    def total(self, labels: Labels = ()) -> float:
        row = self.series.get(labels)
        return 0.0 if row is None else row[-1]

    def cumulative(self) -> Iterator[tuple[Labels, str, float]]:
        """Each series as (labels, upper bound, count up to that bound)."""
        for labels, row in self.series.items():
            running = 0.0
            for bound, amount in zip((*map(str, self.bounds), "+Inf"), row[:-1], strict=True):
                running += amount
                yield labels, bound, running


_counters: dict[str, Counter] = {}
_histograms: dict[str, Histogram] = {}


def counter(name: str, description: str = "", label_names: Labels = ()) -> Counter:
    """The process's counter of that name, made on first use."""
    found = _counters.get(name)
    if found is None:
        found = _counters[name] = Counter(name, description, label_names)
    return found


def histogram(
    name: str,
    description: str = "",
    label_names: Labels = (),
    bounds: Sequence[float] = DURATION_BOUNDS,
) -> Histogram:
    """The process's histogram of that name, made on first use; seconds unless said otherwise."""
    found = _histograms.get(name)
    if found is None:
        found = _histograms[name] = Histogram(name, description, label_names, bounds)
    return found


def all_counters() -> list[Counter]:
    return list(_counters.values())


def all_histograms() -> list[Histogram]:
    return list(_histograms.values())
