import pytest

from comptoir_runtime import deadline


class TestBudget:
    async def test_is_the_timeout_when_the_caller_waits_for_ever(self) -> None:
        assert deadline.begin(None) is None
        assert deadline.budget(3.0) == 3.0

    async def test_is_less_when_the_caller_waits_less_long(self) -> None:
        deadline.begin(1.0)
        assert deadline.budget(3.0) == pytest.approx(0.95, abs=0.02)
        assert deadline.budget(0.5) == 0.5

    async def test_is_never_negative(self) -> None:
        deadline.begin(0.01)
        assert deadline.budget(3.0) == 0.0
