"""Looking twice, and what is said of it."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from comptoir_audit import command
from comptoir_audit.audit import Report, as_json, audit
from comptoir_audit.invariant import (
    Across,
    Batch,
    Difference,
    Finding,
    Joined,
    Query,
    Row,
    Within,
)
from comptoir_audit.measures import Measures
from comptoir_audit.scope import Scope
from comptoir_audit.settings import Addresses, NotSet, environment_of, from_environment
from comptoir_audit.sources import Connections, CouldNotLook
from comptoir_runtime.telemetry import gauge, names


@dataclass
class Spoken:
    """A source that says something else each time it is asked, the last thing for ever."""

    answers: list[list[Row]]
    asked: int = field(default=0)

    async def one(self, scope: Scope, sql: str) -> Row:
        wrong = self._say()
        return {"looked": len(wrong), "wrong": wrong}

    async def stream(self, scope: Scope, sql: str) -> AsyncIterator[Sequence[Row]]:
        yield self._say()

    async def of_keys(self, scope: Scope, sql: str, keys: Sequence[str]) -> Sequence[Row]:
        return [{"key": key} for key in keys if key == "known"]

    async def now(self) -> datetime:
        return datetime(2026, 3, 1, tzinfo=UTC)

    def _say(self) -> list[Row]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        return answer


def _unknown(batch: Batch) -> list[Difference]:
    return [
        Difference((row["id"],), "known", "unknown")
        for row in batch.rows
        if not batch.of("known", row["id"])
    ]


KNOWN = Across(
    id="X1",
    statement="b knows what a has",
    lead=Query("a"),
    joined={"known": Joined(query=Query("b"), by=lambda row: [row["id"]])},
    compare=_unknown,
)


WAITS = Within(
    id="X2",
    statement="nothing waits",
    services=("a",),
    each="SELECT",
    wrong="true",
    tell=lambda row: Difference((row["id"],), "gone", "there"),
)


async def look(*answers: list[Row]) -> Report:
    connections = Connections({"a": Spoken(list(answers)), "b": Spoken([[]])})
    return await audit(connections, pause=timedelta(), invariants=[KNOWN])


class TestLookingTwice:
    async def test_a_healthy_world_is_looked_at_once(self) -> None:
        source = Spoken([[{"id": "known"}]])
        connections = Connections({"a": source, "b": Spoken([[]])})

        report = await audit(connections, pause=timedelta(), invariants=[KNOWN])

        assert report.is_healthy
        assert report.counts == {"X1": 1}
        assert source.asked == 1

    async def test_a_difference_that_passes_was_in_flight(self) -> None:
        report = await look([{"id": "late"}], [])

        assert report.findings == ()

    async def test_a_new_difference_at_the_second_look_is_not_counted_yet(self) -> None:
        report = await look([{"id": "late"}], [{"id": "new"}])

        assert report.findings == ()

    async def test_a_difference_that_stays_is_named(self) -> None:
        report = await look([{"id": "lost"}, {"id": "late"}], [{"id": "lost"}])

        assert report.findings == (
            Finding("X1", "b knows what a has", ("a", "b"), ("lost",), "known", "unknown"),
        )

    @pytest.mark.parametrize(("twice", "found"), [(True, ["late"]), (False, ["late", "soon"])])
    async def test_within_a_database_one_look_is_enough_where_nothing_is_repaired(
        self, twice: bool, found: list[str]
    ) -> None:
        source = Spoken([[{"id": "late"}, {"id": "soon"}], [{"id": "late"}]])
        invariant = replace(WAITS, look_twice=twice)

        report = await audit(Connections({"a": source}), pause=timedelta(), invariants=[invariant])

        assert [each.ids[0] for each in report.findings] == found

    async def test_what_is_not_connected_is_skipped_with_the_reason(self) -> None:
        report = await audit(Connections({"a": Spoken([[]])}), invariants=[KNOWN])

        assert report.skipped == {"X1": "not connected: b"}
        assert report.counts == {}


class Gone(Spoken):
    """A source that has gone away."""

    async def now(self) -> datetime:
        raise ConnectionResetError("gone")


class TestOutages:
    async def test_a_lost_connection_is_told_so_that_the_job_can_wait(self) -> None:
        with pytest.raises(CouldNotLook, match="ConnectionResetError: gone"):
            await Connections({"a": Gone([[]])}).now()


class TestSayingIt:
    report = Report(
        counts={"M5": 2, "M5.orders": 1, "S1": 7},
        findings=(Finding("M5", "books agree", ("payments",), ("pay_1",), "captured 2", "1"),),
        skipped={},
        since=None,
        seconds=0.25,
    )

    def test_differences_first_then_the_counts(self) -> None:
        assert command.text(self.report) == (
            "✗ M5 [payments] pay_1: expected captured 2, found 1 (books agree)\n"
            "M5 3   S1 7\n"
            "3 checks of everything: 10 things, 1 differences, 0.2 s\n"
        )

    def test_json_has_all_of_it(self) -> None:
        assert as_json(self.report) == {
            "healthy": False,
            "since": None,
            "seconds": 0.25,
            "counts": {"M5": 2, "M5.orders": 1, "S1": 7},
            "skipped": {},
            "findings": [
                {
                    "invariant": "M5",
                    "statement": "books agree",
                    "services": ["payments"],
                    "ids": ["pay_1"],
                    "expected": "captured 2",
                    "found": "1",
                }
            ],
        }


class TestSettings:
    addresses = Addresses(
        databases={
            name: f"postgresql://{name}"
            for name in ("cart", "customers", "inventory", "orders", "payments", "pim")
        },
        provider="http://psp",
    )

    def test_what_is_written_is_read(self) -> None:
        assert from_environment(environment_of(self.addresses)) == self.addresses

    def test_without_a_provider_there_is_no_journal(self) -> None:
        environment = environment_of(self.addresses)
        del environment["COMPTOIR_PSP_URL"]

        assert from_environment(environment).provider is None

    def test_a_missing_database_is_named(self) -> None:
        environment = environment_of(self.addresses)
        del environment["COMPTOIR_CART_DATABASE_URL"]

        with pytest.raises(NotSet, match=r"^COMPTOIR_CART_DATABASE_URL$"):
            from_environment(environment)


class TestMeasures:
    """A difference counts until a full audit does not find it any more."""

    def test_they_add_up_between_two_full_audits(self) -> None:
        measures, since = Measures(), datetime(2026, 1, 1, tzinfo=UTC)

        measures.take(a_report("a", "b"))
        measures.take(a_report("b", "c", since=since))
        told = gauge(names.AUDIT_DIFFERENCES).read()
        measures.take(a_report("c"))

        assert told[("M5",)] == 3
        assert told[("S1",)] == 0
        assert gauge(names.AUDIT_DIFFERENCES).read()[("M5",)] == 1
        assert gauge(names.AUDIT_COMPLETED).read()[()] > since.timestamp()


def a_report(*ids: str, since: datetime | None = None) -> Report:
    findings = tuple(Finding("M5", "", ("payments",), (each,), "1", "2") for each in ids)
    return Report({}, findings, {}, since, 0.1)
