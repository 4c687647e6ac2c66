"""The streams of a service: made by the service that owns the events."""

import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from comptoir_runtime.bus.connection import ApiError, Bus, Message
from comptoir_runtime.bus.pull import ConsumerLost, Pull, delivery
from comptoir_runtime.event_options import EventType, Kind, stream_name

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
FACTS_DAYS = 7
FACTS_BYTES = 1 << 30
DUPLICATE_WINDOW_SECONDS = 600
_READ_BATCH = 500
_FORGET_AFTER = 30 * _SECOND
# Names of subjects in one answer of the server.
_SUBJECTS_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class StreamState:
    """What is known of a stream."""

    created: str
    """When this very stream was made; another value means another stream of the same name."""
    last_sequence: int
    first_sequence: int = 1
    first_time: datetime | None = None
    """When the oldest message was stored; None when there is none."""
    subjects: int = 0
    holes: int = 0
    """How many messages are missing between the first and the last."""
    bytes: int = 0
    max_bytes: int = -1
    copies: int = 1
    """How many servers keep it."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large streams may become and how often they are kept."""

    replicas: int = 1
    facts_bytes: int = FACTS_BYTES
    """A full stream refuses; what it refuses waits in the outbox."""


DEFAULT_LIMITS = Limits()


async def find(bus: Bus, service: str, kind: Kind) -> StreamState | None:
    """The state of a stream, or None when it does not exist."""
    info = await _info(bus, stream_name(service, kind))
    return None if info is None else _state(info)


async def ensure(
    bus: Bus,
    service: str,
    kind: Kind,
    types: Iterable[EventType],
    limits: Limits = DEFAULT_LIMITS,
) -> StreamState:
    """Makes the stream unless it exists and can do what we need of it."""
    name = stream_name(service, kind)
    info = await _info(bus, name)
    if info is None:
        subjects = _subjects(kind, types)
        # What cannot be deleted cannot be lost by a slip; the two flags can never be taken back.
        config = _config(kind, limits) | {"deny_delete": True, "deny_purge": True}
        config |= {"name": name, "subjects": subjects}
        return _state(await bus.api(f"STREAM.CREATE.{name}", config))
    return _state(await _adjust(bus, info, kind, types, {"allow_atomic": True}))


async def settle(
    bus: Bus, service: str, kind: Kind, types: Iterable[EventType], limits: Limits
) -> None:
    """Gives a stream that exists our limits; when a process starts, and not again.

    In between they belong to whoever runs NATS, and may have his reasons.
    """
    info = await _info(bus, stream_name(service, kind))
    if info is not None:
        await _adjust(bus, info, kind, types, _config(kind, limits))


async def _adjust(
    bus: Bus,
    info: dict[str, Any],
    kind: Kind,
    types: Iterable[EventType],
    wanted: dict[str, Any],
) -> dict[str, Any]:
    present = info["config"]
    # An older version of this service may still run: what it publishes stays welcome.
    subjects = sorted({*present["subjects"], *_subjects(kind, types)})
    wanted = wanted | {"subjects": subjects}
    if all(present.get(key) == value for key, value in wanted.items()):
        return info
    return await bus.api(f"STREAM.UPDATE.{present['name']}", present | wanted)


def _subjects(kind: Kind, types: Iterable[EventType]) -> list[str]:
    return sorted(each.every_subject for each in types if each.kind is kind)


async def holes(bus: Bus, service: str, kind: Kind) -> list[int]:
    """The sequences that are missing between the first and the last message."""
    request = {"deleted_details": True}
    state = (await bus.api(f"STREAM.INFO.{stream_name(service, kind)}", request))["state"]
    return [*(state.get("deleted") or ()), *((state.get("lost") or {}).get("msgs") or ())]


async def subjects_of(bus: Bus, service: str, kind: Kind) -> list[str]:
    """Every subject that has a message in the stream."""
    found: list[str] = []
    while True:
        request = {"subjects_filter": ">", "offset": len(found)}
        info = await bus.api(f"STREAM.INFO.{stream_name(service, kind)}", request)
        page = info["state"].get("subjects") or {}
        found += page
        if len(page) < _SUBJECTS_PAGE:
            return found


def creation(stream: str, consumer: str, types: Sequence[EventType]) -> str:
    """The request that makes a consumer; one that takes a single type has to say which."""
    filtered = f".{types[0].every_subject}" if len(types) == 1 else ""
    return f"CONSUMER.CREATE.{stream}.{consumer}{filtered}"


async def create_consumer(
    bus: Bus, stream: str, consumer: str, types: Sequence[EventType], config: dict[str, Any]
) -> dict[str, Any]:
    """Makes a consumer of these types, of all when there are none, or adjusts the one there is."""
    config = config | {"name": consumer}
    subjects = [each.every_subject for each in types]
    if len(subjects) == 1:
        config |= {"filter_subject": subjects[0]}
    elif subjects:
        config |= {"filter_subjects": subjects}
    request = {"stream_name": stream, "config": config}
    return await bus.api(creation(stream, consumer, types), request)


def name_of_reader(bus: Bus) -> str:
    """For a consumer that lasts as long as somebody reads; NATS's own names say not whose."""
    return f"{bus.service}-{secrets.token_hex(8)}"


async def read(
    bus: Bus, service: str, kind: Kind, first: int, last: int
) -> AsyncIterator[list[Message]]:
    """The messages of a stream from one sequence to another, in groups."""
    stream = stream_name(service, kind)
    config = {
        "ack_policy": "none",
        "deliver_policy": "by_start_sequence",
        "opt_start_seq": max(first, 1),
        "replay_policy": "instant",
        "mem_storage": True,
        "num_replicas": 1,
        "inactive_threshold": _FORGET_AFTER,
    }
    info = await create_consumer(bus, stream, name_of_reader(bus), (), config)
    if info["num_pending"] == 0:
        return
    pull = Pull(bus, stream, info["name"], _READ_BATCH)
    try:
        await pull.open()
        expected = 1
        while True:
            group = []
            for message in await pull.next():
                _, position, number, left = delivery(message)
                if number != expected:
                    raise ConsumerLost("a message was lost on the way")
                expected += 1
                if position <= last:
                    group.append(message)
            yield group
            if position >= last or left == 0:
                return
    finally:
        await pull.close()


async def _info(bus: Bus, name: str) -> dict[str, Any] | None:
    try:
        return await bus.api(f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.not_found:
            return None
        raise


def _state(info: dict[str, Any]) -> StreamState:
    state = info["state"]
    return StreamState(
        created=info["created"],
        last_sequence=state["last_seq"],
        first_sequence=state["first_seq"],
        first_time=_moment(state["first_ts"]) if state["messages"] else None,
        subjects=state.get("num_subjects", 0),
        holes=state.get("num_deleted", 0),
        bytes=state["bytes"],
        max_bytes=info["config"]["max_bytes"],
        copies=info["config"]["num_replicas"],
    )


def _moment(text: str) -> datetime:
    """To the second: the server writes up to nine digits behind it."""
    return datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)


def _config(kind: Kind, limits: Limits) -> dict[str, Any]:
    config: dict[str, Any] = {
        "retention": "limits",
        "storage": "file",
        "num_replicas": limits.replicas,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS * _SECOND,
        "allow_atomic": True,
        "max_consumers": -1,
        "max_msgs": -1,
    }
    if kind is Kind.FACT:
        # Full means refused, not forgotten: what is refused stays in the outbox.
        age = FACTS_DAYS * _DAY
        return config | {"max_age": age, "discard": "new", "max_bytes": limits.facts_bytes}
    return config | {"max_msgs_per_subject": 1, "discard": "old", "max_age": 0, "max_bytes": -1}
