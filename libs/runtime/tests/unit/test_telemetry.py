import importlib
import json
import logging
import math
import pkgutil
import sys
from types import ModuleType
from typing import Any

import pytest
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    InMemoryMetricReader,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    PeriodicExportingMetricReader,
)
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes, metrics

from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import names, opentelemetry, traces
from comptoir_runtime.telemetry.logs import JsonFormatter
from comptoir_runtime.telemetry.metrics import Counter, Gauge, Histogram
from comptoir_runtime.telemetry.names import Kind, Metric
from comptoir_testing.telemetry import Told

LOG = logging.getLogger("comptoir_runtime.x")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


class TestPropagation:
    async def test_the_callers_context_is_taken_over(self) -> None:
        telemetry.continue_trace(PARENT)
        assert telemetry.current_traceparent() == PARENT
        assert telemetry.current_trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736"

    @pytest.mark.parametrize("bad", [None, "", "x", PARENT + "\n", PARENT.replace("4bf9", "XYZ!")])
    async def test_a_missing_or_malformed_context_is_replaced(self, bad: str | None) -> None:
        telemetry.continue_trace(bad)
        made = telemetry.current_traceparent()
        assert made is not None
        assert made != bad
        assert traces.valid(made) == made
        assert made.endswith("-00")

    async def test_what_is_said_within_a_trace_is_part_of_it(self) -> None:
        before = telemetry.current_traceparent()
        with telemetry.within(PARENT):
            assert telemetry.current_traceparent() == PARENT
            with telemetry.within("x"):
                assert telemetry.current_trace_id() is None
        assert telemetry.current_traceparent() == before

    async def test_a_span_that_is_not_recorded_carries_its_parent(self) -> None:
        before = telemetry.current_traceparent()
        with telemetry.span("work", PARENT):
            assert telemetry.current_traceparent() == PARENT
        assert telemetry.current_traceparent() == before


class TestRecording:
    async def test_spans_continue_the_trace_of_the_caller(self) -> None:
        told = Told()
        with told.by("demo"), telemetry.span("outer", PARENT, {"a": "b"}), telemetry.span("inner"):
            assert telemetry.current_trace_id() == PARENT[3:35]
            assert telemetry.current_traceparent() != PARENT
        inner, outer = told.spans
        assert (inner.name, outer.name) == ("inner", "outer")
        assert outer.parent is not None
        assert f"{outer.parent.span_id:016x}" == "00f067aa0ba902b7"
        assert inner.parent is not None
        assert inner.parent.span_id == outer.context.span_id
        assert outer.attributes == {"a": "b"}

    async def test_counters_and_gauges_are_read_out_when_exported(self) -> None:
        counted = telemetry.counter(metric("demo.things", Kind.COUNTER, "colour"))
        read = telemetry.gauge(metric("demo.now", Kind.UP_DOWN_COUNTER))
        end = read.watch(lambda: {(): 5})
        reader = InMemoryMetricReader()
        with Told().by("demo", reader):
            counted.add(2, ("red",))
            exported = reader.get_metrics_data()
        assert exported is not None
        data = json.loads(exported.to_json())
        metrics = {
            metric["name"]: metric["data"]["data_points"]
            for metric in data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
        }
        (point,) = metrics["demo.things"]
        assert (point["attributes"], point["value"]) == ({"colour": "red"}, 2)
        (now,) = metrics["demo.now"]
        assert (now["attributes"], now["value"]) == ({}, 5)
        end()
        assert read.read() == {}

    def test_histograms_are_added_to_what_the_sdk_exports(self) -> None:
        spread = telemetry.histogram(metric("demo.duration", Kind.HISTOGRAM, "route"))
        spread.record(0.03, ("/a",))
        kept = Kept()
        reader = PeriodicExportingMetricReader(
            opentelemetry.WithHistograms(kept), export_interval_millis=math.inf
        )
        counted = telemetry.counter(metric("demo.others", Kind.COUNTER))
        counted.add()
        with Told().by("demo", reader):
            reader.collect()
        (resource,) = kept.exported[0].resource_metrics
        assert resource.resource.attributes["service.name"] == "demo"
        assert resource.resource.attributes["service.namespace"] == "comptoir"
        found = {each.name: each for scope in resource.scope_metrics for each in scope.metrics}
        (other,) = found["demo.others"].data.data_points
        assert isinstance(other, NumberDataPoint)
        assert other.value == 1
        (point,) = found["demo.duration"].data.data_points
        assert isinstance(point, HistogramDataPoint)
        assert (point.attributes, point.count, point.sum) == ({"route": "/a"}, 1, 0.03)
        assert point.bucket_counts[point.explicit_bounds.index(0.05)] == 1
        assert encode_metrics(kept.exported[0]).resource_metrics[0].scope_metrics


class TestExportedLines:
    async def test_a_line_arrives_with_the_trace_of_what_it_is_about(self) -> None:
        told = Told()
        with told.by("demo"), telemetry.span("work", PARENT):
            LOG.warning("got %s", "it", extra={"port": 5, "names": ["a", "b"]})
        (span,), (line,) = told.spans, told.lines
        record = line.log_record
        assert (record.body, record.severity_text) == ("got it", "warning")
        assert record.severity_number is SeverityNumber.WARN
        assert record.attributes == {"comptoir.port": 5, "comptoir.names": "['a', 'b']"}
        assert (record.trace_id, record.span_id) == (int(PARENT[3:35], 16), span.context.span_id)
        assert line.instrumentation_scope is not None
        assert line.instrumentation_scope.name == LOG.name
        assert line.resource.attributes["service.name"] == "demo"
        assert line.resource.attributes == span.resource.attributes

    async def test_it_bears_the_callers_trace_where_nothing_is_recorded(self) -> None:
        told = Told()
        with told.by("demo"), telemetry.within(PARENT):
            LOG.warning("said")
        (line,) = told.lines
        assert line.log_record.trace_id == int(PARENT[3:35], 16)
        assert line.log_record.span_id == int(PARENT[36:52], 16)

    async def test_an_exception_says_what_the_console_says(self) -> None:
        told = Told()
        try:
            raise ValueError("a reason")
        except ValueError:
            failed = LOG.makeRecord(LOG.name, logging.ERROR, "f", 1, "no", (), sys.exc_info())
        with told.by("demo"):
            LOG.handle(failed)
        (line,) = told.lines
        console = json.loads(JsonFormatter("demo").format(failed))
        assert line.log_record.body == console["message"]
        assert line.log_record.attributes == {
            "exception.type": "ValueError",
            "exception.stacktrace": console["exception"],
        }

    async def test_what_the_exporter_itself_says_stays_on_the_console(self) -> None:
        told = Told()
        with told.by("demo"):
            logging.getLogger("opentelemetry.sdk").error("the collector does not answer")
        assert told.lines == ()

    async def test_nothing_is_handed_on_once_it_is_closed(self) -> None:
        told, before = Told(), list(logging.getLogger().handlers)
        with told.by("demo"):
            assert logging.getLogger().handlers != before
        LOG.error("late")
        assert told.lines == ()
        assert logging.getLogger().handlers == before

    def test_without_an_endpoint_nobody_listens(self) -> None:
        before = list(logging.getLogger().handlers)
        telemetry.export("demo", "")
        assert logging.getLogger().handlers == before
        assert not telemetry.exporting()


class TestMetrics:
    def test_a_counter_sums_by_labels(self) -> None:
        counter = Counter(metric("c", Kind.COUNTER, "a"))
        counter.add(1, ("x",))
        counter.add(2, ("x",))
        assert counter.value(("x",)) == 3
        assert counter.value(("y",)) == 0

    def test_a_histogram_counts_by_bucket(self) -> None:
        histogram = Histogram(metric("h", Kind.HISTOGRAM), bounds=(1, 2))
        for value in (0.5, 1, 1.5, 99):
            histogram.record(value)
        assert list(histogram.read()) == [((), [2, 1, 1], 102)]
        assert histogram.count() == 4
        assert histogram.total() == 102

    def test_what_is_gone_from_a_gauge_is_zero(self) -> None:
        gauge = Gauge(metric("g", Kind.GAUGE, "a"))
        gauge.replace({("x",): 3, ("y",): 1})
        gauge.replace({("y",): 2})
        assert gauge.read() == {("x",): 0, ("y",): 2}

    def test_who_watches_the_same_is_added_up_until_it_ends(self) -> None:
        gauge = Gauge(metric("g", Kind.GAUGE, "a"))
        end = gauge.watch(lambda: {("x",): 1})
        gauge.watch(lambda: {("x",): 2})
        assert gauge.read() == {("x",): 3}
        end()
        end()
        assert gauge.read() == {("x",): 2}


class TestNames:
    """What is not ours is called as OpenTelemetry calls it."""

    def test_metrics_are_those_of_the_semantic_conventions_or_begin_with_our_name(self) -> None:
        theirs = texts_of(metrics)
        for each in names.METRICS:
            assert each.name.startswith("comptoir.") or each.name in theirs, each.name
        assert len({each.name for each in names.METRICS}) == len(names.METRICS)

    def test_attributes_are_those_of_the_semantic_conventions_or_begin_with_our_name(self) -> None:
        theirs = texts_of(attributes) | texts_of(stable)
        ours = {text for text in names_in(names) if "." in text}
        ours -= {each.name for each in names.METRICS}
        for text in ours:
            assert text.startswith("comptoir.") or text in theirs, text
        assert {key for each in names.METRICS for key in each.attributes} <= ours


def metric(name: str, kind: Kind, *attributes: str) -> Metric:
    return Metric(name, kind, "1", "A sample", attributes)


class Kept(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.exported: list[MetricsData] = []

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        self.exported.append(metrics_data)
        return MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        """Nothing to do."""


def names_in(module: ModuleType) -> set[str]:
    """The texts of the constants of a module."""
    return {
        value for key, value in vars(module).items() if key.isupper() and isinstance(value, str)
    }


def texts_of(package: ModuleType) -> set[str]:
    """The texts of all constants below a package."""
    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}")
        for each in pkgutil.iter_modules(package.__path__)
    ]
    return set().union(*map(names_in, modules))


class TestLogs:
    async def test_a_line_is_one_json_object_with_fields_and_trace(self) -> None:
        telemetry.continue_trace(PARENT)
        record = logging.makeLogRecord(
            {"name": "comptoir_runtime.x", "levelname": "INFO", "msg": "got %s", "args": ("it",)}
        )
        record.port = 5
        line = json.loads(JsonFormatter("demo").format(record))
        assert line["message"] == "got it"
        assert line["level"] == "info"
        assert line["service"] == "demo"
        assert line["port"] == 5
        assert line["trace_id"] == PARENT[3:35]
        assert line["time"].endswith("+00:00")
