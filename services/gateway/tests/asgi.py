"""Asking the application without a network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from google.protobuf.message_factory import GetMessageClass

from comptoir_gateway import headers
from comptoir_gateway.backends import SERVICES, Answer, Backends, Metadata
from comptoir_gateway.cache import News, StockBook
from comptoir_gateway.streams import OpenStreams
from comptoir_gateway.transcode import Codecs, add_routes, operations
from comptoir_gateway.views import add_pages
from comptoir_gateway.web import Router
from comptoir_gateway.web.app import App
from comptoir_runtime.bus import Bus

NOWHERE = "nats://127.0.0.1:1"
CODECS = Codecs.of_contracts()


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """The fields that are named as wrong."""
        return [each["field"] for each in self.json.get("violations", ())]


@dataclass
class Sent:
    """A call that would have gone to a service."""

    name: str
    request: Any
    metadata: dict[str, str]


class NoServices:
    """Takes every call and answers with an empty message."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def procedure(self, service: str, method: str, *, read: bool = True) -> "_Procedure":
        return _Procedure(self, service, method)

    def stream(self, service: str, method: str) -> "_Procedure":
        return _Procedure(self, service, method)


class _Procedure:
    def __init__(self, owner: NoServices, service: str, name: str) -> None:
        method = SERVICES[service].methods_by_name[name]
        self._owner = owner
        self._name = name
        self._request = GetMessageClass(method.input_type)
        self._response = GetMessageClass(method.output_type)

    async def __call__(
        self,
        payload: bytes,
        metadata: Metadata = (),
        timeout: float | None = None,  # noqa: ASYNC109 - as the real one
    ) -> bytes:
        request = self._request.FromString(payload)
        self._owner.sent.append(Sent(self._name, request, dict(metadata)))
        return self._response().SerializeToString()

    async def keyed(self, payload: bytes, metadata: Metadata = ()) -> Answer:
        return Answer(await self(payload, metadata), replayed=False)


class Edge:
    """The whole application before stand-ins that answer nothing."""

    def __init__(self, origins: Sequence[str] = (), max_requests: int = 100) -> None:
        self.services = NoServices()
        backends = cast(Backends, self.services)
        router = Router()
        add_routes(router, list(operations(SERVICES)), backends, CODECS, OpenStreams(limit=0))
        book = StockBook()
        add_pages(router, backends, CODECS, News(Bus(NOWHERE, "gateway"), book), book)
        cors = headers.Cors(origins)
        self.app = App(router, cors, max_requests=max_requests, strict_transport=False)

    async def ask(
        self,
        method: str,
        target: str,
        given: Mapping[str, str] | None = None,
        body: bytes | Mapping[str, Any] | None = None,
    ) -> Answered:
        """One request; a mapping is sent as JSON."""
        listed = {"host": "test", **(given or {})}
        if isinstance(body, Mapping):
            body = orjson.dumps(body)
        if body is not None:
            listed.setdefault("content-type", "application/json")
        path, _, query = target.partition("?")
        return await ask(self.app, method, path, query, listed, body or b"")

    @property
    def last(self) -> Sent:
        return self.services.sent[-1]


async def ask(
    app: App, method: str, path: str, query: str, given: Mapping[str, str], body: bytes
) -> Answered:
    """Runs one request through an ASGI application."""
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": [
            (name.lower().encode(), value.encode("latin-1")) for name, value in given.items()
        ],
    }
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    start, *chunks = messages
    found = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answered(start["status"], found, b"".join(each.get("body", b"") for each in chunks))
