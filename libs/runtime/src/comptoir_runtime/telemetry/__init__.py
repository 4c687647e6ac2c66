"""Logs, trace propagation, spans and metrics.

Trace context is always carried from call to call and into events. Recording
spans and exporting metrics and log lines needs the OpenTelemetry SDK, which is
only imported when `OTEL_EXPORTER_OTLP_ENDPOINT` is set: otherwise a span costs
nothing. What things are called is in `names` alone.
"""

from comptoir_runtime.telemetry.logs import configure_logging
from comptoir_runtime.telemetry.metrics import (
    Counter,
    Gauge,
    Histogram,
    counter,
    gauge,
    histogram,
)
from comptoir_runtime.telemetry.setup import configure, export, exporting, shut_down
from comptoir_runtime.telemetry.traces import (
    TRACEPARENT,
    continue_trace,
    current_trace_id,
    current_traceparent,
    new_traceparent,
    span,
    tracing,
    within,
)

__all__ = [
    "TRACEPARENT",
    "Counter",
    "Gauge",
    "Histogram",
    "configure",
    "configure_logging",
    "continue_trace",
    "counter",
    "current_trace_id",
    "current_traceparent",
    "export",
    "exporting",
    "gauge",
    "histogram",
    "new_traceparent",
    "shut_down",
    "span",
    "tracing",
    "within",
]
