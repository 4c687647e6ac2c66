"""The end of the demo: all services' data and the provider's journal are compared."""

from __future__ import annotations

from datetime import timedelta

from comptoir_audit.audit import audit
from comptoir_audit.command import counts, summary
from comptoir_audit.settings import Addresses
from comptoir_audit.sources import Connections
from comptoir_local.demo.story import Step, expect

# The story is over: what differs now is only late, or wrong.
_GRACE = timedelta(seconds=1)
# News between services take milliseconds; a busy machine may need longer.
_PAUSE = timedelta(seconds=15)


async def nothing_differs(addresses: Addresses, step: Step) -> None:
    """Everything that must hold holds, for all that has happened."""
    async with Connections.open(addresses) as connections:
        report = await audit(connections, grace=_GRACE, pause=_PAUSE)
    differences = [str(finding) for finding in report.findings]
    expect(not differences, "\n".join(["the books differ:", *differences]))
    expect(not report.skipped, f"not everything could be looked at: {report.skipped}")
    for line in (*counts(report), summary(report)):
        step.saw(line)
