"""Handlers made from the contracts: one request, one call, one answer."""

from collections.abc import Mapping

from comptoir_gateway import auth, headers, streams
from comptoir_gateway.backends import Backends, Metadata, Procedure, StreamProcedure
from comptoir_gateway.problems import Problem, from_failure
from comptoir_gateway.transcode.binding import Binder
from comptoir_gateway.transcode.codec import Codec, Codecs
from comptoir_gateway.transcode.contracts import ETAG, Operation
from comptoir_gateway.web import Handler, Request, Response, Router
from comptoir_gateway.web.exchange import too_large
from comptoir_runtime.errors import Failure

BODY_LIMIT = 1024 * 1024
# Files of product data come whole; base64 makes 4 of 3 bytes.
LARGE_BODY_LIMIT = 8 * 1024 * 1024
LARGE_BODIES = frozenset({"comptoir.pim.v1.StartImportRequest"})
# What a service accepts as one message, less some room for what surrounds it.
MESSAGE_LIMIT = 4 * 1024 * 1024 - 4096


def add_routes(
    router: Router,
    operations: list[Operation],
    backends: Backends,
    codecs: Codecs,
    open_streams: streams.OpenStreams,
) -> None:
    """Serves every operation."""
    for operation in operations:
        handler = handler_of(operation, backends, codecs, open_streams)
        router.add(operation.verb, operation.template, handler)


def handler_of(
    operation: Operation, backends: Backends, codecs: Codecs, open_streams: streams.OpenStreams
) -> Handler:
    """What answers the operation's requests."""
    large = operation.request.full_name in LARGE_BODIES
    limit = LARGE_BODY_LIMIT if large else BODY_LIMIT
    binder = Binder(operation, codecs.of(operation.request), limit)
    response = codecs.of(operation.response)
    name = operation.method.name
    if operation.streaming:
        source = backends.stream(operation.service, name)
        return Watch(binder, source, response, open_streams)
    reading = operation.verb == "GET"
    procedure = backends.procedure(operation.service, name, read=reading)
    kind = Read if reading else Write
    return kind(operation, binder, procedure, response)


def metadata_of(request: Request) -> Metadata:
    """What a service is told of the caller beside the message."""
    given = request.headers
    metadata = [("x-request-id", request.id)]
    token = auth.authorization(given.get("authorization"))
    if token is not None:
        metadata.append(("authorization", token))
    languages = headers.languages(given.get("accept-language"))
    if languages is not None:
        metadata.append(("accept-language", languages))
    return metadata


class Read:
    """GET: an ETag when the answer has one, 304 when the client has it already."""

    def __init__(
        self, operation: Operation, binder: Binder, procedure: Procedure, response: Codec
    ) -> None:
        self._binder = binder
        self._procedure = procedure
        self._response = response
        self._versioned = ETAG in operation.response.fields_by_name
        self._public = operation.access.anyone

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        metadata = metadata_of(request)
        payload = await self._binder.bind(request, path)
        try:
            answer = await self._procedure(payload, metadata)
        except Failure as failure:
            raise from_failure(failure) from None
        personal = not self._public or "authorization" in request.headers
        caching = headers.PRIVATE if personal else headers.REVALIDATE
        vary = (b"vary", b"Authorization, Accept-Language")
        if not self._versioned:
            return Response.json(self._response.to_json(answer), caching, vary)
        body, version = self._response.to_json_with(answer, ETAG)
        if not version:
            return Response.json(body, caching, vary)
        tag = headers.entity_tag(version, body)
        if headers.none_match(request.headers.get("if-none-match"), tag):
            return Response(304, headers=[(b"etag", tag), caching, vary])
        return Response.json(body, (b"etag", tag), caching, vary)


class Write:
    """POST, PUT, PATCH, DELETE: never cached; tells when it repeats an earlier answer."""

    def __init__(
        self, operation: Operation, binder: Binder, procedure: Procedure, response: Codec
    ) -> None:
        self._binder = binder
        self._procedure = procedure
        self._response = response
        self._versioned = ETAG in operation.response.fields_by_name

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        metadata = metadata_of(request)
        payload = await self._binder.bind(request, path)
        if len(payload) > MESSAGE_LIMIT:
            raise too_large(MESSAGE_LIMIT)
        try:
            answer = await self._procedure.keyed(payload, metadata)
        except Failure as failure:
            raise from_failure(failure) from None
        if self._versioned:
            body, version = self._response.to_json_with(answer.payload, ETAG)
            response = Response.json(body)
            if version:
                response.headers.append((b"etag", headers.entity_tag(version, body)))
        else:
            response = Response.json(self._response.to_json(answer.payload))
        response.headers.append(headers.PRIVATE)
        if answer.replayed:
            response.headers.append((b"idempotent-replayed", b"true"))
        return response


class Watch:
    """GET …:watch: the answers of a server stream as server-sent events."""

    def __init__(
        self,
        binder: Binder,
        source: StreamProcedure,
        response: Codec,
        open_streams: streams.OpenStreams,
    ) -> None:
        self._binder = binder
        self._source = source
        self._response = response
        self._streams = open_streams

    async def __call__(self, request: Request, path: Mapping[str, str]) -> Response:
        if request.method != "GET":
            raise Problem(405, "METHOD_NOT_ALLOWED", "a stream has no head of its own")
        metadata = metadata_of(request)
        payload = await self._binder.bind(request, path)
        return await self._streams.respond(
            request, lambda: self._source(payload, metadata), self._response.to_json
        )
