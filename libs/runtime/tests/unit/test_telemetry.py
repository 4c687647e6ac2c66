import json
import logging

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import opentelemetry, traces
from comptoir_runtime.telemetry.logs import JsonFormatter
from comptoir_runtime.telemetry.metrics import Counter, Histogram

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

    async def test_a_span_that_is_not_recorded_carries_its_parent(self) -> None:
        before = telemetry.current_traceparent()
        with telemetry.span("work", PARENT):
            assert telemetry.current_traceparent() == PARENT
        assert telemetry.current_traceparent() == before


class TestRecording:
    async def test_spans_continue_the_trace_of_the_caller(self) -> None:
        exporter = InMemorySpanExporter()
        recorder, close = opentelemetry.assemble(
            "demo", 1.0, SimpleSpanProcessor(exporter), InMemoryMetricReader()
        )
        traces.install(recorder)
        try:
            with telemetry.span("outer", PARENT, {"a": "b"}), telemetry.span("inner"):
                assert telemetry.current_trace_id() == PARENT[3:35]
                assert telemetry.current_traceparent() != PARENT
        finally:
            traces.install(None)
        inner, outer = exporter.get_finished_spans()
        close()
        assert (inner.name, outer.name) == ("inner", "outer")
        assert outer.parent is not None
        assert f"{outer.parent.span_id:016x}" == "00f067aa0ba902b7"
        assert inner.parent is not None
        assert inner.parent.span_id == outer.context.span_id
        assert outer.attributes == {"a": "b"}

    async def test_counters_and_histograms_are_read_out_when_exported(self) -> None:
        counted = telemetry.counter("demo.things", "Things", ("colour",))
        spread = telemetry.histogram("demo.size", "Size", (), bounds=(1, 2))
        reader = InMemoryMetricReader()
        _, close = opentelemetry.assemble(
            "demo", 1.0, SimpleSpanProcessor(InMemorySpanExporter()), reader
        )
        counted.add(2, ("red",))
        spread.record(1.5)
        exported = reader.get_metrics_data()
        close()
        assert exported is not None
        data = json.loads(exported.to_json())
        metrics = {
            metric["name"]: metric["data"]["data_points"]
            for metric in data["resource_metrics"][0]["scope_metrics"][0]["metrics"]
        }
        (point,) = metrics["demo.things"]
        assert (point["attributes"], point["value"]) == ({"colour": "red"}, 2)
        buckets = {each["attributes"]["le"]: each["value"] for each in metrics["demo.size.bucket"]}
        assert buckets == {"1": 0, "2": 1, "+Inf": 1}


class TestMetrics:
    def test_a_counter_sums_by_labels(self) -> None:
        counter = Counter("c", "", ("a",))
        counter.add(1, ("x",))
        counter.add(2, ("x",))
        assert counter.value(("x",)) == 3
        assert counter.value(("y",)) == 0

    def test_a_histogram_counts_by_bucket(self) -> None:
        histogram = Histogram("h", "", (), bounds=(1, 2))
        for value in (0.5, 1, 1.5, 99):
            histogram.record(value)
        assert list(histogram.cumulative()) == [((), "1", 2), ((), "2", 3), ((), "+Inf", 4)]
        assert histogram.count() == 4
        assert histogram.total() == 102


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
