"""The program, wherever the addresses come from: once for a person, or for ever as a job."""

import argparse
import asyncio
import logging
import signal
import sys
from collections import Counter
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

import orjson

from comptoir_audit.audit import Report, as_json, audit
from comptoir_audit.measures import Measures
from comptoir_audit.options import COULD_NOT_LOOK, DIFFERENCES, HEALTHY
from comptoir_audit.settings import Addresses, collector
from comptoir_audit.sources import Connections, CouldNotLook
from comptoir_runtime import telemetry

# What began before a pass and ended after it is looked at by the next one, too.
OVERLAP = timedelta(hours=1)
FULL_EVERY = timedelta(hours=1)
_TO_A_LINE = 10

_log = logging.getLogger(__name__)


def run(addresses: Addresses, options: argparse.Namespace) -> int:
    """Does as asked; the exit code is 0, 1 when there are differences, 2 when it cannot look."""
    grace = timedelta(seconds=options.grace)
    try:
        if options.every is not None:
            telemetry.export("audit", collector())
            asyncio.run(until_told(every(addresses, timedelta(seconds=options.every), grace)))
            telemetry.shut_down()
            return HEALTHY
        report = asyncio.run(once(addresses, options.since, grace))
    except CouldNotLook as error:
        sys.stderr.write(f"could not look: {error}\n")
        return COULD_NOT_LOOK
    except KeyboardInterrupt:
        return 130
    sys.stdout.write(_json(report) if options.json else text(report))
    return HEALTHY if report.is_healthy else DIFFERENCES


async def once(addresses: Addresses, hours: float | None, grace: timedelta) -> Report:
    """One audit: of the last hours, or of everything."""
    async with Connections.open(addresses) as connections:
        since = None
        if hours is not None:
            since = await connections.now() - timedelta(hours=hours)
        return await audit(connections, since=since, grace=grace)


async def until_told(work: Coroutine[Any, Any, None]) -> None:
    """Works until SIGTERM or SIGINT, which the first process of a container has to ask for."""
    working = asyncio.create_task(work)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        _log.info("stopped")


async def every(addresses: Addresses, interval: timedelta, grace: timedelta) -> None:
    """Everything first and once an hour, in between what has changed; never returns.

    An outage is logged and waited out: a job that ends tells nobody anything.
    """
    measures = Measures()
    while True:
        try:
            async with Connections.open(addresses) as connections:
                await _keep_looking(connections, interval, grace, measures)
        except CouldNotLook as error:
            _log.warning("could not look: %s", error)
        await asyncio.sleep(interval.total_seconds())


async def _keep_looking(
    connections: Connections, interval: timedelta, grace: timedelta, measures: Measures
) -> None:
    full_at: datetime | None = None
    since: datetime | None = None
    while True:
        began = await connections.now()
        if full_at is None or began >= full_at:
            since, full_at = None, began + FULL_EVERY
        report = await audit(connections, since=since, grace=grace)
        tell(report)
        measures.take(report)
        since = began - OVERLAP
        await asyncio.sleep(interval.total_seconds())


def tell(report: Report) -> None:
    """Logs each difference; that all is well only for those who want to know everything."""
    for finding in report.findings:
        _log.error("%s", finding)
    if report.skipped:
        _log.warning("not looked at: %s", "; ".join(sorted(set(report.skipped.values()))))
    _log.info("%s", summary(report))


def summary(report: Report) -> str:
    """One line: how much was looked at, and what came of it."""
    extent = "everything" if report.since is None else f"what changed since {report.since}"
    return (
        f"{len(report.counts)} checks of {extent}: {report.looked_at} things,"
        f" {len(report.findings)} differences, {report.seconds:.1f} s"
    )


def text(report: Report) -> str:
    """The differences, then the counts."""
    lines = [f"✗ {finding}" for finding in report.findings]
    lines += [f"- {name} was not looked at: {why}" for name, why in report.skipped.items()]
    return "\n".join([*lines, *counts(report), summary(report)]) + "\n"


def counts(report: Report) -> list[str]:
    """How many things the checks of each invariant have looked at, some to a line."""
    sums: Counter[str] = Counter()
    for name, count in report.counts.items():
        sums[name.split(".")[0]] += count
    each = [f"{name} {count}" for name, count in sums.items()]
    starts = range(0, len(each), _TO_A_LINE)
    return ["   ".join(each[start : start + _TO_A_LINE]) for start in starts]


def _json(report: Report) -> str:
    return orjson.dumps(as_json(report), option=orjson.OPT_INDENT_2).decode() + "\n"
