"""The relay: brings the outbox to NATS, in order, as often as it takes.

One process of a service leads, by an advisory lock that ends with its
connection. While NATS is down the outbox grows and nothing else happens.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import nats.errors

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import ApiError, Bus, BusUnavailable
from comptoir_runtime.bus.publisher import Publisher
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.database import Connection, Database
from comptoir_runtime.database.failures import is_outage
from comptoir_runtime.event_options import EventType, Kind, event_types_of
from comptoir_runtime.outbox import statements
from comptoir_runtime.outbox.leader import AUDIT_SECONDS, BATCH, Leader
from comptoir_runtime.outbox.questions import (
    Range,
    asked_for,
    question,
    replay_subject,
    replayed_subject,
)
from comptoir_runtime.outbox.upkeep import Sweep
from comptoir_runtime.pace import Pace
from comptoir_runtime.telemetry import counter, names

_log = logging.getLogger(__name__)
_leading = counter(names.RELAY_LEADING)

# Commits wake the relay, those of other processes over NATS; polling is for what neither told.
POLL_SECONDS = 0.5
_RETRY_SECONDS = 0.5
_LEADER_SECONDS = 1.0
_SETTLE_SECONDS = 5.0
_SWEEP_SECONDS = 600.0
_REPLAY_SECONDS = 60.0
# Each type of each consumer asks for itself; more than this is asked for again.
_MOST_ASKED = 1000


def wake_subject(service: str) -> str:
    """Where the processes that do not lead tell the one that does that they have committed."""
    return f"wake.{service}"


@dataclass
class _Asked:
    """A range that is being published again, in between of what is new."""

    left: Range
    question: bytes
    answer_to: str
    count: int = 0


class Relay:
    """Publishes what the transactions of `database` emit. `run` it as a background task.

    `types` are the events the service owns; by default all of its contract packages.
    """

    def __init__(
        self,
        database: Database,
        bus: Bus,
        service: str,
        types: Sequence[EventType] | None = None,
        *,
        limits: streams.Limits = streams.DEFAULT_LIMITS,
        poll_seconds: float = POLL_SECONDS,
        audit_seconds: float = AUDIT_SECONDS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._service = service
        self._types = list(event_types_of(service) if types is None else types)
        self._limits = limits
        self._poll_seconds = poll_seconds
        self._audit_seconds = audit_seconds
        self._wake = asyncio.Event()
        self._pace = Pace()
        self._asked: deque[_Asked] = deque()
        self._settle_at = -math.inf
        self.leading = False
        database.announce_to(self)

    def outbox_written(self) -> None:
        """Called after a commit: there is something to publish."""
        self._wake.set()
        if not self.leading:
            self._bus.signals_sent([(wake_subject(self._service), b"")])

    def signals_sent(self, signals: Sequence[tuple[str, bytes]]) -> None:
        """Nothing to do: signals are not stored."""

    async def run(self) -> None:
        """Publishes until it is cancelled; outages are waited out."""
        _leading.add(0)
        publisher = Publisher(self._bus)
        listeners = [
            Listener(self._bus, replay_subject(self._service), self._on_replay_asked),
            Listener(self._bus, wake_subject(self._service), lambda *_: self._wake.set()),
        ]
        try:
            while True:
                try:
                    await self._lead_when_possible(publisher)
                except BusUnavailable as error:
                    _log.info("the relay waits: %s", error)
                except Exception as error:  # noqa: BLE001 - a relay never ends
                    if not is_outage(error):
                        _log.exception("the relay failed and starts again")
                await asyncio.sleep(_RETRY_SECONDS)
        finally:
            for listener in listeners:
                await listener.close()
            publisher.close()

    async def replay(self, kind: int, first: int, last: int = 0) -> int:
        """Has the leader publish again what has producer sequences `first` to `last` (0: all).

        Of states only those that are still the newest of their thing. Returns how many were
        published; raises `BusUnavailable` when the leader, whichever process that is, did not
        get to the end of it.
        """
        asked = question(Kind(kind), first, last)
        try:
            answer = await self._bus.client.request(
                replay_subject(self._service), asked, timeout=_REPLAY_SECONDS
            )
        except (nats.errors.Error, OSError) as error:
            raise BusUnavailable("nobody has published the events again") from error
        return int(answer.data)

    async def _lead_when_possible(self, publisher: Publisher) -> None:
        connection = await self._database.dedicated(application_name=f"{self._service} relay")
        try:
            await connection.execute(statements.PREPARE_CONNECTION)
            # What is waited for happens in another process: no event of ours can tell.
            while not await connection.fetchval(statements.LEAD, statements.LEADER_LOCK):
                await self._settle_streams()
                await asyncio.sleep(_LEADER_SECONDS)
            self.leading = True
            _leading.add(1)
            _log.info("this process publishes the events of %s", self._service)
            leader = Leader(
                connection,
                self._bus,
                self._service,
                self._types,
                self._limits,
                publisher,
                self._audit_seconds,
            )
            await self._lead(leader, connection)
        finally:
            _leading.add(-int(self.leading))
            self.leading = False
            self._asked.clear()
            connection.terminate()  # gives the lock back at once

    async def _settle_streams(self) -> None:
        """While an older version of the service leads, the stream must take our new types.

        A refusal may pass, as that of a cluster which misses a server: we ask again until all is
        settled, and not once more.
        """
        if time.monotonic() < self._settle_at:
            return
        self._settle_at = time.monotonic() + _SETTLE_SECONDS
        refused = False
        with contextlib.suppress(BusUnavailable):
            for kind in (Kind.FACT, Kind.STATE):
                try:
                    await streams.settle(self._bus, self._service, kind, self._types, self._limits)
                except ApiError as error:
                    refused = True
                    _log.warning("a stream of %s keeps its limits: %s", self._service, error)
            if not refused:
                self._settle_at = math.inf

    async def _lead(self, leader: Leader, connection: Connection) -> None:
        sweep, sweep_at = Sweep(), time.monotonic() + _SWEEP_SECONDS
        while True:
            await self._bus.connected()
            await self._settle_streams()
            await leader.look_after_streams()
            self._wake.clear()
            started = time.monotonic()
            count = await leader.publish()
            if count is None:
                continue
            if count:
                self._pace.begin(started)
            replaying = await self._serve_replay(leader)
            if started >= sweep_at and not await sweep.step(connection):
                sweep, sweep_at = Sweep(), started + _SWEEP_SECONDS
            if count < BATCH and not replaying:
                await self._wait()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        await asyncio.sleep(self._pace.pause(time.monotonic()))

    def _on_replay_asked(self, data: bytes, answer_to: str) -> None:
        try:
            asked = asked_for(data)
        except (ValueError, TypeError):
            _log.warning("a request to replay events cannot be read")
            return
        if not answer_to.startswith(f"{self._bus.inbox_prefix}."):
            answer_to = ""  # of another service; we may publish where it may not
        # Two processes that miss the same facts ask for them at the same time.
        known = not answer_to and any(each.left == asked for each in self._asked)
        if self.leading and not known and len(self._asked) < _MOST_ASKED:
            self._asked.append(_Asked(asked, data, answer_to))
            self._wake.set()

    async def _serve_replay(self, leader: Leader) -> bool:
        """One batch of what was asked for first; whether there is more to do."""
        if not self._asked:
            return False
        asked = self._asked[0]
        count, left = await leader.publish_again(asked.left)
        asked.count += count
        if left is not None:
            asked.left = left
            return True
        self._asked.popleft()
        if asked.count:  # who asks whether there is more mostly has everything
            _log.info("published %d events again, on request", asked.count)
        if asked.answer_to:
            await self._bus.client.publish(asked.answer_to, str(asked.count).encode())
        else:
            await self._bus.client.publish(replayed_subject(self._service), asked.question)
        return bool(self._asked)
