"""Calls one host with aiohttp, and tells what certainly had no effect from what may have had one.

No connection: `Unreachable`. Anything that goes wrong once there is one, when the request may have
arrived: `Broken` or `TimedOut`. aiohttp sends a request that can change something once only; those
that only read it may send again when a kept connection turns out to be closed.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from comptoir_payments.providers.contract import Broken, TimedOut, Unreachable
from comptoir_runtime import deadline, guard

CONNECT_SECONDS = 2.0
# Shorter than what servers usually allow, so that it is rarely they who hang up.
IDLE_SECONDS = 15.0
# Kept from the caller's time to write the outcome down and to answer.
MARGIN_SECONDS = 0.25
LARGEST_ANSWER = 1_000_000
# Of the time for an answer at the most, so that it is known which of the two ran out.
_CONNECT_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


class HttpClient:
    """Calls one host, such as `http://psp:8080`; `timeout` in seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("the provider's address must be an http or https URL")
        self._place = url.rstrip("/")
        self._timeout = timeout
        self._opened: aiohttp.ClientSession | None = None

    async def get(self, path: str) -> Answer:
        return await self.send("GET", path, None, {})

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return await self.send("POST", path, body, {"content-type": "application/json", **headers})

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """Any other request; its headers say of what kind the body is."""
        guard.outside_transaction()
        seconds = deadline.budget(self._timeout + MARGIN_SECONDS) - MARGIN_SECONDS
        if seconds <= 0:
            raise Unreachable("there is no time left to ask")
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(method, path, body, headers, seconds)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Unreachable(type(error).__name__) from None
        except TimeoutError:
            raise TimedOut(f"no answer within {self._timeout} s") from None
        except aiohttp.ClientError as error:
            raise Broken(type(error).__name__) from None

    async def keep(self) -> None:
        """Closes all connections when it is cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Answer:
        limits = aiohttp.ClientTimeout(connect=min(CONNECT_SECONDS, seconds * _CONNECT_SHARE))
        # The path is as the provider's part wrote it, quoted where it has to be.
        url = URL(self._place + path, encoded=True)
        async with self._session().request(
            method, url, data=body, headers=headers, timeout=limits, allow_redirects=False
        ) as response:
            parts, size = [], 0
            async for part in response.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > LARGEST_ANSWER:
                    raise Broken("the answer is too long")
            return Answer(response.status, b"".join(parts))

    def _session(self) -> aiohttp.ClientSession:
        """Opened by the first call: it belongs to the loop that runs then."""
        if self._opened is None or self._opened.closed:
            self._opened = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_SECONDS),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._opened
