"""Logs, trace propagation, spans and metrics.

Trace context is always carried from call to call and into events. Recording
spans and exporting metrics needs the OpenTelemetry SDK, which is only imported
when `OTEL_EXPORTER_OTLP_ENDPOINT` is set: otherwise a span costs nothing.
"""

from comptoir_runtime.telemetry.logs import configure_logging
from comptoir_runtime.telemetry.metrics import Counter, Histogram, counter, histogram
from comptoir_runtime.telemetry.setup import configure, shut_down
from comptoir_runtime.telemetry.traces import (
    TRACEPARENT,
    continue_trace,
    current_trace_id,
    current_traceparent,
    new_traceparent,
    span,
    tracing,
)

__all__ = [
    "TRACEPARENT",
    "Counter",
    "Histogram",
    "configure",
    "configure_logging",
    "continue_trace",
    "counter",
    "current_trace_id",
    "current_traceparent",
    "histogram",
    "new_traceparent",
    "shut_down",
    "span",
    "tracing",
]
