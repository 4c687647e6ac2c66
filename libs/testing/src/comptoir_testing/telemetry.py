"""What a service tells over OTLP, kept in memory."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from comptoir_runtime.telemetry import opentelemetry, traces


class Told:
    """Spans that have ended, and lines that were said."""

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()
        self._lines = InMemoryLogRecordExporter()  # type: ignore[no-untyped-call]  # the SDK's

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._spans.get_finished_spans()

    @property
    def lines(self) -> tuple[ReadableLogRecord, ...]:
        return self._lines.get_finished_logs()

    @contextmanager
    def by(self, service: str, reader: MetricReader | None = None) -> Iterator[None]:
        """While the block runs this process is that service, and records everything."""
        recorder, close = opentelemetry.assemble(
            service,
            1.0,
            SimpleSpanProcessor(self._spans),
            reader or InMemoryMetricReader(),
            SimpleLogRecordProcessor(self._lines),
        )
        traces.install(recorder)
        try:
            yield
        finally:
            traces.install(None)
            close()
