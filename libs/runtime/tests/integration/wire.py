"""A wire between a client and NATS that can be cut, made deaf, or held up."""

import asyncio
import contextlib
from typing import Self
from urllib.parse import urlsplit, urlunsplit


class Wire:
    """`async with Wire(nats_url) as wire:` and connect to `wire.url`."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self.url = ""
        self.deaf = False
        """What the server says is lost."""
        self.open = asyncio.Event()
        """Clear it, and what the client says waits."""
        self.open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        login = self._there.netloc.rpartition("@")[0]
        self.url = urlunsplit(self._there._replace(netloc=f"{login}@127.0.0.1:{port}"))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Ends every connection; the next one hears and is heard again."""
        self.deaf = False
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        from_server, to_server = await asyncio.open_connection(
            self._there.hostname, self._there.port
        )
        self._writers |= {to_client, to_server}
        loop = asyncio.get_running_loop()
        self._tasks |= {
            loop.create_task(self._carry(from_client, to_server, heard=False)),
            loop.create_task(self._carry(from_server, to_client, heard=True)),
        }

    async def _carry(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, heard: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if not heard:
                    await self.open.wait()
                elif self.deaf:
                    continue
                target.write(data)
                await target.drain()
        target.close()
