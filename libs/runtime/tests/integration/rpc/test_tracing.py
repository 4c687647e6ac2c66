from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from comptoir_runtime.errors import RemoteFailure
from comptoir_runtime.telemetry import opentelemetry, traces
from comptoir_testing.demo import GetNoteRequest
from libs.runtime.tests.integration.rpc.notes import Running

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
METADATA = (("traceparent", PARENT),)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    recorder, close = opentelemetry.assemble(
        "demo", 1.0, SimpleSpanProcessor(exporter), InMemoryMetricReader()
    )
    traces.install(recorder)
    yield exporter
    traces.install(None)
    close()


@pytest.fixture
def traced(spans: InMemorySpanExporter, running: Running) -> Running:
    """The service, started after tracing was turned on."""
    return running


def only(spans: InMemorySpanExporter) -> ReadableSpan:
    (span,) = spans.get_finished_spans()
    return span


class TestTracing:
    async def test_a_call_is_a_span_in_the_callers_trace(
        self, spans: InMemorySpanExporter, traced: Running
    ) -> None:
        await traced.client.call("GetNote", GetNoteRequest(), metadata=METADATA)
        span = only(spans)
        assert span.name == "comptoir.demo.v1.DemoService/GetNote"
        assert span.parent is not None
        assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == PARENT[3:52]
        assert span.status.is_ok

    async def test_a_refused_call_is_marked(
        self, spans: InMemorySpanExporter, traced: Running
    ) -> None:
        with pytest.raises(RemoteFailure):
            await traced.client.call("GetNote", GetNoteRequest(text="broken"), metadata=METADATA)
        assert only(spans).status.description == "internal error"
