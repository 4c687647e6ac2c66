"""What arrives, and how often a process has seen an event fail."""

from typing import Any, cast
from uuid import UUID

from comptoir_runtime.arrivals import Entry, Failures, latest
from comptoir_runtime.bus.connection import Message
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered


def event(sequence: int) -> Delivered:
    return Delivered(uuid7(), "type", "subject", b"", sequence, sequence - 1, {})


def entry(message_id: UUID, event_id: UUID) -> Entry:
    headers = {"ce-id": str(event_id), "Nats-Msg-Id": str(message_id)}
    event_ = Delivered(event_id, "type", "subject", b"", 1, 0, headers)
    return Entry(Message(cast(Any, None), headers=headers), event_, 1)


class TestLatest:
    def test_is_the_last_that_is_told_for_the_first_time(self) -> None:
        event_id = uuid7()
        new, again, once_more = (entry(each, event_id) for each in (event_id, uuid7(), uuid7()))

        assert latest([new, new, again, once_more]) is new
        assert latest([again, once_more]) is once_more


class TestFailures:
    def test_are_counted_until_the_event_is_taken_in(self) -> None:
        failures = Failures(10)
        assert [failures.count(event(1)), failures.count(event(2)), failures.count(event(1))] == [
            1,
            1,
            2,
        ]

        failures.forget([event(1)])

        assert list(failures) == [("type", 2)]
        assert failures.count(event(1)) == 1

    def test_what_another_process_took_in_is_forgotten_when_others_have_failed_since(self) -> None:
        failures = Failures(3)
        for sequence in (1, 2, 3, 1, 4):
            failures.count(event(sequence))

        assert list(failures) == [("type", 3), ("type", 1), ("type", 4)]
        assert failures.count(event(1)) == 3
