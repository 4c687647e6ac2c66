"""Moments, there and back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from comptoir.events.v1.events_service_pb2 import DeadLetter
from comptoir_runtime.errors import InvalidFields, Violation
from comptoir_runtime.timestamps import asked_moment, moment_of, timestamp, timestamp_or_none


class TestTimestamps:
    @given(st.datetimes(timezones=st.just(UTC)))
    def test_it_is_what_the_library_makes_of_it(self, moment: datetime) -> None:
        expected = Timestamp()
        expected.FromDatetime(moment)
        assert timestamp(moment) == expected

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(1970, 1, 1, tzinfo=UTC),
            datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
            datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        ],
    )
    def test_there_and_back(self, moment: datetime) -> None:
        back = moment_of(timestamp(moment))
        assert back == moment
        assert back.tzinfo is UTC

    def test_none_stays_none(self) -> None:
        assert timestamp_or_none(None) is None
        assert timestamp_or_none(datetime(1970, 1, 2, tzinfo=UTC)) == Timestamp(seconds=86_400)

    def test_what_is_asked_for_may_be_absent(self) -> None:
        moment = datetime(2026, 3, 29, tzinfo=UTC)
        assert asked_moment(DeadLetter(), "quarantine_time") is None
        given = DeadLetter(quarantine_time=timestamp(moment))
        assert asked_moment(given, "quarantine_time") == moment

    @pytest.mark.parametrize(
        "stamp",
        [
            Timestamp(seconds=-62_135_596_800, nanos=1000),
            Timestamp(seconds=253_402_300_799, nanos=999_998_000),
        ],
    )
    def test_the_second_and_the_last_but_one_are_moments(self, stamp: Timestamp) -> None:
        assert asked_moment(DeadLetter(quarantine_time=stamp), "quarantine_time") == moment_of(
            stamp
        )

    @pytest.mark.parametrize(
        "stamp",
        [
            Timestamp(seconds=2**60),
            Timestamp(nanos=-5),
            # These two the database would take for infinity, and give back as no moment at all.
            Timestamp(seconds=-62_135_596_800),
            Timestamp(seconds=253_402_300_799, nanos=999_999_999),
        ],
    )
    def test_what_is_no_moment_is_named(self, stamp: Timestamp) -> None:
        with pytest.raises(InvalidFields) as refused:
            asked_moment(DeadLetter(quarantine_time=stamp), "quarantine_time")
        assert refused.value.violations == (Violation("quarantine_time", "is no moment"),)
        with pytest.raises(InvalidFields) as refused:
            asked_moment(DeadLetter(quarantine_time=stamp), "quarantine_time", "letters[2]")
        assert [each.field for each in refused.value.violations] == ["letters[2].quarantine_time"]
