"""Events that a service could not digest: to be looked at, and driven again once it can."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from comptoir_runtime.database import Row, Session
from comptoir_runtime.database.failures import COLLISIONS, is_outage
from comptoir_runtime.errors import FailedPrecondition, Failure, NotFound
from comptoir_runtime.inbox import Delivered, Inbox
from comptoir_runtime.telemetry import gauge, names

_LIST = """
SELECT id, producer, subject, type, error, deliveries, first_at, state FROM dead_letter
WHERE state = $1 AND (first_at, id) > ($2, $3)
ORDER BY first_at, id
LIMIT $4"""
_FIND = """
SELECT id, producer, subject, type, payload, headers, error, deliveries, first_at, state
FROM dead_letter
WHERE id = $1 AND state <> 'trying'
FOR UPDATE"""
_COUNT = """
SELECT producer, count(*) AS count FROM dead_letter WHERE state = 'quarantined' GROUP BY producer"""
_DISCARD = "UPDATE dead_letter SET state = 'discarded', error = $2 WHERE id = $1"
_DONE = "UPDATE dead_letter SET state = $2 WHERE id = $1"

QUARANTINED = "quarantined"
REDRIVEN = "redriven"
OBSOLETE = "obsolete"
DISCARDED = "discarded"


_quarantined = gauge(names.DEAD_LETTERS)


class NoSuchDeadLetter(NotFound):
    """This service has no event of that id in quarantine."""


class EventStillFails(FailedPrecondition):
    """The handler refused the event once more; it stays in quarantine."""


class DeadLetters:
    """The quarantine of one service, over all that it consumes."""

    def __init__(self, inboxes: Iterable[Inbox]) -> None:
        self._inboxes = list(inboxes)

    async def page(
        self, session: Session, state: str, after: tuple[datetime, UUID], size: int
    ) -> list[Row]:
        """Letters in one state, oldest first, behind a moment and id."""
        return await session.fetch(_LIST, state, *after, size)

    async def redrive(self, session: Session, event_id: UUID) -> tuple[Row, str]:
        """Runs the handler of a quarantined event once more; the letter, and its new state.

        A letter that is not in quarantine any more is answered as it is; one that nobody handles
        any more becomes obsolete. Raises `NoSuchDeadLetter`, `EventStillFails`.
        """
        row = await self._find(session, event_id)
        if row["state"] != QUARANTINED:
            return row, row["state"]
        state = REDRIVEN if await self._handle(session, row) else OBSOLETE
        await session.execute(_DONE, event_id, state)
        return row, state

    async def discard(self, session: Session, event_id: UUID, remark: str) -> Row:
        """Gives a quarantined event up, with a remark on who and why; answers the letter.

        A letter that is not in quarantine any more is answered as it is. Raises
        `NoSuchDeadLetter`.
        """
        row = await self._find(session, event_id)
        if row["state"] == QUARANTINED:
            await session.execute(_DISCARD, event_id, f"{row['error']}; {remark}")
            row = await self._find(session, event_id)
        return row

    async def _find(self, session: Session, event_id: UUID) -> Row:
        row = await session.fetchrow(_FIND, event_id)
        if row is None:
            raise NoSuchDeadLetter("no such event is in quarantine")
        return row

    async def _handle(self, session: Session, row: Row) -> bool:
        # Its numbers count no more: they were taken in when it was put aside.
        event = Delivered(row.id, row.type, row.subject, row.payload, 0, 0, row.headers)
        for inbox in self._inboxes:
            if inbox.producer == row["producer"] and inbox.handles(row["type"]):
                try:
                    await inbox.handle(session, event)
                except Exception as error:
                    if isinstance(error, (Failure, *COLLISIONS)) or is_outage(error):
                        raise
                    raise EventStillFails(f"the handler raised {type(error).__name__}") from error
                return True
        return False


async def measure(session: Session) -> None:
    """Tells how many are in quarantine."""
    rows = await session.fetch(_COUNT)
    _quarantined.replace({(row["producer"],): row["count"] for row in rows})
