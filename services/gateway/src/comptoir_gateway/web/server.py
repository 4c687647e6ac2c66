"""uvicorn in our own loop, with limits on what comes before a request is one."""

import asyncio
import contextlib
import socket
from collections.abc import Generator
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from comptoir_gateway.headers import request_id
from comptoir_gateway.problems import MEDIA_TYPE, Problem
from comptoir_gateway.web.app import App

HEAD_BYTES = 32 * 1024
HEAD_SECONDS = 10.0
# A body that goes on after the answer, which nobody reads, must end by then.
REST_SECONDS = 10.0
KEEP_ALIVE_SECONDS = 75
LINGER_SECONDS = 0.5
BACKLOG = 2048


class EdgeProtocol(HttpToolsProtocol):
    """Refuses heads that are too large (431) and connections that are too slow with theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._reading_head = True
        self._refused = False
        self._patience: asyncio.TimerHandle | None = None
        self._reading_body = False
        self._rest: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the base
        super().connection_made(transport)
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._end_rest()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._reading_head and not self._refused:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(_too_large())

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading_head = True
        self._head_bytes = 0
        if self._patience is None:
            self._be_patient()

    def on_headers_complete(self) -> None:
        self._reading_head = False
        self._reading_body = True
        self._stop_waiting()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES:
            self._refuse(_too_large())
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._reading_body = False
        self._end_rest()
        if not self._refused:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        # What comes in keeps uvicorn from closing an idle connection, byte for byte.
        if self._reading_body and self.cycle.response_complete:
            self._rest = self.loop.call_later(REST_SECONDS, self.transport.close)

    def send_400_response(self, msg: str) -> None:
        self._refuse(Problem(400, "MALFORMED_REQUEST", "this is not an HTTP request"))

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _stop_waiting(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _end_rest(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    def _lose_patience(self) -> None:
        self._patience = None
        self._refuse(Problem(408, "REQUEST_TIMEOUT", "the head of the request came too slowly"))

    def _refuse(self, problem: Problem) -> None:
        self._refused = True
        if self.transport.is_closing():
            return
        body = problem.render("", request_id(None))
        self.transport.write(
            b"HTTP/1.1 %d \r\ncontent-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
            % (problem.status, MEDIA_TYPE, len(body), body)
        )
        # Closed at once while the client still sends, the connection would be reset and the
        # answer lost on its way.
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)


class HttpServer(uvicorn.Server):
    """Serves an application until `stop`; signals are the business of `__main__`."""

    def __init__(self, app: App, *, drain_seconds: float) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=EdgeProtocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(drain_seconds)),
                backlog=BACKLOG,
            )
        )
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def start(self, listen: str) -> str:
        """Opens the port; answers `host:port` with the real port. Raises OSError when taken."""
        host, _, port = listen.rpartition(":")
        bound = socket.create_server((host.strip("[]"), int(port)), backlog=BACKLOG)
        bound.setblocking(False)
        self._task = asyncio.get_running_loop().create_task(self.serve(sockets=[bound]))
        await self._listening.wait()
        return f"{host}:{bound.getsockname()[1]}"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._listening.set()

    async def stop(self) -> None:
        """No new connections; requests in progress may end, for as long as draining lasts."""
        self.should_exit = True
        if self._task is not None:
            await self._task


def _too_large() -> Problem:
    return Problem(431, "HEADERS_TOO_LARGE", f"the head may have at most {HEAD_BYTES:,} bytes")
