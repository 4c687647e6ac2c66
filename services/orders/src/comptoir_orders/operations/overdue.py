"""What was begun and should have ended by now: an alarm, and a list for people to look at."""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from comptoir_orders.domain import schedule
from comptoir_orders.domain.processes import Kind
from comptoir_orders.store import bystanders
from comptoir_orders.store.processes import Process
from comptoir_runtime import measuring, telemetry
from comptoir_runtime.database import Session
from comptoir_runtime.paging import Moment
from comptoir_runtime.telemetry import names

log = logging.getLogger(__name__)

_overdue = telemetry.counter(names.PROCESS_OVERDUE)
for _kind in Kind:  # what was never told as 0 has not increased when it is first told
    _overdue.add(0, (_kind,))

_FIRST = Moment(datetime(2000, 1, 1, tzinfo=UTC), "")


def watch(process: Process, trouble: str, now: datetime) -> None:
    """Raises the alarm each time something overdue was tried in vain."""
    if now >= process.deadline:
        _overdue.add(1, (process.kind,))
        log.error(
            "a process needs review",
            extra={
                "process_id": process.id,
                "kind": process.kind,
                "order": process.order,
                "state": process.state,
                "trouble": trouble,
                "attempts": process.attempts,
            },
        )


async def list_overdue(session: Session, size: int, after: Moment | None) -> Sequence[Process]:
    """Processes after a position, the longest overdue first.

    What goes forward has a deadline of minutes and is undone after it; what must be undone or
    carried out is due within an hour, and tried for ever.
    """
    before = session.clock.now() - schedule.OVERDUE
    return await bystanders.overdue(session, before, size, after or _FIRST)


async def measure(session: Session) -> None:
    """Tells how many processes are open, and how old the oldest of them are."""
    measuring.tell_open(await bystanders.count_open(session))
