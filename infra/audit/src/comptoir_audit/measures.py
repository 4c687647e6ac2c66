"""What an audit has found, as metrics: for whoever is woken up by them."""

import time
from collections import Counter

from comptoir_audit.audit import Report
from comptoir_audit.invariants import ALL
from comptoir_runtime.telemetry import gauge, names

_differences = gauge(names.AUDIT_DIFFERENCES)
_completed = gauge(names.AUDIT_COMPLETED)


class Measures:
    """Differences count until the next full audit does not find them any more."""

    def __init__(self) -> None:
        self._found: dict[object, str] = {}

    def take(self, report: Report) -> None:
        """Tells what the audits have found by now, and that one has ended."""
        if report.since is None:
            self._found.clear()
        self._found |= {each.identity: each.invariant for each in report.findings}
        counts = Counter(self._found.values())
        _differences.replace({(each.id,): counts[each.id] for each in ALL})
        _completed.set(time.time())
