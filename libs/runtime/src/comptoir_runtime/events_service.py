"""`comptoir.events.v1.EventsService`, offered by every service.

Events are published again; those that could not be handled are listed and
handled once more.
"""

from datetime import UTC, datetime
from typing import NamedTuple, Protocol
from uuid import UUID

from comptoir.events.v1 import events_service_pb2 as pb
from comptoir_runtime import paging
from comptoir_runtime.bus import BusUnavailable
from comptoir_runtime.database import Row
from comptoir_runtime.dead_letters import (
    DISCARDED,
    OBSOLETE,
    QUARANTINED,
    REDRIVEN,
    DeadLetters,
)
from comptoir_runtime.errors import Unavailable
from comptoir_runtime.rpc import Binding, Call, process, query, step

SERVICE = pb.DESCRIPTOR.services_by_name["EventsService"]
_STATES = {
    QUARANTINED: pb.DeadLetter.STATE_QUARANTINED,
    REDRIVEN: pb.DeadLetter.STATE_REDRIVEN,
    OBSOLETE: pb.DeadLetter.STATE_OBSOLETE,
    DISCARDED: pb.DeadLetter.STATE_DISCARDED,
}
_NAMES = {number: name for name, number in _STATES.items()}


class _Position(NamedTuple):
    first_at: datetime
    id: UUID


_BEGINNING = _Position(datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0))


class Replayer(Protocol):
    """Publishes again from the outbox; see `outbox.Relay`."""

    async def replay(self, kind: int, first: int, last: int) -> int:
        """Publishes producer sequences `first` to `last` of a kind; answers how many."""


class EventsNotStored(Unavailable):
    """NATS did not take all of the events; the call can be repeated."""


class EventsService:
    """Repair of the streams: needs no request id, consumers ignore what they have seen."""

    def __init__(self, replayer: Replayer, dead_letters: DeadLetters) -> None:
        self._replayer = replayer
        self._dead_letters = dead_letters

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

    @query
    async def ListDeadLetters(  # noqa: N802 - named by the proto
        self, request: pb.ListDeadLettersRequest, call: Call
    ) -> pb.ListDeadLettersResponse:
        page = paging.parse(request, _Position)
        state = _NAMES.get(request.state, QUARANTINED)
        rows = await self._dead_letters.page(
            call.session, state, page.after or _BEGINNING, page.limit
        )
        shown, token = page.cut(rows, lambda row: _Position(row["first_at"], row["id"]))
        return pb.ListDeadLettersResponse(
            dead_letters=[_letter(row, row["state"]) for row in shown], next_page_token=token
        )

    @step
    async def RedriveDeadLetter(  # noqa: N802 - named by the proto
        self, request: pb.RedriveDeadLetterRequest, call: Call
    ) -> pb.RedriveDeadLetterResponse:
        row, state = await self._dead_letters.redrive(call.session, UUID(request.id))
        return pb.RedriveDeadLetterResponse(dead_letter=_letter(row, state))

    @step
    async def DiscardDeadLetter(  # noqa: N802 - named by the proto
        self, request: pb.DiscardDeadLetterRequest, call: Call
    ) -> pb.DiscardDeadLetterResponse:
        who = "nobody" if call.principal is None else call.principal.subject
        remark = f"discarded by {who}: {request.reason}"
        row = await self._dead_letters.discard(call.session, UUID(request.id), remark)
        return pb.DiscardDeadLetterResponse(dead_letter=_letter(row, row["state"]))


def binding(replayer: Replayer, dead_letters: DeadLetters) -> Binding:
    """The binding every server adds to its own."""
    return Binding(SERVICE, EventsService(replayer, dead_letters))


def _letter(row: Row, state: str) -> pb.DeadLetter:
    letter = pb.DeadLetter(
        id=str(row["id"]),
        producer=row["producer"],
        type=row["type"],
        subject=row["subject"],
        error=row["error"],
        deliveries=row["deliveries"],
        state=_STATES[state],
    )
    letter.quarantine_time.FromDatetime(row["first_at"])
    return letter
