"""`comptoir.events.v1.EventsService`, offered by every service: events are published again."""

from typing import Protocol

from comptoir.events.v1 import events_service_pb2 as pb
from comptoir_runtime.bus import BusUnavailable
from comptoir_runtime.errors import Unavailable
from comptoir_runtime.rpc import Binding, Call, process

SERVICE = pb.DESCRIPTOR.services_by_name["EventsService"]


class Replayer(Protocol):
    """Publishes again from the outbox; see `outbox.Relay`."""

    async def replay(self, kind: int, first: int, last: int) -> int:
        """Publishes producer sequences `first` to `last` of a kind; answers how many."""


class EventsNotStored(Unavailable):
    """NATS did not take all of the events; the call can be repeated."""


class EventsService:
    """Repair of the streams: needs no request id, consumers ignore what they have seen."""

    def __init__(self, replayer: Replayer) -> None:
        self._replayer = replayer

    @process
    async def ReplayEvents(  # noqa: N802 - named by the proto
        self, request: pb.ReplayEventsRequest, call: Call
    ) -> pb.ReplayEventsResponse:
        try:
            count = await self._replayer.replay(
                request.kind, request.first_sequence, request.last_sequence
            )
        except BusUnavailable:
            raise EventsNotStored("not all of the events could be published") from None
        return pb.ReplayEventsResponse(replayed_count=count)


def binding(replayer: Replayer) -> Binding:
    """The binding every server adds to its own."""
    return Binding(SERVICE, EventsService(replayer))
