"""The connection to NATS: always being kept, never waited for."""

import asyncio
import contextlib
import logging
import secrets
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import nats.errors
import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as NatsSubscription

from comptoir_runtime.errors import Unavailable
from comptoir_runtime.guard import outside_transaction
from comptoir_runtime.supervision import cancel
from comptoir_runtime.tls import Certificates

Message: TypeAlias = Msg
MessageCallback: TypeAlias = Callable[[Msg], Awaitable[None]]

_log = logging.getLogger(__name__)

_RECONNECT_PAUSE = 0.25
_CONNECT_TIMEOUT = 2
# A half-open connection is noticed after three of these.
_PING_INTERVAL = 5
# Signals that wait for a connection; older ones are dropped, as signals may be.
_MAX_WAITING_SIGNALS = 1000
API_TIMEOUT = 3.0
FLUSH_SECONDS = 1
"""How long what is pending may take to be sent at the end."""
# Of what a server or the certificates say when it is not the network's fault.
_REFUSALS = ("authorization", "authentication", "certificate", "tls")


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Asyncio warns at each end of a stream that began in the open, as NATS's encrypted ones do."""
    return "eof_received()" not in record.getMessage()


def inbox_prefix(service: str) -> str:
    """Where answers to a service arrive, and no other may listen."""
    return f"_INBOX_{service}"


class BusUnavailable(Unavailable):
    """NATS cannot be reached now; whoever needs it tries again."""


class ApiError(Exception):
    """JetStream refused a request."""

    def __init__(self, code: int, err_code: int, description: str) -> None:
        super().__init__(f"{description} ({code}/{err_code})")
        self.code = code
        self.err_code = err_code

    @property
    def not_found(self) -> bool:
        """The stream or consumer does not exist."""
        return self.code == 404


class Bus:
    """One connection of one service. `start` returns at once; the connection comes when it can.

    `url` names one server of a cluster or several, separated by commas: one that answers suffices.
    """

    def __init__(self, url: str, service: str, certificates: Certificates | None = None) -> None:
        self._urls = [each.strip() for each in url.split(",")]
        self._certificates = certificates
        self._refusal = ""
        self._context: ssl.SSLContext | None = None
        if certificates is not None and all(each.startswith("tls://") for each in self._urls):
            self._context = ssl.create_default_context()
            logging.getLogger("asyncio").addFilter(_is_no_false_alarm)
        self.service = service
        self.inbox_prefix = inbox_prefix(service)
        self._client: Client | None = None
        self._connected = asyncio.Event()
        self._closing = False
        self._keeper: asyncio.Task[None] | None = None
        self._sender: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        self._signals: list[tuple[str, bytes]] = []
        self._signals_waiting = asyncio.Event()
        self.connections = 0
        """Counts connections made; a new number means that requests under way are lost."""
        self._observers: list[Callable[[], None]] = []
        # Not the client's id: each server of a cluster counts its own clients, so two replicas of
        # a service can have the same.
        self._name = secrets.token_hex(8)
        self._inboxes = 0

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection right now."""
        return self._client is not None and self._client.is_connected

    @property
    def client(self) -> Client:
        """The client of the current connection; raises `BusUnavailable`."""
        if self._client is None or not self._client.is_connected:
            raise BusUnavailable("not connected to NATS")
        return self._client

    def start(self) -> None:
        """Begins to connect, and keeps trying until `close`."""
        loop = asyncio.get_running_loop()
        self._keeper = loop.create_task(self._keep_connected())
        self._sender = loop.create_task(self._send_signals())

    async def connected(self) -> None:
        """Waits for a connection."""
        await self._connected.wait()

    async def close(self) -> None:
        """Sends what is pending and disconnects."""
        self._closing = True
        await cancel(task for task in (self._keeper, self._sender) if task is not None)
        if self._client is not None:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                if self._client.is_connected:
                    await self._client.flush(timeout=FLUSH_SECONDS)
            await self._client.close()

    def on_change(self, observer: Callable[[], None]) -> Callable[[], None]:
        """Calls `observer` when the connection changes; answers what stops that."""
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def new_inbox(self) -> str:
        """A subject nobody else uses, in the whole cluster."""
        self._inboxes += 1
        return f"{self.inbox_prefix}.{self._name}-{self._inboxes}"

    async def subscribe(
        self, subject: str, callback: MessageCallback, *, queue: str = ""
    ) -> NatsSubscription:
        """A core subscription; it survives reconnects of the same client only."""
        return await self.client.subscribe(subject, queue=queue, cb=callback)

    async def api(self, method: str, request: Any = None) -> dict[str, Any]:
        """One request to JetStream's API, such as `STREAM.INFO.facts-pim`.

        Raises `ApiError` when it refuses, `BusUnavailable` when it does not answer.
        """
        outside_transaction()
        body = b"" if request is None else orjson.dumps(request)
        try:
            answer = await self.client.request(f"$JS.API.{method}", body, timeout=API_TIMEOUT)
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable(f"{method}: no answer") from error
        content: dict[str, Any] = orjson.loads(answer.data)
        if (refused := content.get("error")) is not None:
            raise ApiError(
                refused["code"], refused.get("err_code", 0), refused.get("description", "refused")
            )
        return content

    def outbox_written(self) -> None:
        """Nothing to do: the relay reads the outbox."""

    def signals_sent(self, signals: Sequence[tuple[str, bytes]]) -> None:
        """Sends signals soon, without waiting; drops the oldest when there is no connection."""
        self._signals.extend(signals)
        del self._signals[:-_MAX_WAITING_SIGNALS]
        self._signals_waiting.set()

    async def _send_signals(self) -> None:
        while True:
            await self._signals_waiting.wait()
            self._signals_waiting.clear()
            await self._connected.wait()
            waiting, self._signals = self._signals, []
            try:
                for subject, payload in waiting:
                    await self.client.publish(subject, payload)
            except (nats.errors.Error, OSError, BusUnavailable):
                _log.debug("signals were lost with the connection")

    async def _keep_connected(self) -> None:
        while not self._closing:
            self._lost.clear()
            client = Client()
            self._show_certificate()
            try:
                # The client itself reconnects for ever; it only gives up when it is refused.
                await client.connect(
                    self._urls,
                    name=f"comptoir-{self.service}",
                    inbox_prefix=self.inbox_prefix,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=_RECONNECT_PAUSE,  # type: ignore[arg-type]  # seconds, any
                    connect_timeout=_CONNECT_TIMEOUT,
                    ping_interval=_PING_INTERVAL,
                    max_outstanding_pings=2,
                    skip_subject_validation=True,
                    tls=self._context,
                    error_cb=self._on_error,
                    disconnected_cb=self._on_disconnected,
                    reconnected_cb=self._on_connected,
                    closed_cb=self._on_closed,
                )
                self._client = client
                await self._on_connected()
                await self._lost.wait()
            except (nats.errors.Error, OSError) as error:
                _log.warning("NATS refuses the connection: %s", error)
            finally:
                if not self._closing or self._client is not client:
                    await client.close()
            await asyncio.sleep(_RECONNECT_PAUSE)

    def _show_certificate(self) -> None:
        """The next connection, the client's own attempts too, shows the latest certificate."""
        if self._context is not None and self._certificates is not None:
            try:
                self._certificates.load_into(self._context)
            except OSError as error:  # in the middle of a renewal: the one before goes on
                _log.warning("the certificate for NATS stays as it was: %s", error)

    async def _on_connected(self) -> None:
        self.connections += 1
        self._refusal = ""
        self._connected.set()
        _log.info("connected to NATS")
        self._tell_observers()

    async def _on_disconnected(self) -> None:
        if self._connected.is_set() and not self._closing:
            _log.warning("the connection to NATS is lost; trying again until it is back")
        self._connected.clear()
        self._show_certificate()
        self._tell_observers()

    async def _on_closed(self) -> None:
        self._connected.clear()
        self._lost.set()
        self._tell_observers()

    async def _on_error(self, error: Exception) -> None:
        # While there is no connection each attempt ends here; the loss was logged once. Being
        # refused is another matter, and told once, too.
        text = str(error)
        is_new = text != self._refusal and any(word in text.lower() for word in _REFUSALS)
        if is_new:
            self._refusal = text
        level = logging.WARNING if self.is_connected or is_new else logging.DEBUG
        _log.log(level, "NATS: %r", error)

    def _tell_observers(self) -> None:
        for observer in tuple(self._observers):
            observer()
