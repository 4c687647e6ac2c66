"""What is said of a request that failed is found by its trace."""

from collections.abc import Iterator, Mapping

import pytest

from comptoir_gateway import headers
from comptoir_gateway.problems import Problem
from comptoir_gateway.web import Request, Response, Router
from comptoir_gateway.web.app import App
from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import names
from comptoir_testing.telemetry import Told
from services.gateway.tests.asgi import ask

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = int(PARENT[3:35], 16)


async def broken(request: Request, variables: Mapping[str, str]) -> Response:
    raise ValueError("nobody foresaw this")


async def closed(request: Request, variables: Mapping[str, str]) -> Response:
    raise Problem(409, "CLOSED", "the shop is closed")


@pytest.fixture
def app() -> App:
    router = Router()
    router.add("GET", "/v1/broken", broken)
    router.add("GET", "/v1/closed", closed)
    router.add("GET", "/watched", closed, probe=True)
    return App(router, headers.Cors(()), max_requests=10, strict_transport=False)


@pytest.fixture
def told() -> Iterator[Told]:
    told = Told()
    with told.by("gateway"):
        yield told


async def test_a_fault_of_ours_marks_its_span_and_is_told_with_its_trace(
    app: App, told: Told
) -> None:
    answer = await ask(app, "GET", "/v1/broken", "", {"traceparent": PARENT}, b"")

    assert (answer.status, answer.json["reason"]) == (500, "INTERNAL")
    (span,), (line,) = told.spans, told.lines
    assert span.status.description == "500"
    assert line.log_record.body == "a request failed"
    assert (line.log_record.trace_id, line.log_record.span_id) == (TRACE, span.context.span_id)
    assert line.log_record.attributes is not None
    assert line.log_record.attributes["comptoir.request_id"] == answer.json["requestId"]


async def test_a_refusal_is_no_fault(app: App, told: Told) -> None:
    answer = await ask(app, "GET", "/v1/closed", "", {"traceparent": PARENT}, b"")

    assert (answer.status, answer.json["reason"]) == (409, "CLOSED")
    (span,) = told.spans
    assert span.status.description is None
    assert told.lines == ()


async def test_what_watches_the_process_is_neither_traced_nor_counted(app: App, told: Told) -> None:
    for path in ("/watched", "/v1/closed"):
        await ask(app, "GET", path, "", {"traceparent": PARENT}, b"")

    assert [span.name for span in told.spans] == ["GET /v1/closed"]
    requests = telemetry.histogram(names.HTTP_SERVER_REQUEST_DURATION)
    routes = {route for (_, route, _), *_ in requests.read()}
    assert "/v1/closed" in routes
    assert "/watched" not in routes
