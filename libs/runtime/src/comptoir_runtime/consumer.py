"""Consumers: a neighbour's events, from its streams into this service's handlers."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import nats.errors
import orjson

from comptoir_runtime.arrivals import Entry, Failures, as_part_of, latest, read
from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import ApiError, Bus, BusUnavailable, Message
from comptoir_runtime.bus.pull import DRAIN_SECONDS, ConsumerLost, Pull
from comptoir_runtime.bus.signals import Listener
from comptoir_runtime.bus.subscription import Handler, Subscription
from comptoir_runtime.database import Database, Session
from comptoir_runtime.database.failures import is_outage
from comptoir_runtime.event_options import EventType, Kind, stream_name
from comptoir_runtime.forgotten import Forgotten
from comptoir_runtime.inbox import Inbox
from comptoir_runtime.missing import Intervals, Missing
from comptoir_runtime.outbox import replayed_subject
from comptoir_runtime.pace import Pace
from comptoir_runtime.telemetry import counter, gauge, names

_log = logging.getLogger(__name__)
_consumed = counter(names.MESSAGING_CLIENT_CONSUMED_MESSAGES)
_redelivered = counter(names.CONSUMER_REDELIVERIES)
_lag = gauge(names.CONSUMER_LAG)
_unacknowledged = gauge(names.CONSUMER_UNACKNOWLEDGED)

BATCH = 100
LAST_SECONDS = 2 * DRAIN_SECONDS
"""How long what did not end in time may take to be handed back."""
_SUSPICIOUS_AFTER = 3
_MAX_ACK_PENDING = 1000
_SECOND = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class Policy(Intervals):
    """How patient a consumer is. Times are in seconds."""

    delays: tuple[float, ...] = (1, 5, 30, 120)
    """How long an event that failed waits for its next delivery; the last one repeats."""
    quarantine_after: int = 8
    """Deliveries of an event that fails each time."""
    failures: int = 3
    """How often this process must have seen it fail: what was handed back was delivered, too."""
    trials: int = 3
    """How often the process may end while it handles one event alone; then it is not even tried."""
    ack_wait: float = 30.0
    """When an event that was not answered is delivered again."""
    outage_pause: float = 1.0
    """Between two attempts while the stream or the database is away."""
    grace: float = 5.0
    """How long what is under way may take to end when the process stops."""


DEFAULT_POLICY = Policy()


def consumers(
    bus: Bus,
    database: Database,
    subscriptions: Sequence[Subscription],
    policy: Policy = DEFAULT_POLICY,
) -> "list[Consumer]":
    """One consumer for each stream the subscriptions need; raises when two handle one type."""
    wanted: dict[tuple[str, Kind], dict[EventType, Handler]] = {}
    for subscription in subscriptions:
        for kind in (Kind.FACT, Kind.STATE):
            handlers = wanted.setdefault((subscription.producer, kind), {})
            for event, handler in subscription.of_kind(kind).items():
                if event in handlers:
                    raise ValueError(f"{event.name} has two handlers")
                handlers[event] = handler
    return [
        Consumer(bus, database, producer, kind, handlers, policy)
        for (producer, kind), handlers in wanted.items()
        if handlers
    ]


class Consumer:
    """Takes in one stream. `run` it as a background task; processes of a service share the work."""

    def __init__(
        self,
        bus: Bus,
        database: Database,
        producer: str,
        kind: Kind,
        handlers: Mapping[EventType, Handler],
        policy: Policy = DEFAULT_POLICY,
    ) -> None:
        self._bus = bus
        self._transactions = database.background
        self._kind = kind
        self._stream = stream_name(producer, kind)
        self._types = sorted(handlers, key=lambda each: each.name)
        self._producer = producer
        self.inbox = Inbox(producer, handlers)
        self._policy = policy
        self._missing = Missing(bus, database.background, self.inbox, policy)
        self._forgotten = Forgotten(bus, database.background, self.inbox, kind, policy)
        self._failures = Failures(_MAX_ACK_PENDING)
        self._pace = Pace()
        self._pull: Pull | None = None
        self._under_way: dict[str, Message] = {}
        self._at_work = asyncio.Lock()
        self._runner: asyncio.Task[Any] | None = None
        self._stopping = False

    async def run(self) -> None:
        """Takes in events until it is stopped or cancelled; outages are waited out."""
        self._runner = asyncio.current_task()
        answers = Listener(
            self._bus,
            replayed_subject(self._producer),
            lambda asked, _: self._forgotten.answered(asked),
        )
        try:
            await self._take_in_until_stopped()
        finally:
            await answers.close()

    async def _take_in_until_stopped(self) -> None:
        while not self._stopping:
            await self._bus.connected()
            try:
                await self._open()
                if not self._stopping:
                    await self._consume()
            except (ConsumerLost, BusUnavailable) as reason:
                _log.debug("consuming %s again: %s", self._stream, reason)
            except ApiError as error:
                # The stream comes with its owner, who may not have started yet.
                level = logging.DEBUG if error.not_found else logging.WARNING
                _log.log(level, "%s cannot be consumed: %s", self._stream, error)
            except Exception as error:  # noqa: BLE001 - a consumer never ends; logged below
                if not is_outage(error):
                    _log.exception("the consumer of %s failed and starts again", self._stream)
            await asyncio.sleep(self._policy.outage_pause)

    async def stop(self) -> None:
        """Begins nothing more: what is under way has its time to end, the rest is handed back.

        Whoever else takes in this stream gets it at once. `run` ends, or may be cancelled now.
        """
        self._stopping = True
        if self._pull is not None:
            self._pull.finish()
        if not await self._rests_within(self._policy.grace) and self._runner is not None:
            self._runner.cancel()
            await self._rests_within(LAST_SECONDS)

    async def _rests_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds), self._at_work:
                return True
        except TimeoutError:
            return False

    async def measure(self) -> None:
        """Tells what the stream still has for this service."""
        info = await self._bus.api(f"CONSUMER.INFO.{self._stream}.{self._bus.service}")
        _lag.set(info["num_pending"], (self._stream,))
        _unacknowledged.set(info["num_ack_pending"], (self._stream,))

    async def _open(self) -> None:
        name = self._bus.service
        config = {
            "durable_name": name,
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": round(self._policy.ack_wait * _SECOND),
            "max_deliver": -1,
            "max_ack_pending": _MAX_ACK_PENDING,
            "replay_policy": "instant",
        }
        bus, stream = self._bus, self._stream
        info = await streams.create_consumer(bus, stream, name, self._types, config)
        state = await streams.find(self._bus, self._producer, self._kind)
        if state is not None and info["delivered"]["stream_seq"] > state.last_sequence:
            # The stream was restored from an older copy: what it gets now would be skipped.
            _log.warning("the consumer of %s is ahead of its stream: starting again", self._stream)
            await bus.api(f"CONSUMER.DELETE.{stream}.{name}")
            await streams.create_consumer(bus, stream, name, self._types, config)

    async def _consume(self) -> None:
        idle = (partial(self._look_for_losses, idle=True), self._policy.gap_check_interval)
        pull = Pull(self._bus, self._stream, self._bus.service, BATCH, idle=idle)
        async with self._at_work:
            self._pull = pull
            try:
                await pull.open()
                while messages := await pull.next(self._pace):
                    self._under_way = {message.reply: message for message in messages}
                    entries = [read(message) for message in messages]
                    newest = latest(entries)
                    self._missing.arrived(newest)
                    self._forgotten.arrived(newest)
                    _consumed.add(len(entries), (self._stream,))
                    _redelivered.add(sum(each.deliveries > 1 for each in entries), (self._stream,))
                    await self._take_in(entries)
                    await self._look_for_losses()
            finally:
                self._pull = None
                await self._hand_back(await pull.close())

    async def _look_for_losses(self, *, idle: bool = False) -> None:
        if self._stopping:
            return  # another process will
        if self._kind is Kind.FACT:
            await self._missing.look(self._failures, self._forgotten)
        await self._forgotten.look(idle=idle)

    async def _hand_back(self, untouched: list[Message]) -> None:
        """What failed by our own fault waits; what nobody has begun, or will end, need not."""
        begun = self._under_way.values() if self._stopping else ()
        for message in (*begun, *untouched):
            await self._say(message, b"-NAK")
        self._under_way = {}

    async def _take_in(self, entries: list[Entry]) -> None:
        """All at once if possible, and one by one if not."""
        fresh = [entry for entry in entries if entry.deliveries < _SUSPICIOUS_AFTER]
        suspicious = [entry for entry in entries if entry.deliveries >= _SUSPICIOUS_AFTER]
        if fresh:
            try:
                await self._effect(fresh)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises
                if len(fresh) == 1 and not is_outage(error):
                    await self._failed(fresh[0], error)
                else:
                    await self._one_by_one(fresh)
        # Last, so that what might kill the process leaves the others done.
        if suspicious:
            await self._try_each(suspicious)

    async def _try_each(self, entries: list[Entry]) -> None:
        """One of these may be what ends the process: whichever it is must be found out."""
        events = [entry.event for entry in entries if entry.event is not None]
        async with self._transactions.reading() as session:
            trials = await self.inbox.trials(session, events)

        def unfinished(entry: Entry) -> int:
            return 0 if entry.event is None else trials.get(entry.event.id, 0)

        for entry in sorted(entries, key=unfinished):
            if self._stopping:
                return
            if unfinished(entry) >= self._policy.trials:
                await self._quarantine(entry, "the process ended each time it was handled")
                continue
            if entry.event is not None:
                await self._transactions.run(partial(self.inbox.begin_trial, event=entry.event))
            await self._alone(entry, [entry])

    async def _one_by_one(self, entries: list[Entry]) -> None:
        for entry in entries:
            if self._stopping:
                return
            await self._alone(entry, entries)

    async def _alone(self, entry: Entry, others: list[Entry]) -> None:
        """Again and again while the database is away; but once, although the process stops."""
        while True:
            try:
                await self._effect([entry])
                return
            except Exception as error:  # noqa: BLE001 - whatever a handler raises
                if not is_outage(error):
                    await self._failed(entry, error)
                    return
            if self._stopping:
                return
            await self._wait_for_database(others)

    async def _effect(self, entries: Sequence[Entry]) -> None:
        """Effects and inbox rows in one transaction, then the acknowledgements."""
        await self._commit(entries)
        for entry in entries:
            await self._answer(entry.message, b"+ACK")

    async def _commit(self, entries: Sequence[Entry]) -> None:
        events = [entry.event for entry in entries if entry.event is not None]
        if not events:
            return
        alone = len(entries) == 1 and entries[0].deliveries >= _SUSPICIOUS_AFTER

        async def take_in(session: Session) -> None:
            await self.inbox.take_in(session, events)
            if alone:
                await self.inbox.end_trial(session, events[0])

        await self._transactions.run(take_in)
        self._failures.forget(events)

    async def _failed(self, entry: Entry, error: Exception) -> None:
        event = entry.event
        name = event.type if event is not None else entry.message.subject
        with as_part_of(event):
            _log.warning(
                "an event of type %s failed on delivery %d", name, entry.deliveries, exc_info=error
            )
        policy = self._policy
        if event is not None:
            failures = self._failures.count(event)
            if entry.deliveries >= policy.quarantine_after and failures >= policy.failures:
                await self._quarantine(entry, error)
                return
            if entry.deliveries >= _SUSPICIOUS_AFTER:
                await self._transactions.run(partial(self.inbox.end_trial, event=event))
        delay = policy.delays[min(entry.deliveries, len(policy.delays)) - 1]
        again = b"-NAK " + orjson.dumps({"delay": round(delay * _SECOND)})
        await self._answer(entry.message, again)

    async def _quarantine(self, entry: Entry, error: BaseException | str) -> None:
        event = entry.event
        if event is not None:
            put_aside = partial(
                self.inbox.quarantine, event=event, error=error, deliveries=entry.deliveries
            )
            aside = await self._transactions.run(put_aside)
            self._failures.forget([event])
            if aside:
                with as_part_of(event):
                    _log.error("event %s of type %s is in quarantine", event.id, event.type)
        await self._answer(entry.message, b"+TERM")

    async def _answer(self, message: Message, answer: bytes) -> None:
        """The last word on a message."""
        self._under_way.pop(message.reply, None)
        await self._say(message, answer)

    async def _say(self, message: Message, answer: bytes) -> None:
        try:
            await self._bus.client.publish(message.reply, answer)
        except (nats.errors.Error, OSError, BusUnavailable):
            # The effect is committed; delivered again, the inbox will know the event.
            _log.debug("an answer was lost with the connection")

    async def _wait_for_database(self, entries: Sequence[Entry]) -> None:
        """It is not the event's fault: keep it, and do not count this as a failure of its."""
        for entry in entries:
            await self._say(entry.message, b"+WPI")
        await asyncio.sleep(self._policy.outage_pause)
