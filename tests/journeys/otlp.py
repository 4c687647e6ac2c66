"""A collector in this process: what the platform exports over OTLP, kept in memory."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import (
    metrics_service_pb2,
    metrics_service_pb2_grpc,
)
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc


@dataclass(frozen=True, slots=True)
class Span:
    """One timed part of the work, as a service told it."""

    service: str
    name: str
    trace: bytes
    id: bytes
    parent: bytes
    """Empty for the first span of a trace."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a service said about its work."""

    service: str
    text: str
    trace: bytes
    """Empty when it is about no request and no event."""
    fields: dict[str, str]


Series = dict[tuple[tuple[str, str], ...], float]
"""Values by attributes, those sorted; of a histogram its count."""


@dataclass
class Collector:
    """What has arrived so far."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    metrics: dict[tuple[str, str], Series] = field(default_factory=dict)
    """The newest values, by service and name of the metric."""
    pass_on: Callable[[bytes], Awaitable[None]] | None = None
    """Who else takes metrics."""

    def values(self, service: str, name: str, **attributes: str) -> list[float]:
        """Of the series that have these attributes, named with `_` for each dot."""
        wanted = set(attributes.items())
        series = self.metrics.get((service, name), {})
        return [value for labels, value in series.items() if wanted <= set(labels)]

    def trace_of(self, name: str) -> list[Span]:
        """All spans of the trace whose first span has this name; none until it has arrived."""
        roots = [span for span in self.spans if span.name == name and not span.parent]
        return [span for span in self.spans if roots and span.trace == roots[0].trace]


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        for resource in request.resource_spans:
            service = _service_name(resource.resource)
            self._collector.spans += [
                Span(service, span.name, span.trace_id, span.span_id, span.parent_span_id)
                for scope in resource.scope_spans
                for span in scope.spans
            ]
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        for resource in request.resource_metrics:
            service = _service_name(resource.resource)
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    known = self._collector.metrics.setdefault((service, metric.name), {})
                    known |= dict(map(_value, _points(metric)))
        if self._collector.pass_on is not None:
            await self._collector.pass_on(request.SerializeToString())
        return metrics_service_pb2.ExportMetricsServiceResponse()


class _Lines(logs_service_pb2_grpc.LogsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        for resource in request.resource_logs:
            service = _service_name(resource.resource)
            self._collector.lines += [
                Line(service, line.body.string_value, line.trace_id, _texts(line.attributes))
                for scope in resource.scope_logs
                for line in scope.log_records
            ]
        return logs_service_pb2.ExportLogsServiceResponse()


@asynccontextmanager
async def a_collector() -> AsyncIterator[Collector]:
    """Listens on a free port of this machine while the block runs."""
    collector = Collector()
    server = grpc.aio.server()
    add_traces: Any = trace_service_pb2_grpc.add_TraceServiceServicer_to_server
    add_metrics: Any = metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server
    add_lines: Any = logs_service_pb2_grpc.add_LogsServiceServicer_to_server
    add_traces(_Traces(collector), server)
    add_lines(_Lines(collector), server)
    add_metrics(_Metrics(collector), server)
    collector.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    yield collector
    await server.stop(grace=None)


def _service_name(resource: Any) -> str:
    (name,) = [each for each in resource.attributes if each.key == "service.name"]
    found: str = name.value.string_value
    return found


def _texts(attributes: Any) -> dict[str, str]:
    return {each.key: each.value.string_value for each in attributes}


def _points(metric: Any) -> Any:
    return getattr(metric, metric.WhichOneof("data")).data_points


def _value(point: Any) -> tuple[tuple[tuple[str, str], ...], float]:
    labels = [(each.key.replace(".", "_"), each.value.string_value) for each in point.attributes]
    is_histogram = hasattr(point, "bucket_counts")
    value = point.count if is_histogram else getattr(point, point.WhichOneof("value"))
    return tuple(sorted(labels)), float(value)
