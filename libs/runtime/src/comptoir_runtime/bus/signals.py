"""Listening to signals: hints that wake those who watch, and may be lost."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TypeVar

import nats.errors
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Event
from nats.aio.subscription import Subscription

from comptoir_runtime.bus.connection import Bus, BusUnavailable, Message
from comptoir_runtime.event_options import Kind, NotAnEvent, event_type
from comptoir_runtime.supervision import cancel

E = TypeVar("E", bound=Event)
_log = logging.getLogger(__name__)


class Listener:
    """A subscription to signals; it lasts until `close`, over lost connections too."""

    def __init__(self, bus: Bus, subject: str, receive: Callable[[bytes, str], None]) -> None:
        """`receive` is called with the data, and with where an answer is expected or ''."""
        self._bus = bus
        self._subject = subject
        self._receive = receive
        self._subscription: Subscription | None = None
        self._client: object = None
        self._changed = asyncio.Event()
        self._changed.set()
        self._stop_observing = bus.on_change(self._changed.set)
        self._task = asyncio.get_running_loop().create_task(self._keep_subscribed())

    async def close(self) -> None:
        """Stops listening."""
        self._stop_observing()
        await cancel([self._task])
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error, OSError):
                await self._subscription.unsubscribe()

    async def _keep_subscribed(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                client = self._bus.client
                # A client keeps its subscriptions when it reconnects; a new client has none.
                if client is not self._client:
                    self._subscription = await self._bus.subscribe(self._subject, self._on_message)
                    self._client = client
            except (BusUnavailable, nats.errors.Error, OSError):
                continue  # the next change of the connection brings us back here

    async def _on_message(self, message: Message) -> None:
        self._receive(message.data, message.reply)


def signals(
    bus: Bus,
    type: type[E],  # noqa: A002 - the type of signal; keyword of the contract
    key: str | None = None,
    *,
    callback: Callable[[E], None],
) -> Listener:
    """Calls back with each signal of a type, or only with those about `key`."""
    kind = event_type(type)
    if kind.kind is not Kind.SIGNAL:
        raise NotAnEvent(f"{kind.name} is stored: subscribe to it or follow it")

    def receive(data: bytes, _: str) -> None:
        event = type()
        try:
            event.ParseFromString(data)
            callback(event)
        except DecodeError:
            _log.warning("a signal of type %s cannot be read", kind.name)
        except Exception:  # noqa: BLE001 - the next signal may be fine
            _log.exception("the callback for %s failed", kind.name)

    return Listener(bus, kind.every_subject if key is None else kind.subject_of(key), receive)
