"""Composition root: the only place where things are built and started."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Final

import orjson
import uvicorn
import uvloop

from comptoir_psp_sandbox.app import Application
from comptoir_psp_sandbox.book import rebuild
from comptoir_psp_sandbox.connection import BreakableProtocol
from comptoir_psp_sandbox.journal import CorruptJournal, Journal
from comptoir_psp_sandbox.provider import Provider
from comptoir_psp_sandbox.recorder import Recorder
from comptoir_psp_sandbox.scripts import Scripts
from comptoir_psp_sandbox.settings import InvalidSettings, Settings
from comptoir_psp_sandbox.webhooks import Webhooks

# Calls left unanswered on purpose may be open for long: a stop does not wait for them.
_DRAIN_SECONDS: Final = 2


class _Server(uvicorn.Server):
    """uvicorn raises the signal again after its shutdown, before the journal could be closed."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, setattr, self, "should_exit", True)
        yield


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host.strip("[]"), port), family=family, backlog=1024)
    listener.setblocking(False)
    return listener


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    line = orjson.dumps({"message": "listening", "address": address}).decode()
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _server(app: Application) -> _Server:
    config = uvicorn.Config(
        app,
        http=BreakableProtocol,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return _Server(config)


async def serve(settings: Settings) -> None:
    """Runs until SIGTERM or SIGINT."""
    journal = Journal(settings.journal)
    book = rebuild(journal.recover())
    journal.start()
    scripts = Scripts()
    webhooks = Webhooks(
        settings.webhook_url,
        settings.webhook_secret,
        retry=settings.webhook_retry,
        scripts=scripts,
    )
    recorder = Recorder(
        book,
        journal,
        webhooks,
        key_retention=settings.key_retention,
        late_webhook=settings.late_webhook,
    )
    provider = Provider(
        book,
        journal,
        recorder,
        authorisation_lifetime=settings.authorisation_lifetime,
        delayed_authorisation=settings.delayed_authorisation,
    )
    app = Application(
        provider,
        journal,
        scripts,
        public_url=settings.public_url,
        hold=settings.unanswered_hold,
    )
    listener = _listen(settings.host, settings.port)
    provider.resume()
    _announce(listener)
    try:
        await _server(app).serve(sockets=[listener])
    finally:
        await recorder.close()
        await webhooks.close()
        await journal.close()


def main() -> None:
    """Reads the environment and serves; what prevents the start is said in one line."""
    logging.basicConfig(
        level=logging.WARNING,
        format='{"level":"%(levelname)s","message":"%(message)s"}',
    )
    try:
        uvloop.run(serve(Settings.from_environment(os.environ)))
    except BlockingIOError:
        sys.exit("PSP_JOURNAL is in use by another process")
    except (InvalidSettings, CorruptJournal, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
