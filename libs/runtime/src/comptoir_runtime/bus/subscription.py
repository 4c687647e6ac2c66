"""What a service wants to know of a neighbour."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.message import Message

from comptoir_runtime.event_options import EventType, Kind, NotAnEvent, event_type

if TYPE_CHECKING:  # only a shape: who follows news without a database needs none of it
    from comptoir_runtime.database import Session

# The second parameter is the handler's own message type: the mapping below ties the two together,
# which a Mapping cannot express.
Handler: TypeAlias = Callable[["Session", Any], Awaitable[None]]


@dataclass(frozen=True)
class Subscription:
    """Handlers for events of one producer, such as `"pim"`.

    A handler runs in the transaction that also records the event, so an event has its effect
    exactly once. Events may arrive late and, when one had to be tried again, out of order.
    """

    producer: str
    handlers: Mapping[type[Message], Handler]

    def __post_init__(self) -> None:
        for message in self.handlers:
            kind = event_type(message)
            if kind.kind is Kind.SIGNAL:
                raise NotAnEvent(f"{kind.name} is a signal and not stored: use bus.signals")
            if kind.service != self.producer:
                raise NotAnEvent(f"{kind.name} is not an event of {self.producer}")

    def of_kind(self, kind: Kind) -> dict[EventType, Handler]:
        """The handlers of one stream."""
        return {
            event_type(message): handler
            for message, handler in self.handlers.items()
            if event_type(message).kind is kind
        }
