"""The OpenTelemetry side of telemetry: spans and metrics to an OTLP endpoint."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from comptoir_runtime.telemetry.metrics import (
    Counter,
    Histogram,
    Labels,
    all_counters,
    all_histograms,
)


class SpanRecorder:
    """Records spans with the SDK; the caller's context arrives as a traceparent."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Span:
        context = None if parent is None else set_span_in_context(_remote(parent))
        return self._tracer.start_span(name, context=context, attributes=dict(attributes))

    def traceparent(self, span: Span) -> str:
        own = span.get_span_context()
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def finish(self, span: Span, error: str | None) -> None:
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end()


def start(service: str, endpoint: str, ratio: float) -> tuple[SpanRecorder, Callable[[], None]]:
    """Starts exporting to `endpoint`; the second value flushes and stops."""
    insecure = not endpoint.startswith("https")
    return assemble(
        service,
        ratio,
        BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=insecure)),
        PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint, insecure=insecure)),
    )


def assemble(
    service: str, ratio: float, processor: SpanProcessor, reader: MetricReader
) -> tuple[SpanRecorder, Callable[[], None]]:
    """The providers around a given span processor and metric reader."""
    resource = Resource.create({"service.name": service})
    tracers = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    tracers.add_span_processor(processor)
    meters = MeterProvider(metric_readers=[reader], resource=resource)
    meter = meters.get_meter("comptoir_runtime")
    # The instruments of the process are all made at import, before this runs.
    for item in all_counters():
        meter.create_observable_up_down_counter(
            item.name, callbacks=[_counter_reader(item)], description=item.description
        )
    for spread in all_histograms():
        meter.create_observable_counter(
            f"{spread.name}.bucket",
            callbacks=[_histogram_reader(spread)],
            description=spread.description,
        )

    def close() -> None:
        tracers.shutdown()
        meters.shutdown()

    return SpanRecorder(tracers.get_tracer("comptoir_runtime")), close


def _remote(parent: str) -> Span:
    _, trace_id, span_id, flags = parent.split("-")
    return NonRecordingSpan(
        SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    )


def _attributes(names: Labels, values: Labels) -> dict[str, str]:
    return dict(zip(names, values, strict=False))


def _counter_reader(source: Counter) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for labels, value in list(source.values.items()):
            yield Observation(value, _attributes(source.label_names, labels))

    return observe


def _histogram_reader(source: Histogram) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for labels, bound, running in list(source.cumulative()):
            yield Observation(running, {**_attributes(source.label_names, labels), "le": bound})

    return observe
