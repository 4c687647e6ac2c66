"""Turns telemetry on. The OpenTelemetry SDK is imported here, and only when wanted."""

from collections.abc import Callable
from typing import Any

from comptoir_runtime.settings import Settings
from comptoir_runtime.telemetry import traces
from comptoir_runtime.telemetry.logs import configure_logging

_closers: list[Callable[[], Any]] = []


def configure(service: str, settings: Settings) -> None:
    """Logs always; spans and metrics when an OTLP endpoint is set."""
    configure_logging(service, settings.log_level)
    endpoint = settings.otel_exporter_otlp_endpoint
    if not endpoint:
        return
    # Lazy: the SDK and its exporter cost 40 MB and half a second nobody else should pay.
    from comptoir_runtime.telemetry import opentelemetry  # noqa: PLC0415

    recorder, close = opentelemetry.start(service, endpoint, settings.otel_traces_sampler_arg)
    traces.install(recorder)
    _closers.append(close)


def shut_down() -> None:
    """Sends what is still buffered and stops recording."""
    traces.install(None)
    while _closers:
        _closers.pop()()
