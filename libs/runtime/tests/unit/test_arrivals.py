"""How often a process has seen an event fail."""

from comptoir_runtime.arrivals import Failures
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered


def event(sequence: int) -> Delivered:
    return Delivered(uuid7(), "type", "subject", b"", sequence, sequence - 1, {})


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
