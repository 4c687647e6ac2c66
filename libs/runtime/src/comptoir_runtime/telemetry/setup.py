"""Turns telemetry on. The OpenTelemetry SDK is imported here, and only when wanted."""

from collections.abc import Callable
from typing import Any

from comptoir_runtime.settings import Settings
from comptoir_runtime.telemetry import traces
from comptoir_runtime.telemetry.logs import configure_logging

_closers: list[Callable[[], Any]] = []


def configure(service: str, settings: Settings) -> None:
    """The console always; spans, metrics and log lines elsewhere when an OTLP endpoint is set."""
    configure_logging(service, settings.log_level)
    export(service, settings.otel_exporter_otlp_endpoint, settings.otel_traces_sampler_arg)


def export(service: str, endpoint: str, ratio: float = 1.0) -> None:
    """Sends spans, a share of all traces, metrics and log lines to an OTLP endpoint.

    Nowhere when it is empty. The log is configured before.
    """
    if not endpoint:
        return
    # Lazy: the SDK and its exporter cost 40 MB and half a second nobody else should pay.
    from comptoir_runtime.telemetry import opentelemetry, process  # noqa: PLC0415

    process.observe()
    recorder, close = opentelemetry.start(service, endpoint, ratio)
    traces.install(recorder)
    _closers.append(close)


def exporting() -> bool:
    """Whether somebody listens: what costs something to find out need not be found out else."""
    return bool(_closers)


def shut_down() -> None:
    """Sends what is still buffered and stops recording."""
    traces.install(None)
    while _closers:
        _closers.pop()()
