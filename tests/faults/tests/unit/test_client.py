import pytest

from tests.faults.client import says_not_now, says_under_way
from tests.load.client import Answer


class TestAnswers:
    @pytest.mark.parametrize(
        ("status", "reason"),
        [
            (409, "CONCURRENT_CHANGE"),
            (409, "LOCK_TIMEOUT"),
            (429, "OVERLOADED"),
            (503, "DATABASE_UNAVAILABLE"),
            (504, "DEADLINE_EXCEEDED"),
        ],
    )
    def test_what_passes_is_asked_again(self, status: int, reason: str) -> None:
        assert says_not_now(Answer(status, f'{{"reason":"{reason}"}}'.encode()))

    @pytest.mark.parametrize(("status", "reason"), [(409, "OUT_OF_STOCK"), (200, "")])
    def test_what_is_for_good_is_not(self, status: int, reason: str) -> None:
        answer = Answer(status, f'{{"reason":"{reason}"}}'.encode())

        assert not says_not_now(answer)
        assert not says_under_way(answer)

    def test_what_is_being_done_is_asked_again_without_complaint(self) -> None:
        assert says_under_way(Answer(503, b'{"reason":"CANCELLATION_UNDER_WAY"}'))
