import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from comptoir_runtime.clock import DatabaseClock, ManualClock, SystemClock

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


class TestManualClock:
    def test_stands_still_until_it_is_moved(self) -> None:
        clock = ManualClock(NOON)

        assert clock.now() == clock.now() == NOON
        clock.advance(90.5)
        assert clock.now() == NOON + timedelta(seconds=90.5)

    def test_tells_utc(self) -> None:
        paris = timezone(timedelta(hours=2))

        now = ManualClock(datetime(2026, 5, 1, 14, tzinfo=paris)).now()

        assert now == NOON
        assert now.tzinfo is UTC

    def test_refuses_a_time_without_zone_and_a_way_back(self) -> None:
        with pytest.raises(ValueError, match="aware"):
            ManualClock(datetime(2026, 5, 1))  # noqa: DTZ001 - that is the point
        clock = ManualClock(NOON)
        with pytest.raises(ValueError, match="does not go back"):
            clock.advance(-1)
        assert clock.now() == NOON


class TestDatabaseClock:
    def test_follows_the_database_not_this_machine(self) -> None:
        clock = DatabaseClock()
        there = datetime.now(UTC) + timedelta(hours=1)
        before = time.monotonic()
        clock.measured(there, before, before)

        assert timedelta(0) <= clock.now() - there < timedelta(seconds=1)

    def test_before_any_measurement_it_is_this_machines_clock(self) -> None:
        difference = DatabaseClock().now() - SystemClock().now()

        assert abs(difference) < timedelta(seconds=1)
