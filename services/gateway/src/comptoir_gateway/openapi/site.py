"""GET /openapi.json and the page that shows it, /docs."""

import asyncio
import gzip
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.resources import files

import orjson

from comptoir_gateway import headers
from comptoir_gateway.openapi import document
from comptoir_gateway.transcode import Operation
from comptoir_gateway.web import Request, Response, Router
from comptoir_gateway.web.exchange import JSON

_CACHING = (b"cache-control", b"public, max-age=300")


class Site:
    """The document is made when somebody first asks: it costs a third of a second, once."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._operations = operations
        self._making: asyncio.Task[bytes] | None = None
        self._page = files(__package__).joinpath("docs.html").read_bytes()

    def add_routes(self, router: Router) -> None:
        router.add("GET", "/openapi.json", self.contract)
        router.add("GET", "/docs", self.page)

    async def contract(self, request: Request, _path: Mapping[str, str]) -> Response:
        """The OpenAPI document."""
        if self._making is None:
            self._making = asyncio.ensure_future(asyncio.to_thread(self._make))
        packed = await asyncio.shield(self._making)
        tag = b'W/"%08x"' % zlib.crc32(packed)
        shared = [(b"etag", tag), _CACHING, (b"vary", b"Accept-Encoding")]
        if headers.none_match(request.headers.get("if-none-match"), tag.removeprefix(b"W/")):
            return Response(304, headers=shared)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(200, gzip.decompress(packed), [JSON, *shared], packed=True)
        encoding = (b"content-encoding", b"gzip")
        return Response(200, packed, [JSON, encoding, *shared], packed=True)

    async def page(self, _request: Request, _path: Mapping[str, str]) -> Response:
        """A page that reads the document and loads nothing from anywhere else."""
        policy = (
            "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'; "
            f"style-src 'sha256-{self._hash_of(b'style')}'; "
            f"script-src 'sha256-{self._hash_of(b'script')}'"
        )
        kind = (b"content-type", b"text/html; charset=utf-8")
        security = (b"content-security-policy", policy.encode())
        return Response(200, self._page, [kind, security, _CACHING])

    def _make(self) -> bytes:
        return gzip.compress(orjson.dumps(document.build(self._operations)), 9, mtime=0)

    def _hash_of(self, element: bytes) -> str:
        """What a browser compares the page's own style or script with."""
        inner = self._page.split(b"<" + element + b">", 1)[1].split(b"</" + element + b">", 1)[0]
        return b64encode(sha256(inner).digest()).decode()
