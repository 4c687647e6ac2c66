"""Composition root: `python -m comptoir_gateway` serves until SIGTERM."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack

import uvloop

from comptoir_gateway import headers, openapi, transcode, views
from comptoir_gateway.backends import SERVICES, Backends
from comptoir_gateway.cache import News, StockBook
from comptoir_gateway.settings import GatewaySettings
from comptoir_gateway.streams import OpenStreams
from comptoir_gateway.web import Router
from comptoir_gateway.web.app import App
from comptoir_gateway.web.server import HttpServer
from comptoir_runtime import telemetry
from comptoir_runtime.bus import Bus
from comptoir_runtime.settings import SettingsError, load
from comptoir_runtime.supervision import supervised
from comptoir_runtime.telemetry import event_loop

NAME = "gateway"
# Run as a module this file is called "__main__": the name says whose lines these are.
log = logging.getLogger("comptoir_gateway")


class Gateway:
    """Everything that runs, from `start` to `stop`."""

    def __init__(self) -> None:
        self.address = ""
        """host:port it listens on."""
        self._leave: Callable[[], None]
        self._stack = AsyncExitStack()

    @classmethod
    async def start(cls, settings: GatewaySettings) -> "Gateway":
        """Starts everything; what was started is stopped again when a later part fails."""
        gateway = cls()
        async with gateway._stack:
            await gateway._open(settings)
            gateway._stack = gateway._stack.pop_all()
        return gateway

    def leave(self) -> None:
        """Says that it goes: to load balancers, and with each answer on every connection."""
        self._leave()

    async def stop(self) -> None:
        """Drains and stops: first the server, the connections behind it last."""
        await self._stack.aclose()

    async def _open(self, settings: GatewaySettings) -> None:
        stack = self._stack
        certificates = settings.certificates()
        bus = Bus(settings.bus_url, NAME, certificates)
        bus.start()
        stack.push_async_callback(bus.close)
        targets = {name: getattr(settings, f"{name}_target") for name in SERVICES}
        backends = Backends(targets, certificates)
        stack.push_async_callback(backends.close)
        book = StockBook()
        news = News(bus, book)
        news.follow()
        stack.push_async_callback(news.close)
        streams = OpenStreams(settings.max_streams)
        platform = views.Platform(backends)
        app = App(
            routes(backends, platform, streams, news, book),
            headers.Cors(settings.origins),
            max_requests=settings.max_requests,
            strict_transport=not settings.development,
        )
        server = HttpServer(app, drain_seconds=settings.drain_seconds)
        self.address = await server.start(settings.listen)
        stack.push_async_callback(server.stop)
        stack.callback(streams.close)
        if telemetry.exporting():
            await stack.enter_async_context(supervised([event_loop.watch]))

        def leave() -> None:
            platform.drain()
            app.leave()

        self._leave = leave


def routes(
    backends: Backends,
    platform: views.Platform,
    streams: OpenStreams,
    news: News,
    book: StockBook,
) -> Router:
    """Everything that can be asked for."""
    router, codecs = Router(), transcode.Codecs.of_contracts()
    operations = list(transcode.operations(SERVICES))
    transcode.add_routes(router, operations, backends, codecs, streams)
    views.add_pages(router, backends, codecs, news, book)
    platform.add_routes(router)
    openapi.Site(operations).add_routes(router)
    return router


async def serve(settings: GatewaySettings) -> None:
    """Serves until SIGTERM or SIGINT, then drains."""
    telemetry.configure(NAME, settings)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    gateway = await Gateway.start(settings)
    log.info("listening", extra={"listening": gateway.address})
    await stopping.wait()
    log.info("draining")
    gateway.leave()
    await asyncio.sleep(settings.leave_seconds)
    await gateway.stop()
    log.info("stopped")
    telemetry.shut_down()


def main() -> int:
    """Exits with 0, 1 (failed) or 2 (wrong settings)."""
    try:
        uvloop.run(serve(load(GatewaySettings)))
    except SettingsError as error:
        sys.stderr.write(f"settings: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
