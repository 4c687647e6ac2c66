"""Following events without a database: for caches, projections and watchers."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Event

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import ApiError, Bus, BusUnavailable, Message
from comptoir_runtime.bus.pull import ConsumerLost, Pull, delivery
from comptoir_runtime.event_options import EventType, Kind, event_type
from comptoir_runtime.supervision import cancel

_log = logging.getLogger(__name__)

_BATCH = 256
_PAUSE = 0.5
_SECOND = 1_000_000_000
# The server forgets the consumer of a process that is gone.
_FORGET_AFTER = 60 * _SECOND


class Follower:
    """Calls back with every state there is, then with each new one; facts from now on only.

    It starts at once and ends with `close`. `types` are events of one producer and one kind.
    Events arrive in order, at least once: after a lost connection the follower goes on where it
    was, after a lost stream it starts again. An exception of the callback is logged and the event
    skipped.
    """

    def __init__(
        self, bus: Bus, types: Sequence[type[Event]], callback: Callable[[Any], None]
    ) -> None:
        self._bus = bus
        self._types: dict[str, EventType] = {}
        for message in types:
            kind = event_type(message)
            self._types[kind.name] = kind
        found = list(self._types.values())
        if len({each.stream for each in found}) != 1 or found[0].kind is Kind.SIGNAL:
            raise ValueError("a follower follows facts or states of one producer")
        self._service, self._kind, self._stream = found[0].service, found[0].kind, found[0].stream
        self._callback = callback
        self._caught_up = asyncio.Event()
        self._created = ""
        self._position = 0
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def caught_up(self) -> None:
        """Waits until everything that existed when the follower started has been seen."""
        await self._caught_up.wait()

    async def close(self) -> None:
        """Stops following."""
        await cancel([self._task])

    async def _run(self) -> None:
        while True:
            await self._bus.connected()
            try:
                await self._follow()
            except (ConsumerLost, ApiError, BusUnavailable) as reason:
                _log.debug("following %s again: %s", self._stream, reason)
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        name, pending = await self._create_consumer()
        pull = Pull(self._bus, self._stream, name, _BATCH)
        try:
            await pull.open()
            if pending == 0:
                self._caught_up.set()
            expected = 1
            while True:
                for message in await pull.next():
                    _, position, number, left = delivery(message)
                    if number != expected:
                        raise ConsumerLost("a message was lost on the way")
                    expected += 1
                    self._position = position
                    self._receive(message)
                    if left == 0:
                        self._caught_up.set()
        finally:
            await pull.close()

    async def _create_consumer(self) -> tuple[str, int]:
        state = await streams.find(self._bus, self._service, self._kind)
        if state is None:
            raise ConsumerLost("there is no such stream yet")
        if state.created != self._created or state.last_sequence < self._position:
            self._created, self._position = state.created, 0
        config: dict[str, Any] = {
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "inactive_threshold": _FORGET_AFTER,
        }
        if self._position:
            config |= {
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": self._position + 1,
            }
        elif self._kind is Kind.STATE:
            config |= {"deliver_policy": "last_per_subject"}
        else:
            config |= {"deliver_policy": "new"}
            self._position = state.last_sequence
        types = sorted(self._types.values(), key=lambda each: each.name)
        name = streams.name_of_reader(self._bus)
        info = await streams.create_consumer(self._bus, self._stream, name, types, config)
        return info["name"], info["num_pending"]

    def _receive(self, message: Message) -> None:
        kind = self._types.get((message.headers or {}).get("ce-type", ""))
        if kind is None:
            return
        event = kind.message()
        try:
            event.ParseFromString(message.data)
            self._callback(event)
        except DecodeError:
            _log.error("an event of type %s cannot be read", kind.name)
        except Exception:  # noqa: BLE001 - the next event may be fine
            _log.exception("the callback for %s failed", kind.name)
