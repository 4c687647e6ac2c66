"""The ASGI application: what every request passes, whoever answers it."""

import gzip
import logging
import time
from collections.abc import Sequence

from comptoir_gateway import headers
from comptoir_gateway.problems import MEDIA_TYPE, Header, Problem
from comptoir_gateway.web.exchange import (
    ClientGone,
    HeaderList,
    Receive,
    Request,
    Response,
    Scope,
    Send,
)
from comptoir_gateway.web.router import Route, Router
from comptoir_runtime import telemetry
from comptoir_runtime.telemetry import names

log = logging.getLogger(__name__)

# Below this a packet is a packet, compressed or not.
COMPRESS_FROM = 4096
_PROBLEM: Header = (b"content-type", MEDIA_TYPE)
_NO_STORE: Header = (b"cache-control", b"no-store")
_CLOSE: Sequence[Header] = ((b"connection", b"close"),)
_FULL: Sequence[Header] = ((b"retry-after", b"1"),)

_requests = telemetry.histogram(names.HTTP_SERVER_REQUEST_DURATION)


class App:
    """Routes requests to handlers; turns whatever goes wrong into problem details."""

    def __init__(
        self, router: Router, cors: headers.Cors, *, max_requests: int, strict_transport: bool
    ) -> None:
        self._router = router
        self._cors = cors
        self._max_requests = max_requests
        self._always = headers.SECURITY + (headers.STRICT if strict_transport else ())
        self._running = 0
        self._farewell: Sequence[Header] = ()

    def leave(self) -> None:
        """Closes each connection after its next answer, so that clients come back elsewhere."""
        self._farewell = _CLOSE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request.of(scope, receive)
        if not telemetry.tracing():  # else the span does it, and decides what is recorded
            telemetry.continue_trace(request.headers.get(telemetry.TRACEPARENT))
        started, route = time.perf_counter(), None
        status = 499  # by custom: the client left first
        self._running += 1
        try:
            response, route = await self._respond(request)
            status = response.status
            await self._send(request, response, send)
        except ClientGone:
            pass
        finally:
            self._running -= 1
            elapsed = time.perf_counter() - started
            if route is None or not route.is_probe:
                _requests.record(elapsed, (request.method, _template(route), str(status)))

    async def _respond(self, request: Request) -> tuple[Response, Route | None]:
        route = None
        try:
            if self._running > self._max_requests:
                detail = "there are too many requests now"
                raise Problem(503, "OVERLOADED", detail, headers=_FULL)
            if request.method == "OPTIONS":
                return self._options(request), route
            route, variables = self._router.find(request.method, request.path)
            if route.is_probe or not telemetry.tracing():
                return await route.handler(request, variables), route
            parent = request.headers.get(telemetry.TRACEPARENT)
            with telemetry.span(names.request_span(request.method, route.template), parent) as span:
                try:
                    return await route.handler(request, variables), route
                except Exception as error:  # noqa: BLE001 - while the span is open, for its log line
                    response = _failure(error, request, route.template)
                    if response.status >= 500:
                        span.failed(str(response.status))
                    return response, route
        except Exception as error:  # noqa: BLE001 - the edge answers for everything
            return _failure(error, request, _template(route)), route

    def _options(self, request: Request) -> Response:
        allowed = self._router.allowed(request.path)
        if not allowed:
            raise Problem(404, "ROUTE_NOT_FOUND", "there is nothing at this address")
        return Response(
            204,
            headers=[
                (b"allow", ", ".join(allowed).encode()),
                *self._cors.preflight(request.headers.get("origin"), allowed),
            ],
        )

    async def _send(self, request: Request, response: Response, send: Send) -> None:
        if response.chunks is not None:
            await self._send_stream(request, response, send)
            return
        if (
            len(response.body) >= COMPRESS_FROM
            and not response.packed
            and "gzip" in request.headers.get("accept-encoding", "")
        ):
            response = compressed(response)
        length = (b"content-length", b"%d" % len(response.body))
        bodiless = response.status in (204, 304)
        await send(self._head(request, response, [] if bodiless else [length]))
        await send({"type": "http.response.body", "body": response.body})

    async def _send_stream(self, request: Request, response: Response, send: Send) -> None:
        assert response.chunks is not None
        # Open streams have their own limit; they are not requests in progress.
        self._running -= 1
        try:
            # Only a generator that has begun is cleaned up after when it is closed.
            first = await anext(response.chunks)
            await send(self._head(request, response, []))
            await send({"type": "http.response.body", "body": first, "more_body": True})
            async for chunk in response.chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self._running += 1
            await response.chunks.aclose()

    def _head(self, request: Request, response: Response, more: HeaderList) -> dict[str, object]:
        origin = request.headers.get("origin")
        return {
            "type": "http.response.start",
            "status": response.status,
            "headers": [
                *response.headers,
                *more,
                (b"x-request-id", request.id.encode()),
                *self._always,
                *self._farewell,
                *(self._cors.allows(origin) if origin and request.method != "OPTIONS" else ()),
            ],
        }


def _template(route: Route | None) -> str:
    return "-" if route is None else route.template


def _failure(error: Exception, request: Request, template: str) -> Response:
    """The answer to whatever was raised; raises again when nobody waits for one."""
    if isinstance(error, Problem):
        return _refusal(error, request)
    if isinstance(error, ClientGone):
        raise error
    details = {"request_id": request.id, "route": template}
    log.error("a request failed", extra=details, exc_info=error)
    return _refusal(Problem(500, "INTERNAL", "internal error"), request)


def _refusal(problem: Problem, request: Request) -> Response:
    body = problem.render(request.path, request.id)
    return Response(problem.status, body, [_PROBLEM, _NO_STORE, *problem.headers])


def compressed(response: Response) -> Response:
    """The same answer, smaller; its ETag becomes a weak one, as the bytes are others."""
    kept = [
        (name, b"W/" + value if name == b"etag" and not value.startswith(b"W/") else value)
        for name, value in response.headers
    ]
    kept += [(b"content-encoding", b"gzip"), (b"vary", b"Accept-Encoding")]
    return Response(response.status, gzip.compress(response.body, 1, mtime=0), kept, packed=True)
