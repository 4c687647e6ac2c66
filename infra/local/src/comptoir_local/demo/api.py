"""The little HTTP client the demo speaks to the gateway and to the provider with."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

Json = dict[str, Any]

_ATTEMPTS = 10


class Refused(Exception):
    """The gateway answered with problem details (RFC 9457)."""

    def __init__(self, status: int, problem: Json) -> None:
        super().__init__(f"{status} {problem.get('reason', '')}: {problem.get('detail', '')}")
        self.status = status
        self.reason: str = problem.get("reason", "")
        self.detail: str = problem.get("detail", "")
        self.problem = problem


class Caller:
    """Somebody with a token, on one channel.

    As a careful client does, they give every write a fresh `Idempotency-Key`, and ask again under
    the same one when they are told that a part of the platform cannot be reached just now.
    """

    def __init__(self, http: httpx.AsyncClient, token: str | None = None) -> None:
        self._http = http
        self._headers: dict[str, str] = {"Accept-Language": "fr-FR"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def get(self, path: str, **query: Any) -> Json:
        """Reads `path`; query values that are None are left out."""
        return await self._send("GET", path, query=query)

    async def post(
        self,
        path: str,
        body: Json | None = None,
        *,
        etag: str | None = None,
        key: str | None = None,
    ) -> Json:
        """Sends `body` to `path`; the same `key` makes a repeated call harmless."""
        return await self._send("POST", path, body=body or {}, etag=etag, key=key)

    async def put(self, path: str, body: Json) -> Json:
        """Replaces what is at `path`."""
        return await self._send("PUT", path, body=body)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        etag: str | None = None,
        key: str | None = None,
    ) -> Json:
        headers = dict(self._headers)
        if method != "GET":
            headers["Idempotency-Key"] = key or secrets.token_hex(16)
        if etag is not None:
            headers["If-Match"] = etag
        params = {name: value for name, value in (query or {}).items() if value is not None}
        for _ in range(_ATTEMPTS):
            response = await self._http.request(
                method, path, params=params, json=body, headers=headers
            )
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(float(response.headers.get("Retry-After", 1)))
        return _answer(response)

    @asynccontextmanager
    async def watch(self, path: str, **query: Any) -> AsyncIterator[AsyncIterator[Json]]:
        """Opens a stream of server-sent events and yields their data, decoded."""
        headers = {**self._headers, "Accept": "text/event-stream"}
        async with self._http.stream(
            "GET", path, params=query, headers=headers, timeout=httpx.Timeout(10, read=30)
        ) as response:
            if response.status_code != httpx.codes.OK:
                await response.aread()
                _answer(response)
            yield _events(response)


def _answer(response: httpx.Response) -> Json:
    content: Json = response.json() if response.content else {}
    if response.is_success:
        return content
    raise Refused(response.status_code, content)


async def _events(response: httpx.Response) -> AsyncIterator[Json]:
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line.removeprefix("data:"))
