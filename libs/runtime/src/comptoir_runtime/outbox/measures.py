"""How much waits in the outbox, and for how long."""

from comptoir_runtime import telemetry
from comptoir_runtime.database import Session
from comptoir_runtime.outbox import statements
from comptoir_runtime.telemetry import names

_depth = telemetry.gauge(names.OUTBOX_DEPTH)
_age = telemetry.gauge(names.OUTBOX_AGE)


async def measure(session: Session) -> None:
    """Tells depth and age."""
    row = await session.fetchrow(statements.WAITING, session.clock.now())
    assert row is not None, "an aggregate has one row"
    _depth.set(row["depth"])
    _age.set(max(0.0, row["age"]))
