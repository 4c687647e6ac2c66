"""Forgetting old rows of outbox and inbox, a batch at a time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from comptoir_runtime.database import Connection
from comptoir_runtime.outbox import statements
from comptoir_runtime.outbox.recovery import FIRST_ID, OUTBOX_RETENTION

# Longer than an outbox can repeat.
INBOX_RETENTION = timedelta(days=10)
# A state that was replaced is of no use to anybody; for a while it helps to understand.
REPLACED_RETENTION = timedelta(hours=1)
SWEEP_BATCH = 1000

_STAGES = (
    (statements.SWEEP_FACTS, OUTBOX_RETENTION),
    (statements.SWEEP_STATES, REPLACED_RETENTION),
    (statements.SWEEP_INBOX, INBOX_RETENTION),
)


@dataclass
class Sweep:
    """One pass over outbox and inbox."""

    _stage: int = 0
    _last: UUID = field(default=FIRST_ID)

    async def step(self, connection: Connection) -> bool:
        """Looks at the next batch; False when the pass is over."""
        if self._stage == len(_STAGES):
            return False
        statement, age = _STAGES[self._stage]
        last = await connection.fetchval(statement, self._last, first_id_after(age), SWEEP_BATCH)
        if last is None:
            self._stage, self._last = self._stage + 1, FIRST_ID
        else:
            self._last = last
        return True


def first_id_after(age: timedelta) -> UUID:
    """The lowest UUIDv7 of the moment so long ago."""
    milliseconds = round((datetime.now(UTC) - age).timestamp() * 1000)
    return UUID(int=milliseconds << 80)
