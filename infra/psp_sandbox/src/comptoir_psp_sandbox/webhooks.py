"""Tells the merchant what happened: signed, repeated until a 2xx, in no promised order."""

import asyncio
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from typing import Final

import aiohttp

from comptoir_psp_sandbox.book import Event
from comptoir_psp_sandbox.scripts import Action, Scripts

_LOG = logging.getLogger(__name__)
_LONGEST_PAUSE: Final = 30.0
_AT_ONCE: Final = 16


def signature(secret: str, body: bytes, at: int) -> str:
    """The `Sandbox-Signature` header: HMAC-SHA256 of "<unix time>.<body>", in hex."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


class Webhooks:
    """One task per event; `retry` is the first pause in seconds, doubled after each failure."""

    def __init__(
        self,
        url: str,
        secret: str,
        *,
        retry: float,
        scripts: Scripts,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._url = url
        self._secret = secret
        self._retry = retry
        self._clock = clock
        self._scripts = scripts
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: aiohttp.ClientSession | None = None

    @property
    def wanted(self) -> bool:
        """False when nobody listens: no event is then recorded at all."""
        return bool(self._url)

    def send(self, event: Event, delivered: Callable[[str], None]) -> None:
        """Returns at once; `delivered` gets the event's id once all copies were accepted."""
        task = asyncio.create_task(self._deliver(event, delivered))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Drops what is under way: it is in the journal and is sent again after the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    async def _deliver(self, event: Event, delivered: Callable[[str], None]) -> None:
        copies, pause = event.copies, event.send_at - self._clock()
        script = self._scripts.take("webhook")
        if script is not None:
            if script.action is Action.DROP:
                delivered(event.id)
                return
            copies += script.action is Action.DUPLICATE
            pause = max(pause, 0) + script.delay
        if pause > 0:
            await asyncio.sleep(pause)
        for _ in range(copies):
            await self._until_accepted(event)
        delivered(event.id)

    async def _until_accepted(self, event: Event) -> None:
        pause = self._retry
        while not await self._accepted(event):
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _accepted(self, event: Event) -> bool:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        headers = {
            "content-type": "application/json",
            "sandbox-signature": signature(self._secret, event.body, int(self._clock())),
        }
        try:
            async with (
                self._gate,
                self._client.post(
                    self._url, data=event.body, headers=headers, allow_redirects=False
                ) as reply,
            ):
                return 200 <= reply.status < 300
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            _LOG.warning("webhook %s not delivered: %s", event.id, type(error).__name__)
            return False
