"""Looking at everything once, and at each difference twice."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx

from comptoir_audit.invariant import (
    Across,
    Batch,
    Difference,
    Finding,
    Invariant,
    Joined,
    Query,
    Row,
    Within,
)
from comptoir_audit.invariants import ALL, VIEWS
from comptoir_audit.options import GRACE
from comptoir_audit.scope import Scope
from comptoir_audit.sources import UNREACHABLE, Connections, CouldNotLook

PAUSE = timedelta(seconds=5)
# Enough to see what is wrong; the count says how much more there is.
_SHOWN = 1000
_OTHER_SCHEMA = (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, by invariant, and each difference."""

    counts: dict[str, int]
    findings: tuple[Finding, ...]
    skipped: dict[str, str]
    """Invariants that could not be looked at, with the reason."""
    since: datetime | None
    seconds: float

    @property
    def is_healthy(self) -> bool:
        return not self.findings

    @property
    def looked_at(self) -> int:
        return sum(self.counts.values())


@dataclass(slots=True)
class _Look:
    """One look at some invariants."""

    connections: Connections
    scope: Scope
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    async def at(self, invariants: Sequence[Invariant]) -> None:
        for group in _by_lead([each for each in invariants if self._can_look_at(each)]):
            try:
                await self._group(group)
            except _OTHER_SCHEMA as error:
                if len(group) == 1:
                    self.skipped[group[0].id] = f"another schema: {error}"
                else:
                    # Only the one that asks for what is not there has to be left out.
                    for each in group:
                        await self.at([each])
            except (*UNREACHABLE, httpx.HTTPError, asyncpg.PostgresError) as error:
                ids = ", ".join(each.id for each in group)
                raise CouldNotLook(f"{ids}: {type(error).__name__}: {error}") from error

    def _can_look_at(self, invariant: Invariant) -> bool:
        if invariant.full_only and not self.scope.is_full:
            return False
        missing = sorted(set(invariant.services) - self.connections.sources.keys())
        if missing:
            self.skipped[invariant.id] = f"not connected: {', '.join(missing)}"
        return not missing

    async def _group(self, group: Sequence[Invariant]) -> None:
        across = [each for each in group if isinstance(each, Across)]
        if across:
            await self._across(across)
        for each in group:
            if isinstance(each, Within):
                self.counts[each.id] = 0
                for service in each.services:
                    await self._within(each, service)

    async def _within(self, invariant: Within, service: str) -> None:
        row = await self.connections.databases[service].one(
            self.scope,
            "SELECT count(*) AS looked,"
            f" (array_agg(to_jsonb(one)) FILTER (WHERE {invariant.wrong}))[1:{_SHOWN}] AS wrong"
            f" FROM ({invariant.each}) AS one",
        )
        self.counts[invariant.id] += row["looked"]
        self.findings += [
            _finding(invariant, (service,), invariant.tell(wrong)) for wrong in row["wrong"] or ()
        ]

    async def _across(self, group: Sequence[Across]) -> None:
        """All that begin with the same query; what several of them ask for is asked once."""
        counts = {each.id: 0 for each in group}
        findings: list[Finding] = []
        lead = group[0].lead
        source = self.connections.sources[lead.service]
        async for rows in source.stream(self.scope, lead.sql):
            asked: dict[Joined, dict[str, list[Row]]] = {}
            for each in group:
                for joined in each.joined.values():
                    if joined not in asked:
                        asked[joined] = await self._ask(joined, rows)
                answers = {name: asked[joined] for name, joined in each.joined.items()}
                counts[each.id] += len(rows)
                findings += [
                    _finding(each, each.services, difference)
                    for difference in each.compare(Batch(rows, answers))
                ]
        self.counts |= counts
        self.findings += findings

    async def _ask(self, joined: Joined, rows: Sequence[Row]) -> dict[str, list[Row]]:
        keys = dict.fromkeys(key for row in rows for key in joined.by(row))
        found: dict[str, list[Row]] = {}
        if keys:
            source = self.connections.sources[joined.query.service]
            for row in await source.of_keys(self.scope, joined.query.sql, list(keys)):
                found.setdefault(row["key"], []).append(row)
        return found


def _by_lead(invariants: Sequence[Invariant]) -> list[list[Invariant]]:
    """Those that begin with the same query together, in the order of the first of them."""
    groups: dict[Query | str, list[Invariant]] = {}
    for each in invariants:
        groups.setdefault(each.lead if isinstance(each, Across) else each.id, []).append(each)
    return list(groups.values())


def _finding(invariant: Invariant, services: tuple[str, ...], difference: Difference) -> Finding:
    return Finding(
        invariant.id,
        invariant.statement,
        services,
        difference.ids,
        difference.expected,
        difference.found,
    )


async def audit(
    connections: Connections,
    *,
    since: datetime | None = None,
    grace: timedelta = GRACE,
    pause: timedelta = PAUSE,
    invariants: Sequence[Invariant] = ALL,
) -> Report:
    """Looks at all that has changed `since`, at everything when None.

    What changed within `grace` is in flight and not compared between services. A difference
    between services, and one of what `look_twice` says, counts when it is there again after
    `pause`. Raises `CouldNotLook`.
    """
    started = time.monotonic()
    scope = Scope(since, grace, VIEWS)
    first = _Look(connections, scope)
    await first.at(invariants)
    findings = first.findings
    doubtful = {each.invariant for each in findings}
    again = [each for each in invariants if each.look_twice and each.id in doubtful]
    if again:
        await asyncio.sleep(pause.total_seconds())
        second = _Look(connections, scope)
        await second.at(again)
        findings = _confirmed(first.findings, second.findings, {each.id for each in again})
    return Report(
        counts=first.counts,
        findings=tuple(findings),
        skipped=first.skipped,
        since=since,
        seconds=time.monotonic() - started,
    )


def _confirmed(first: list[Finding], second: list[Finding], doubtful: set[str]) -> list[Finding]:
    """What is beyond doubt, and what was seen both times, as it was seen last."""
    seen = {each.identity for each in first}
    return [each for each in first if each.invariant not in doubtful] + [
        each for each in second if each.identity in seen
    ]


def as_json(report: Report) -> dict[str, Any]:
    """The report in plain values."""
    return {
        "healthy": report.is_healthy,
        "since": None if report.since is None else report.since.isoformat(),
        "seconds": round(report.seconds, 3),
        "counts": report.counts,
        "skipped": report.skipped,
        "findings": [
            {
                "invariant": each.invariant,
                "statement": each.statement,
                "services": list(each.services),
                "ids": list(each.ids),
                "expected": each.expected,
                "found": each.found,
            }
            for each in report.findings
        ],
    }
