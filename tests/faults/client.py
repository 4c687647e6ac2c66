"""A person at the shop's door: one connection, opened again whenever it breaks, and patience."""

import asyncio
import itertools
import secrets
import time
from base64 import urlsafe_b64decode
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import orjson

from tests.faults.world import PATIENCE_SECONDS
from tests.load.client import Answer, Connection, Disconnected, encode

Json = dict[str, Any]
_ANSWER_SECONDS = 30.0
_PAUSE_SECONDS = 0.25
# Half of what a token lives: it must not end between filling a cart and buying it.
_TOKEN_SECONDS = 300.0
# "Not now": the same request may well succeed a little later.
_NOT_NOW = frozenset({429, 500, 502, 503, 504})
_NOT_NOW_EITHER = (b'"CONCURRENT_CHANGE"', b'"LOCK_TIMEOUT"')
_TOO_LATE = 504
_TURNS = itertools.count()
# It is being done: to be asked again, and nothing to complain of.
_UNDER_WAY = ("_UNDER_WAY", "OPERATION_IN_PROGRESS")


class GaveUp(AssertionError):
    """Somebody has tried for longer than anything here takes to recover."""


class Client:
    """Somebody with a token who asks over HTTP, and asks again.

    Of several gateways it uses one, not the same as whoever came before, and goes to the next as a
    load balancer does: when one says that it leaves, or does not listen.
    """

    def __init__(self, authorities: Sequence[str], patience: float = PATIENCE_SECONDS) -> None:
        self._authorities = deque(authorities)
        self._authorities.rotate(next(_TURNS))
        self.patience = patience
        self._connection: Connection | None = None
        self._turn = asyncio.Lock()
        self._at_the_door = asyncio.Lock()
        self._token = ""
        self._new_token_at = 0.0
        self.asked = 0
        """Requests sent."""
        self.failures: list[str] = []
        """Requests that were not answered as they are on a day without faults."""
        self.late: list[str] = []
        """Requests that took too long, as they may on any day when the machine is busy."""

    @property
    def authorisation(self) -> str:
        """The header line of this client's requests."""
        return f"Authorization: Bearer {self._token}\r\n" if self._token else ""

    @property
    def subject(self) -> str:
        """Whose token it is."""
        payload = self._token.split(".")[1]
        claims: Json = orjson.loads(_decoded(payload))
        return str(claims["sub"])

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    async def insist(
        self, method: str, path: str, body: Json | None = None, key: str = ""
    ) -> tuple[int, Json]:
        """Asks under one key until the answer is for good; its status and content."""
        key, give_up = key or secrets.token_hex(12), time.monotonic() + self.patience
        while True:
            told = await self.try_once(method, path, body, key)
            if told is not None:
                return told
            await self.pause(give_up, f"{method} {path} was never answered")

    async def insist_on(
        self, method: str, path: str, body: Json | None = None, key: str = ""
    ) -> Json:
        """What is asked for is granted in the end."""
        status, content = await self.insist(method, path, body, key)
        assert status < 300, f"{method} {path}: {status} {content}"
        return content

    async def try_once(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        key: str = "",
        *,
        renew: bool = True,
    ) -> tuple[int, Json] | None:
        """Status and content; None when there was no answer, or one that says: not now.

        With `renew` as somebody else where visitors need a new token.
        """
        if renew and time.monotonic() > self._new_token_at and not await self._sign_in():
            return None
        answer = await self.send(method, path, body, key)
        if answer is None or says_not_now(answer) or says_under_way(answer):
            return None
        if answer.status == 401:  # the token is too old, or its key not known again yet
            self._new_token_at = 0.0
            return None
        content: Json = orjson.loads(answer.body)
        return answer.status, content

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        key: str = "",
        *,
        signed: bool = True,
    ) -> Answer | None:
        """One request; None when no answer came back."""
        headers = self.authorisation if signed else ""
        if method != "GET":
            headers += f"Idempotency-Key: {key or secrets.token_hex(12)}\r\n"
        content = b"" if body is None else orjson.dumps(body)
        request = encode(method, path, self._authorities[0], headers, content)
        self.asked += 1
        async with self._turn:
            try:
                async with asyncio.timeout(_ANSWER_SECONDS):
                    answer = await (await self._connected()).send(request)
            except (Disconnected, OSError, TimeoutError) as failure:
                self.close()
                self._connection = None
                kept = self.late if isinstance(failure, TimeoutError) else self.failures
                kept.append(f"{method} {path}: {type(failure).__name__}")
                return None
            if answer.is_last:
                self.close()
                self._connection = None
                self._authorities.rotate()
        if says_not_now(answer) and not says_under_way(answer):
            kept = self.late if _is_late(answer) else self.failures
            kept.append(f"{method} {path}: {answer.status} {answer.body.decode()[:600]}")
        return answer

    async def _connected(self) -> Connection:
        if self._connection is not None and self._connection.is_open:
            return self._connection
        for _ in range(len(self._authorities) - 1):
            with suppress(OSError):
                return await self._connect()
            self._authorities.rotate()
        return await self._connect()

    async def _connect(self) -> Connection:
        host, _, port = self._authorities[0].rpartition(":")
        self._connection = await Connection.open(host, int(port))
        return self._connection

    async def pause(self, give_up: float, what: str) -> None:
        """Waits a little before asking again; raises `GaveUp` when it has been too long."""
        if time.monotonic() > give_up:
            raise GaveUp(f"{what}: {(self.failures + self.late)[-3:]}")
        await asyncio.sleep(_PAUSE_SECONDS)

    async def _sign_in(self) -> bool:
        """Whether there is a new token."""
        async with self._at_the_door:
            if time.monotonic() > self._new_token_at:
                answer = await self.send("POST", *self._door(), signed=False)
                if answer is None or answer.status != 200:
                    return False
                self._token = orjson.loads(answer.body)["accessToken"]
                self._new_token_at = time.monotonic() + _TOKEN_SECONDS
        return True

    def _door(self) -> tuple[str, Json]:
        """Where a token is given, and what has to be said there: to visitors, nothing."""
        return "/v1/sessions:anonymous", {}


def says_not_now(answer: Answer) -> bool:
    """Whether the same request may succeed later, though nobody has promised to go on with it."""
    return answer.status in _NOT_NOW or any(why in answer.body for why in _NOT_NOW_EITHER)


def says_under_way(answer: Answer) -> bool:
    """Whether it is being done, and the answer follows."""
    return answer.status >= 400 and any(word.encode() in answer.body for word in _UNDER_WAY)


def _is_late(answer: Answer) -> bool:
    """Whether somebody did not answer in time, here or between two services."""
    return answer.status == _TOO_LATE or b'"DEADLINE_EXCEEDED"' in answer.body


def _decoded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))
