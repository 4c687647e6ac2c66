"""The relay: brings the outbox to NATS, in order, as often as it takes.

One process of a service leads, by an advisory lock that ends with its
connection. While NATS is down the outbox grows and nothing else happens.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from uuid import UUID

import orjson

from comptoir_runtime.bus.connection import Bus, BusUnavailable
from comptoir_runtime.bus.publisher import Acknowledged, Outgoing, Publisher
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.database import Connection, Database, Row
from comptoir_runtime.database.failures import is_outage
from comptoir_runtime.event_options import EventType, Kind, event_types_of
from comptoir_runtime.ids import uuid7
from comptoir_runtime.outbox import statements, upkeep
from comptoir_runtime.outbox.numbering import Numbering

_log = logging.getLogger(__name__)

BATCH = 200
# Commits wake the relay, those of other processes over NATS; polling is for what neither told.
POLL_SECONDS = 0.5
# While events keep coming they are published in groups: each cycle costs three statements.
LINGER_SECONDS = 0.02
_RETRY_SECONDS = 0.5
_LEADER_SECONDS = 1.0
_AUDIT_SECONDS = 60.0
_SWEEP_SECONDS = 600.0


def replay_subject(service: str) -> str:
    """Where a consumer asks for a range of events again, as JSON `[kind, first, last]`."""
    return f"replay.{service}"


def wake_subject(service: str) -> str:
    """Where the processes that do not lead tell the one that does that they have committed."""
    return f"wake.{service}"


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
        replicas: int = 1,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._service = service
        self._types = list(event_types_of(service) if types is None else types)
        self._replicas = replicas
        self._poll_seconds = poll_seconds
        self._wake = asyncio.Event()
        self._numbering = Numbering()
        self._asked: set[tuple[int, int, int]] = set()
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
        publisher = Publisher(self._bus)
        listeners = [
            Listener(self._bus, replay_subject(self._service), self._on_replay_asked),
            Listener(self._bus, wake_subject(self._service), lambda _: self._wake.set()),
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
        """Publishes again the events with producer sequences `first` to `last` (0: to the newest).

        Of states only those that are still the newest of their thing. Returns how many were
        published; raises `BusUnavailable` when some were not.
        """
        connection = await self._database.dedicated()
        publisher = Publisher(self._bus)
        try:
            return await self._replay(connection, publisher, kind, first, last)
        finally:
            publisher.close()
            await connection.close()

    async def _lead_when_possible(self, publisher: Publisher) -> None:
        connection = await self._database.dedicated(application_name=f"{self._service} relay")
        try:
            await connection.execute(statements.PREPARE_CONNECTION)
            # What is waited for happens in another process: no event of ours can tell.
            while not await connection.fetchval(statements.LEAD, statements.LEADER_LOCK):  # noqa: ASYNC110
                await asyncio.sleep(_LEADER_SECONDS)
            self.leading = True
            _log.info("this process publishes the events of %s", self._service)
            await self._numbering.load(connection)
            await self._lead(connection, publisher)
        finally:
            self.leading = False
            connection.terminate()  # gives the lock back at once

    async def _lead(self, connection: Connection, publisher: Publisher) -> None:
        audited_on, audit_at, sweep_at = 0, 0.0, time.monotonic() + _SWEEP_SECONDS
        while True:
            await self._bus.connected()
            started = time.monotonic()
            if audited_on != self._bus.connections or started >= audit_at:
                await upkeep.reconcile(
                    connection, self._bus, self._service, self._types, self._replicas
                )
                audited_on, audit_at = self._bus.connections, started + _AUDIT_SECONDS
            self._wake.clear()
            count, complete = await self._publish_batch(connection, publisher)
            if not complete:
                # The stream may be gone or full: look at it before the next attempt.
                audit_at = 0.0
                await asyncio.sleep(_RETRY_SECONDS)
            elif count < BATCH:
                await self._serve_replays(connection, publisher)
                if started >= sweep_at and not await upkeep.sweep(connection):
                    sweep_at = started + _SWEEP_SECONDS
                await self._wait(started if count else 0.0)

    async def _wait(self, worked_at: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._poll_seconds):
                await self._wake.wait()
        pause = worked_at + LINGER_SECONDS - time.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)

    async def _publish_batch(
        self, connection: Connection, publisher: Publisher
    ) -> tuple[int, bool]:
        """How many rows were read, and whether all of them are done."""
        rows = await connection.fetch(statements.UNPUBLISHED, BATCH)
        if not rows:
            return 0, True
        numbers = await self._numbering.number(connection, rows)
        current = _without_replaced(rows)
        outgoing = [self._outgoing(row, numbers[row["id"]], str(row["id"])) for row in current]
        results = await publisher.publish(outgoing)
        done: dict[UUID, int | None] = {row["id"]: None for row in rows}
        refused = ""
        for row, result in zip(current, results, strict=True):
            if isinstance(result, Acknowledged):
                done[row["id"]] = result.sequence
            else:
                del done[row["id"]]
                refused = f"{row['subject']}: {result}"
        if refused:
            _log.warning("%d of %d events wait: %s", len(rows) - len(done), len(rows), refused)
        await connection.execute(statements.PUBLISHED, list(done), list(done.values()))
        return len(rows), not refused

    def _outgoing(self, row: Row, number: tuple[int, int], message_id: str) -> Outgoing:
        headers = {
            "Nats-Msg-Id": message_id,
            "ce-specversion": "1.0",
            "ce-id": str(row["id"]),
            "ce-type": row["type"],
            "ce-source": f"/comptoir/{self._service}",
            "ce-time": row["created_at"].isoformat(),
            "Comptoir-Sequence": str(number[0]),
            "Comptoir-Previous-Sequence": str(number[1]),
            **row["headers"],
        }
        return Outgoing(row["subject"], row["payload"], headers)

    def _on_replay_asked(self, data: bytes) -> None:
        try:
            kind, first, last = map(int, orjson.loads(data))
        except (ValueError, TypeError):
            _log.warning("a request to replay events cannot be read")
            return
        self._asked.add((Kind(kind), first, last))
        self._wake.set()

    async def _serve_replays(self, connection: Connection, publisher: Publisher) -> None:
        asked, self._asked = self._asked, set()
        for kind, first, last in sorted(asked):
            count = await self._replay(connection, publisher, kind, first, last)
            _log.info("published %d events again, on request", count)

    async def _replay(
        self, connection: Connection, publisher: Publisher, kind: int, first: int, last: int
    ) -> int:
        count, last = 0, last or 2**62
        while rows := await connection.fetch(statements.REPLAY, kind, first, last, BATCH):
            outgoing = [
                # A new message id: the stream would drop the old one as a duplicate.
                self._outgoing(row, (row["producer_seq"], row["previous_seq"]), str(uuid7()))
                for row in rows
            ]
            results = await publisher.publish(outgoing)
            stored = sum(isinstance(result, Acknowledged) for result in results)
            if stored < len(rows):
                raise BusUnavailable(f"{len(rows) - stored} events were not stored")
            count += stored
            first = rows[-1]["producer_seq"] + 1
        return count


def _without_replaced(rows: list[Row]) -> list[Row]:
    """Of several states of one thing only the newest is worth publishing."""
    newest = {row["subject"]: row["id"] for row in rows if row["kind"] == Kind.STATE}
    return [row for row in rows if newest.get(row["subject"], row["id"]) == row["id"]]
