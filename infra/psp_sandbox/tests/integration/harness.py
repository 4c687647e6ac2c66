"""The provider as a process of its own, and a shop that listens to its webhooks."""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from aiohttp import web

SECRET = "whsec_test"
PATIENCE = 30.0


@dataclass
class Reply:
    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def error(self) -> str:
        code: str = self.json["error"]["code"]
        return code


@dataclass
class Psp:
    """One running provider; `kill` and `start` again to see what it remembers."""

    environment: dict[str, str]
    client: aiohttp.ClientSession
    process: asyncio.subprocess.Process | None = None
    address: str = ""

    async def start(self) -> None:
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "comptoir_psp_sandbox",
            env={**os.environ, **self.environment},
            stdout=asyncio.subprocess.PIPE,
        )
        assert self.process.stdout is not None
        line = orjson.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE))
        assert line["message"] == "listening"
        self.address = line["address"]

    async def stop(self, *, kill: bool = False) -> int:
        """The exit code; SIGTERM unless `kill` (SIGKILL)."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill() if kill else self.process.terminate()
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def ended(self) -> int:
        """The exit code of a process that ends by itself.

        Not `stop`: a signal to one that has just ended takes its exit code away from asyncio.
        """
        assert self.process is not None
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    async def call(
        self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str
    ) -> Reply:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key:
            sent["idempotency-key"] = key
        async with self.client.request(
            method,
            f"http://{self.address}{path}",
            data=body
            if isinstance(body, bytes)
            else orjson.dumps(body)
            if body is not None
            else b"",
            headers=sent,
            allow_redirects=False,
        ) as reply:
            return Reply(reply.status, await reply.read(), reply.headers)

    async def pay(self, key: str, method: str = "pm_card_visa", **changes: Any) -> Reply:
        body = {"amount": 1000, "currency": "EUR", "payment_method": method, **changes}
        return await self.call("POST", "/v1/payments", body, key=key)

    async def act(self, payment: str, verb: str, key: str, amount: int | None = None) -> Reply:
        body = {} if amount is None else {"amount": amount}
        return await self.call("POST", f"/v1/payments/{payment}/{verb}", body, key=key)

    async def get(self, path: str) -> Any:
        reply = await self.call("GET", path)
        assert reply.status == 200, reply
        return reply.json

    async def journal(self) -> list[tuple[str, int]]:
        """(type, amount moved) of every entry that is about money."""
        page = await self.get("/v1/journal?limit=1000")
        return [
            (entry["type"], entry["answer"]["operation"]["amount"])
            for entry in page["entries"]
            if "operation" in entry.get("answer", {})
        ]


@dataclass
class Shop:
    """Answers webhooks with the next of `statuses`, then 204; keeps what it got."""

    url: str = ""
    received: list[tuple[str, bytes]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: web.Request) -> web.Response:
        self.received.append((request.headers["Sandbox-Signature"], await request.read()))
        self._news.set()
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204)

    @property
    def types(self) -> list[str]:
        return [orjson.loads(body)["type"] for _, body in self.received]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while len(self.received) < count:
                self._news.clear()
                await self._news.wait()


StartPsp = Callable[..., Awaitable[Psp]]
