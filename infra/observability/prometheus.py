"""Metrics of the registry as Prometheus knows them, once it has taken them in over OTLP.

With its default strategy, `UnderscoreEscapingWithSuffixes`: dots become underscores, a unit is
written out and added, a counter ends with `_total`.
"""

import re
from collections.abc import Iterator

from comptoir_runtime.telemetry.names import METRICS, Kind, Metric

UNITS = {"s": "seconds", "By": "bytes"}
OF_EVERY_SERIES = frozenset({"job", "instance"})
"""From the resource: `comptoir/cart`, and the id of the replica."""

_WORDS = """
absent and avg bool by count group group_left histogram_quantile ignoring increase label_values
max min offset on or present_over_time rate sum time topk unless without"""
_FUNCTIONS = frozenset(_WORDS.split())
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\w+")
_LABELS = re.compile(r"\{([^}]*)\}")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


def translated(name: str) -> str:
    """A name with what Prometheus does not take replaced."""
    return re.sub(r"[^a-zA-Z0-9:]+", "_", name).strip("_")


def base_name(metric: Metric) -> str:
    """The name of the metric, before what a histogram adds to it."""
    words = translated(metric.name)
    unit = UNITS.get(metric.unit, "")
    if metric.unit == "1" and metric.kind is Kind.GAUGE:
        unit = "ratio"
    if unit and not words.endswith(f"_{unit}"):
        words += f"_{unit}"
    return f"{words}_total" if metric.kind is Kind.COUNTER else words


def series_of(metric: Metric) -> dict[str, frozenset[str]]:
    """The names of its series, each with its labels."""
    labels = OF_EVERY_SERIES | {translated(key) for key in metric.attributes}
    name = base_name(metric)
    if metric.kind is not Kind.HISTOGRAM:
        return {name: labels}
    return {f"{name}_bucket": labels | {"le"}, f"{name}_count": labels, f"{name}_sum": labels}


SERIES = {name: labels for metric in METRICS for name, labels in series_of(metric).items()}


def series_in(query: str) -> set[str]:
    """The names of series that a PromQL query asks for, known or not."""
    query = _GROUPING.sub(" ", _LABELS.sub(" ", _RANGE.sub(" ", _TEXT.sub(" ", query))))
    return {word for word in _NAME.findall(query) if word not in _FUNCTIONS}


def labels_in(query: str) -> set[str]:
    """The names of labels that a PromQL query asks for."""
    query = _RANGE.sub(" ", _TEXT.sub(" ", query))
    return set(_of_groups(query)) | set(_of_matchers(query))


def _of_groups(query: str) -> Iterator[str]:
    for inside in _GROUPING.findall(query):
        yield from _NAME.findall(inside)


def _of_matchers(query: str) -> Iterator[str]:
    for inside in _LABELS.findall(query):
        yield from re.findall(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)", inside)


def matchers_in(query: str) -> list[tuple[str, str]]:
    """The labels that a PromQL query compares with a value or a pattern, each with that."""
    return re.findall(r'([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*"([^"]*)"', query)


def alternatives(pattern: str) -> list[str]:
    """`a(b|c)` → `ab`, `ac`: each may be what nobody tells."""
    group = re.search(r"\(([^()]*)\)", pattern)
    if group is None:
        return pattern.split("|")
    before, after = pattern[: group.start()], pattern[group.end() :]
    return [f"{before}{each}{after}" for each in group[1].split("|")]


def complaints(query: str) -> list[str]:
    """What of a query nobody tells, or no series of it has."""
    asked = series_in(query)
    unknown = sorted(asked - SERIES.keys())
    labels = set().union(*(SERIES[name] for name in asked & SERIES.keys()))
    return [f"no metric {name}" for name in unknown] + [
        f"no label {label}" for label in sorted(labels_in(query) - labels)
    ]
