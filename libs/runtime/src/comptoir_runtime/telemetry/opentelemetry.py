"""The OpenTelemetry side of telemetry: spans, metrics and log lines to an OTLP endpoint."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Meter, Observation
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricReader,
    MetricsData,
    PeriodicExportingMetricReader,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.metrics.export import Histogram as HistogramData
from opentelemetry.sdk.metrics.export import Metric as MetricData
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

from comptoir_runtime.telemetry import names
from comptoir_runtime.telemetry.logs import exception_of, extra_of
from comptoir_runtime.telemetry.metrics import (
    Counter,
    Gauge,
    Histogram,
    Labels,
    all_histograms,
    all_readable,
)
from comptoir_runtime.telemetry.traces import current_traceparent


class SpanRecorder:
    """Records spans with the SDK; the caller's context arrives as a traceparent."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def start(self, name: str, parent: str | None, attributes: Mapping[str, Any]) -> Span:
        context = None if parent is None else _context(parent)
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
        PeriodicExportingMetricReader(
            WithHistograms(OTLPMetricExporter(endpoint=endpoint, insecure=insecure))
        ),
        BatchLogRecordProcessor(OTLPLogExporter(endpoint=endpoint, insecure=insecure)),
    )


def assemble(
    service: str,
    ratio: float,
    processor: SpanProcessor,
    reader: MetricReader,
    taker: LogRecordProcessor,
) -> tuple[SpanRecorder, Callable[[], None]]:
    """The providers around what takes spans, reads metrics, and takes log lines."""
    resource = Resource.create(
        {
            names.SERVICE_NAMESPACE: names.NAMESPACE,
            names.SERVICE_NAME: service,
            # Two replicas are two series.
            names.SERVICE_INSTANCE_ID: str(uuid4()),
        }
    )
    tracers = TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(ratio)))
    tracers.add_span_processor(processor)
    meters = MeterProvider(metric_readers=[reader], resource=resource)
    # The instruments of the process are all made at import, before this runs.
    for source in all_readable():
        _observe(meters.get_meter("comptoir_runtime"), source)
    loggers = LoggerProvider(resource=resource)
    loggers.add_log_record_processor(taker)
    lines = LineExporter(loggers)
    logging.getLogger().addHandler(lines)

    def close() -> None:
        logging.getLogger().removeHandler(lines)
        # All at once: each of them waits for a collector that does not answer.
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: each.shutdown(), (tracers, meters, loggers)))

    return SpanRecorder(tracers.get_tracer("comptoir_runtime")), close


def _context(parent: str) -> Context:
    _, trace_id, span_id, flags = parent.split("-")
    remote = SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(remote))


def _attributes(keys: Labels, values: Labels) -> dict[str, str]:
    return dict(zip(keys, values, strict=True))


def _observe(meter: Meter, source: Counter | Gauge) -> None:
    metric = source.metric

    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for labels, value in source.read().items():
            yield Observation(value, _attributes(metric.attributes, labels))

    make = {
        names.Kind.COUNTER: meter.create_observable_counter,
        names.Kind.GAUGE: meter.create_observable_gauge,
        names.Kind.UP_DOWN_COUNTER: meter.create_observable_up_down_counter,
    }[metric.kind]
    make(metric.name, callbacks=[observe], unit=metric.unit, description=metric.description)


class LineExporter(logging.Handler):
    """Hands on what the console says (`logs`), and no word more: neither tells a secret.

    The SDK's own handler adds the arguments of exceptions, does not know our trace context, and is
    deprecated. What the SDK itself says stays on the console: that a collector does not answer
    would be told to it for ever.
    """

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._provider = provider
        self.addFilter(lambda record: not record.name.startswith("opentelemetry."))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._hand_on(record)
        except Exception:  # noqa: BLE001 - as every handler: a line that cannot be told is no failure
            self.handleError(record)

    def _hand_on(self, record: logging.LogRecord) -> None:
        parent = current_traceparent()
        self._provider.get_logger(record.name).emit(
            timestamp=int(record.created * 1e9),
            context=None if parent is None else _context(parent),
            severity_number=_SEVERITIES.get(record.levelno),
            severity_text=record.levelname.lower(),
            body=record.getMessage(),
            attributes=_line_attributes(record),
        )


_SEVERITIES = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


def _line_attributes(record: logging.LogRecord) -> dict[str, str | bool | int | float]:
    found = {names.extra_field(name): _plain(value) for name, value in extra_of(record).items()}
    if exception := exception_of(record):
        kind = record.exc_info[0] if record.exc_info else None
        found[names.EXCEPTION_TYPE] = "" if kind is None else kind.__name__
        found[names.EXCEPTION_STACKTRACE] = exception
    return found


def _plain(value: Any) -> str | bool | int | float:
    return value if isinstance(value, (str, bool, int, float)) else str(value)


class WithHistograms(MetricExporter):
    """Adds the process's histograms to what the SDK exports.

    The SDK has no histograms that are only read, and its own aggregate under a lock on every call.
    """

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__()
        self._exporter = exporter
        self._since = time.time_ns()

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> MetricExportResult:
        spread = histograms(all_histograms(), self._since, time.time_ns())
        whole = MetricsData([_with(each, spread) for each in metrics_data.resource_metrics])
        return self._exporter.export(whole, timeout_millis, **kwargs)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)


def _with(resource: ResourceMetrics, more: Sequence[MetricData]) -> ResourceMetrics:
    first, *others = resource.scope_metrics
    fuller = ScopeMetrics(first.scope, [*first.metrics, *more], first.schema_url)
    return ResourceMetrics(resource.resource, [fuller, *others], resource.schema_url)


def histograms(sources: Iterable[Histogram], since: int, now: int) -> list[MetricData]:
    """What has been recorded between two times, in nanoseconds, as the SDK would tell it."""
    return [
        MetricData(
            source.metric.name,
            source.metric.description,
            source.metric.unit,
            HistogramData(points, AggregationTemporality.CUMULATIVE),
        )
        for source in sources
        if (points := list(_points(source, since, now)))
    ]


def _points(source: Histogram, since: int, now: int) -> Iterable[HistogramDataPoint]:
    for labels, counts, total in source.read():
        yield HistogramDataPoint(
            attributes=_attributes(source.metric.attributes, labels),
            start_time_unix_nano=since,
            time_unix_nano=now,
            count=sum(counts),
            sum=total,
            bucket_counts=counts,
            explicit_bounds=source.bounds,
            # Not kept; absent on the wire, where they are optional.
            min=None,  # type: ignore[arg-type]  # the SDK's own type forgets that
            max=None,  # type: ignore[arg-type]  # as above
        )
