import pytest

from comptoir.events.v1 import events_service_pb2 as pb
from comptoir.options.v1 import event_pb2
from comptoir_runtime.bus import BusUnavailable
from comptoir_runtime.dead_letters import DeadLetters
from comptoir_runtime.events_service import EventsNotStored, EventsService, binding
from comptoir_runtime.rpc.procedures import procedures_of

REQUEST = pb.ReplayEventsRequest(kind=event_pb2.Event.KIND_STATE, first_sequence=3, last_sequence=9)


class FakeReplayer:
    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[tuple[int, int, int]] = []
        self._error = error

    async def replay(self, kind: int, first: int, last: int) -> int:
        self.asked.append((kind, first, last))
        if self._error is not None:
            raise self._error
        return 7


class TestReplayEvents:
    async def test_asks_the_relay_and_counts(self) -> None:
        replayer = FakeReplayer()
        answer = await EventsService(replayer, DeadLetters([])).ReplayEvents(REQUEST, None)  # type: ignore[arg-type]  # not used
        assert answer == pb.ReplayEventsResponse(replayed_count=7)
        assert replayer.asked == [(2, 3, 9)]

    async def test_a_bus_that_is_down_is_a_named_failure(self) -> None:
        service = EventsService(FakeReplayer(BusUnavailable("gone")), DeadLetters([]))
        with pytest.raises(EventsNotStored):
            await service.ReplayEvents(REQUEST, None)  # type: ignore[arg-type]  # not used


class TestAccess:
    def test_is_for_services_and_staff_with_the_permission(self) -> None:
        procedures = procedures_of([binding(FakeReplayer(), DeadLetters([]))])
        assert len(procedures) == 4
        for procedure in procedures:
            assert procedure.rule.permissions == {"events.replay"}
            assert (procedure.rule.service, procedure.rule.anyone, procedure.rule.owner) == (
                True,
                False,
                False,
            )
