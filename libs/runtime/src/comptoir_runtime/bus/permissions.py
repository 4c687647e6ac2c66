"""What a service may say and hear on NATS: what this package does for it, and nothing else.

JetStream is asked by publishing, so who may read a stream is who may publish its requests, and
what is read arrives in the service's own inbox. Subjects are taken from the types of events, as
everywhere else.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from comptoir_runtime.bus.connection import inbox_prefix
from comptoir_runtime.bus.streams import creation
from comptoir_runtime.event_options import EventType, Kind, stream_name
from comptoir_runtime.outbox.questions import replay_subject, replayed_subject
from comptoir_runtime.outbox.relay import wake_subject

_API = "$JS.API."
_STORED = (Kind.FACT, Kind.STATE)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A service's part in the conversation."""

    service: str
    owns: Sequence[EventType] = ()
    """Events it publishes; their signals it hears, too, from its other processes."""
    consumes: Sequence[EventType] = ()
    """What its subscriptions take in."""
    follows: Sequence[EventType] = ()
    """What it follows without a database."""
    hears: Sequence[EventType] = ()
    """Signals it listens to."""

    def durable(self) -> set[str]:
        """The streams on which it has a consumer of its name."""
        return {each.stream for each in self.consumes}


@dataclass(frozen=True, slots=True)
class Permissions:
    """Subjects, as NATS understands them; what is denied is so whatever else is allowed."""

    publish: Sequence[str]
    denied: Sequence[str]
    subscribe: Sequence[str]


def permissions(part: Part, everybody: Iterable[Part]) -> Permissions:
    """What one service needs. Consumers of `everybody` else stay theirs."""
    inbox = f"{inbox_prefix(part.service)}.>"
    publish, subscribe = {inbox}, {inbox, *(each.every_subject for each in part.hears)}
    read = {stream: _types_in(stream, part.follows) for stream in _streams(part.follows)}
    if part.owns:
        publish |= set(_owner(part))
        subscribe |= {replay_subject(part.service), wake_subject(part.service)}
        read |= {stream_name(part.service, kind): [] for kind in _STORED}
    for stream in sorted(part.durable()):
        publish |= set(_consumer(part, stream))
        subscribe.add(replayed_subject(_types_in(stream, part.consumes)[0].service))
    denied: set[str] = set()
    for stream, types in read.items():
        publish |= set(_reader(stream, types))
        for other in everybody:
            if other.service != part.service and stream in other.durable():
                denied |= set(_requests(stream, other.service))
    return Permissions(sorted(publish), sorted(denied), sorted(subscribe))


def _owner(part: Part) -> Iterator[str]:
    yield from (each.every_subject for each in part.owns)
    yield replay_subject(part.service)
    yield replayed_subject(part.service)
    yield wake_subject(part.service)
    for kind in _STORED:
        stream = stream_name(part.service, kind)
        yield from (f"{_API}STREAM.{verb}.{stream}" for verb in ("CREATE", "UPDATE"))


def _consumer(part: Part, stream: str) -> Iterator[str]:
    """The consumer that bears the service's name, whatever becomes of it."""
    types = _types_in(stream, part.consumes)
    yield f"{_API}STREAM.INFO.{stream}"
    yield f"{_API}{creation(stream, part.service, types)}"
    yield f"{_API}CONSUMER.DELETE.{stream}.{part.service}"
    yield f"{_API}CONSUMER.INFO.{stream}.{part.service}"
    yield f"{_API}CONSUMER.MSG.NEXT.{stream}.{part.service}"
    # With the domain and the account in front where there is one.
    yield f"$JS.ACK.{stream}.{part.service}.>"
    yield f"$JS.ACK.*.*.{stream}.{part.service}.>"
    yield replay_subject(types[0].service)


def _reader(stream: str, types: Sequence[EventType]) -> Iterator[str]:
    """A consumer for a while, with a name of its own that nobody knows beforehand."""
    yield f"{_API}STREAM.INFO.{stream}"
    yield f"{_API}{creation(stream, '*', types)}"
    yield f"{_API}CONSUMER.INFO.{stream}.*"
    yield f"{_API}CONSUMER.MSG.NEXT.{stream}.*"


def _requests(stream: str, consumer: str) -> Iterator[str]:
    for verb in ("CREATE", "INFO", "MSG.NEXT"):
        yield f"{_API}CONSUMER.{verb}.{stream}.{consumer}"
    yield f"{_API}CONSUMER.CREATE.{stream}.{consumer}.>"


def _streams(types: Iterable[EventType]) -> list[str]:
    return sorted({each.stream for each in types})


def _types_in(stream: str, types: Iterable[EventType]) -> list[EventType]:
    return [each for each in types if each.stream == stream]
