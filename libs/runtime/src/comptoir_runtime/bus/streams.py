"""The streams of a service: made by the service that owns the events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from comptoir_runtime.bus.connection import ApiError, Bus
from comptoir_runtime.event_options import EventType, Kind, stream_name

_SECOND = 1_000_000_000
_DAY = 86_400 * _SECOND
FACTS_DAYS = 7
DUPLICATE_WINDOW_SECONDS = 120


@dataclass(frozen=True, slots=True)
class StreamState:
    """What is known of a stream."""

    created: str
    """When this very stream was made; another value means another stream of the same name."""
    last_sequence: int


async def find(bus: Bus, service: str, kind: Kind) -> StreamState | None:
    """The state of a stream, or None when it does not exist."""
    info = await _info(bus, stream_name(service, kind))
    return None if info is None else _state(info)


async def ensure(
    bus: Bus, service: str, kind: Kind, types: Iterable[EventType], replicas: int = 1
) -> StreamState:
    """Makes the stream, or adds the subjects it does not take yet. Harmless when repeated."""
    name = stream_name(service, kind)
    subjects = sorted(each.every_subject for each in types if each.kind is kind)
    info = await _info(bus, name)
    if info is None:
        config = _config(name, kind, subjects, replicas)
        return _state(await bus.api(f"STREAM.CREATE.{name}", config))
    # An older version of this service may still run: what it publishes stays welcome.
    missing = set(subjects) - set(info["config"]["subjects"])
    if missing:
        config = info["config"] | {"subjects": sorted({*info["config"]["subjects"], *missing})}
        info = await bus.api(f"STREAM.UPDATE.{name}", config)
    return _state(info)


async def _info(bus: Bus, name: str) -> dict[str, Any] | None:
    try:
        return await bus.api(f"STREAM.INFO.{name}")
    except ApiError as error:
        if error.not_found:
            return None
        raise


def _state(info: dict[str, Any]) -> StreamState:
    return StreamState(info["created"], info["state"]["last_seq"])


def _config(name: str, kind: Kind, subjects: Sequence[str], replicas: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "name": name,
        "subjects": list(subjects),
        "retention": "limits",
        "storage": "file",
        "num_replicas": replicas,
        "duplicate_window": DUPLICATE_WINDOW_SECONDS * _SECOND,
        "max_consumers": -1,
        "max_msgs": -1,
        "max_bytes": -1,
    }
    if kind is Kind.FACT:
        # Full means refused, not forgotten: what is refused stays in the outbox.
        return config | {"max_age": FACTS_DAYS * _DAY, "discard": "new"}
    return config | {"max_msgs_per_subject": 1, "discard": "old", "max_age": 0}
