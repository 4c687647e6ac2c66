"""What a message says about itself as an event: its kind, its key, and so its subject and stream.

Subjects are `<package>.<Message>.<key>`; the owning service is the part of the
package after `comptoir`. Nobody types a subject by hand.
"""

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from comptoir.options.v1 import event_pb2

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
SIGNAL_PREFIX = "signal."


class NotAnEvent(TypeError):
    """A programming error: the message has no usable `comptoir.options.v1.event` option."""


class Kind(IntEnum):
    """How long the bus remembers an event; the numbers of `comptoir.options.v1.Event.Kind`."""

    FACT = 1
    STATE = 2
    SIGNAL = 3


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event, read from the options of its message."""

    message: type[Message] = field(repr=False)
    name: str
    """Full name, such as `comptoir.pim.v1.ProductPublished`: the CloudEvents type."""
    kind: Kind
    key: str
    """The string field that identifies the thing."""

    @property
    def service(self) -> str:
        """The service that owns the event."""
        return self.name.split(".", 2)[1]

    @property
    def stream(self) -> str:
        """The stream that stores it."""
        return stream_name(self.service, self.kind)

    @property
    def every_subject(self) -> str:
        """The subject filter for all events of this type."""
        prefix = SIGNAL_PREFIX if self.kind is Kind.SIGNAL else ""
        return f"{prefix}{self.name}.*"

    def subject(self, message: Message) -> str:
        """The subject of one event."""
        return self.subject_of(getattr(message, self.key))

    def subject_of(self, key: str) -> str:
        """The subject of the events about `key`; raises `ValueError` when it is empty."""
        if not key:
            raise ValueError(f"{self.name}.{self.key} is empty: the event has no subject")
        if not key.isalnum() or not key.isascii():
            key = sanitise(key)
        prefix = SIGNAL_PREFIX if self.kind is Kind.SIGNAL else ""
        return f"{prefix}{self.name}.{key}"


def sanitise(key: str) -> str:
    """A key as one token of a subject: characters outside `[A-Za-z0-9_-]` become `=XX` bytes."""
    return _UNSAFE.sub(lambda found: "".join(f"={byte:02X}" for byte in found[0].encode()), key)


def stream_name(service: str, kind: Kind) -> str:
    """`facts-pim`, `state-pim`."""
    return f"{'facts' if kind is Kind.FACT else 'state'}-{service}"


_known: dict[type[Message], EventType] = {}


def event_type(message: type[Message]) -> EventType:
    """The event type of a message class; raises `NotAnEvent` without a usable option."""
    found = _known.get(message)
    if found is None:
        found = _known[message] = _read(message)
    return found


def event_types_of(service: str) -> list[EventType]:
    """Every event the service owns, from all modules of its contract packages, sorted by name."""
    found = [
        event_type(GetMessageClass(descriptor))
        for descriptor in _messages_of(f"comptoir.{service}")
        if descriptor.GetOptions().HasExtension(event_pb2.event)
    ]
    return sorted(found, key=lambda each: each.name)


def _read(message: type[Message]) -> EventType:
    descriptor = message.DESCRIPTOR
    options = descriptor.GetOptions()
    if not options.HasExtension(event_pb2.event):
        raise NotAnEvent(f"{descriptor.full_name} has no comptoir.options.v1.event option")
    option = options.Extensions[event_pb2.event]
    key = descriptor.fields_by_name.get(option.key)
    if key is None or key.type != FieldDescriptor.TYPE_STRING or key.is_repeated:
        raise NotAnEvent(f"{descriptor.full_name}: the key {option.key!r} is not a string field")
    if option.kind == event_pb2.Event.KIND_UNSPECIFIED:
        raise NotAnEvent(f"{descriptor.full_name}: the event has no kind")
    return EventType(message, descriptor.full_name, Kind(option.kind), option.key)


def _messages_of(package: str) -> Iterable[Descriptor]:
    root = importlib.import_module(package)
    for module in pkgutil.walk_packages(root.__path__, f"{package}."):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(module.name).DESCRIPTOR
            yield from file.message_types_by_name.values()
