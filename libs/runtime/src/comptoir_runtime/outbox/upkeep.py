"""What the relay does besides publishing: look after its streams and forget old rows."""

import logging
from collections.abc import Sequence
from datetime import timedelta

from comptoir_runtime.bus import streams
from comptoir_runtime.bus.connection import Bus
from comptoir_runtime.database import Connection
from comptoir_runtime.event_options import EventType, Kind
from comptoir_runtime.outbox import statements

_log = logging.getLogger(__name__)

# Longer than a stream keeps facts; an inbox remembers longer than an outbox can repeat.
OUTBOX_RETENTION = timedelta(days=8)
INBOX_RETENTION = timedelta(days=10)
_SWEEP_BATCH = 1000


async def reconcile(
    connection: Connection, bus: Bus, service: str, types: Sequence[EventType], replicas: int
) -> None:
    """Makes the streams, and marks as unpublished what a stream has lost since it was published."""
    for kind in (Kind.FACT, Kind.STATE):
        if not any(each.kind is kind for each in types):
            continue
        state = await streams.find(bus, service, kind)
        known = await connection.fetchval(statements.KNOWN_STREAM, kind)
        if known is not None and (state is None or state.created != known):
            # First the rows, then the stream: a crash in between repeats, and never forgets.
            await _publish_again(connection, kind, after=0)
        elif state is not None:
            last = await connection.fetchval(statements.LAST_STREAM_SEQ, kind)
            if last is not None and last > state.last_sequence:
                await _publish_again(connection, kind, after=state.last_sequence)
        state = await streams.ensure(bus, service, kind, types, replicas)
        if state.created != known:
            await connection.execute(statements.REMEMBER_STREAM, kind, state.created)


async def sweep(connection: Connection) -> bool:
    """Forgets one batch of old rows of each table; True when there may be more."""
    more = False
    for statement, age in (
        (statements.SWEEP_FACTS, OUTBOX_RETENTION),
        (statements.SWEEP_STATES, OUTBOX_RETENTION),
        (statements.SWEEP_INBOX, INBOX_RETENTION),
    ):
        tag = await connection.execute(statement, age, _SWEEP_BATCH)
        more = more or tag == f"DELETE {_SWEEP_BATCH}"
    return more


async def _publish_again(connection: Connection, kind: Kind, after: int) -> None:
    again = statements.FACTS_AGAIN if kind is Kind.FACT else statements.STATES_AGAIN
    tag = await connection.execute(again, after)
    _log.warning("a stream has lost messages: publishing again (%s, %s)", kind.name, tag)
