"""Instruments kept in the process; cheap enough for every call.

Nothing is exported unless telemetry is on: then `opentelemetry` reads them out at the export
interval, so a measurement never costs more than a dictionary update.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

from comptoir_runtime.telemetry.names import Kind, Metric

Labels = tuple[str, ...]
Values = Mapping[Labels, float]

# Seconds. Chosen around what a call takes: a fraction of a millisecond to the longest deadline.
DURATION_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Counter:
    """A sum per combination of attributes; `Kind` says whether it may shrink."""

    __slots__ = ("metric", "values")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.values: dict[Labels, float] = {}

    def add(self, amount: float = 1, labels: Labels = ()) -> None:
        self.values[labels] = self.values.get(labels, 0) + amount

    def value(self, labels: Labels = ()) -> float:
        return self.values.get(labels, 0)

    def read(self) -> Values:
        return dict(self.values)


class Gauge:
    """Values as they are now: told from time to time, or read when somebody wants to know."""

    __slots__ = ("_readers", "metric", "values")

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.values: dict[Labels, float] = {}
        self._readers: list[Callable[[], Values]] = []

    def set(self, value: float, labels: Labels = ()) -> None:
        self.values[labels] = value

    def replace(self, values: Values) -> None:
        """All values at once; what was there before and is not any more is 0."""
        self.values = {**dict.fromkeys(self.values, 0.0), **values}

    def watch(self, reader: Callable[[], Values]) -> Callable[[], None]:
        """Asks `reader` at each export, in another thread; the answer ends it."""
        self._readers.append(reader)

        def end() -> None:
            self._readers = [each for each in self._readers if each is not reader]

        return end

    def read(self) -> Values:
        """What is known now; of several readers that say the same, the sum."""
        found = dict(self.values)
        for reader in list(self._readers):
            for labels, value in reader().items():
                found[labels] = found.get(labels, 0) + value
        return found


class Histogram:
    """Counts per bucket; `bounds` are upper limits, the last bucket is open."""

    __slots__ = ("bounds", "metric", "series")

    def __init__(self, metric: Metric, bounds: Sequence[float] = DURATION_BOUNDS) -> None:
        self.metric = metric
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

    def read(self) -> Iterator[tuple[Labels, list[int], float]]:
        """Each series as its attributes, its counts per bucket, and the sum of its values."""
        for labels, row in list(self.series.items()):
            yield labels, [int(count) for count in row[:-1]], row[-1]


_sums: dict[str, Counter] = {}
_gauges: dict[str, Gauge] = {}
_histograms: dict[str, Histogram] = {}


def counter(metric: Metric) -> Counter:
    """The process's counter of that metric, made on first use."""
    assert metric.kind in (Kind.COUNTER, Kind.UP_DOWN_COUNTER), metric.name
    return _sums.setdefault(metric.name, Counter(metric))


def gauge(metric: Metric) -> Gauge:
    """The process's gauge of that metric, made on first use; also for sums that are read."""
    assert metric.kind is not Kind.HISTOGRAM, metric.name
    return _gauges.setdefault(metric.name, Gauge(metric))


def histogram(metric: Metric) -> Histogram:
    """The process's histogram of that metric, in seconds, made on first use."""
    assert metric.kind is Kind.HISTOGRAM, metric.name
    return _histograms.setdefault(metric.name, Histogram(metric))


def all_readable() -> list[Counter | Gauge]:
    return [*_sums.values(), *_gauges.values()]


def all_histograms() -> list[Histogram]:
    return list(_histograms.values())
