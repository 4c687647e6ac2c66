"""The sandbox provider as a process of its own, and what a tester asks of it."""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import orjson

SECRET = "whsec_test"
_PATIENCE = 30


@dataclass
class Psp:
    """A running provider."""

    url: str
    process: "subprocess.Popen[bytes]"

    @classmethod
    def start(cls, journal: Path, **environment: str) -> Self:
        """Starts one on a free port, or on the one that PSP_LISTEN names."""
        process = subprocess.Popen(
            [sys.executable, "-m", "comptoir_psp_sandbox"],
            env={**os.environ, "PSP_JOURNAL": str(journal), **environment},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        line = orjson.loads(process.stdout.readline())
        return cls(f"http://{line['address']}", process)

    @property
    def listen(self) -> str:
        return urlsplit(self.url).netloc

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(_PATIENCE)
        if self.process.stdout is not None:
            self.process.stdout.close()

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer of a call that has to succeed."""
        async with (
            aiohttp.ClientSession() as client,
            client.request(
                method,
                self.url + path,
                data=b"" if body is None else orjson.dumps(body),
                headers={
                    "accept": "application/json",
                    "content-type": "application/json",
                    "idempotency-key": os.urandom(8).hex(),
                },
            ) as reply,
        ):
            text = await reply.read()
            assert reply.status < 300, text
            return orjson.loads(text) if text else None

    async def script(self, **fault: Any) -> None:
        """What goes wrong next; see the provider's README."""
        await self.call("POST", "/v1/script", fault)

    async def answer_challenge(self, action_url: str, outcome: str = "success") -> None:
        """What the buyer does at their bank."""
        await self.call("POST", urlsplit(action_url).path, {"outcome": outcome})

    async def payment(self, reference: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.call("GET", f"/v1/payments/{reference}")
        return found

    async def payments_of(self, payment: str) -> list[dict[str, Any]]:
        """What it holds under our id of a payment; one, unless somebody was charged twice."""
        page = await self.call("GET", f"/v1/payments?reference={payment}")
        found: list[dict[str, Any]] = page["payments"]
        return found

    async def journal(self) -> list[dict[str, Any]]:
        """Every entry, oldest first."""
        entries: list[dict[str, Any]] = []
        while True:
            after = entries[-1]["seq"] if entries else 0
            page = await self.call("GET", f"/v1/journal?after={after}&limit=1000")
            entries += page["entries"]
            if not page["entries"] or entries[-1]["seq"] >= page["last"]:
                return entries


async def until(condition: Any, patience: float = 30.0) -> Any:
    """Waits until the condition, called again and again, answers something true."""
    async with asyncio.timeout(patience):
        # What is waited for happens in another process or in a database.
        while not (found := await condition()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return found
