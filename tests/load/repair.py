"""Events per second that come back after NATS has lost its store; what looking for losses costs."""

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

from comptoir.inventory.v1 import events_pb2
from comptoir_local.embedded import EmbeddedNats, EmbeddedPostgres
from comptoir_local.embedded.ports import free_port
from comptoir_runtime import migrations
from comptoir_runtime.bus import ApiError, Bus, BusUnavailable, Limits, streams
from comptoir_runtime.database import Database, DatabaseSettings
from comptoir_runtime.event_options import Kind, event_types_of
from comptoir_runtime.outbox import Relay, audit, recovery, statements, upkeep
from tests.load.figures import Figure, WrongResult

SERVICE = "inventory"
SECONDS = 10.0
_EVENTS_A_SECOND = 2_000
_PER_TRANSACTION = 200
_THINGS = 100_000
_REFERENCE_SECONDS = 3.0
_IN_FLIGHT = 200
_PATIENCE_SECONDS = 120.0

_STATES = """
INSERT INTO outbox (id, kind, subject, type, payload, headers, producer_seq, previous_seq,
                    stream_seq, published_at)
SELECT gen_random_uuid(), 2, 'comptoir.inventory.v1.AvailabilityState.more' || n,
       'comptoir.inventory.v1.AvailabilityState', '\\x00', '{}', 1000000 + n, 0, 0, now()
FROM generate_series(1, $1::int) AS n"""


async def measure(folder: Path, seconds: float = SECONDS) -> list[Figure]:
    """Half facts, half states of different things, all of them published; then all lost."""
    shutil.rmtree(folder, ignore_errors=True)
    count = round(seconds * _EVENTS_A_SECOND)
    with (
        EmbeddedPostgres(folder / "postgres") as postgres,
        EmbeddedNats(folder / "nats", port=free_port()) as nats,
    ):
        url = postgres.ensure_database(SERVICE)
        migrations.run(f"comptoir_{SERVICE}", postgres.server.owner_url(SERVICE))
        async with _opened(url, nats.url) as (database, bus):
            reference = await _plain_publishing(bus, _REFERENCE_SECONDS)
            relay = asyncio.create_task(Relay(database, bus, SERVICE).run())
            await _fill(database, count)
            await _until_stored(bus, count)
            nats.stop()
            shutil.rmtree(nats.home / "jetstream")
            nats.start()
            began = time.perf_counter()
            await _until_stored(bus, count)
            lasted = time.perf_counter() - began
            relay.cancel()
            await asyncio.wait([relay])
            upkeep_figures = await _upkeep(database, bus)
    return [
        Figure("repair", count / lasted, "events/s", reference),
        Figure("repair.events", count, "events"),
        Figure("repair.seconds", lasted, "s"),
        *upkeep_figures,
    ]


@asynccontextmanager
async def _opened(database_url: str, nats_url: str) -> AsyncIterator[tuple[Database, Bus]]:
    database = await Database.connect(DatabaseSettings(url=database_url))
    bus = Bus(nats_url, SERVICE)
    bus.start()
    await bus.connected()
    yield database, bus
    await bus.close()
    await database.close()


async def _fill(database: Database, count: int) -> None:
    for start in range(0, count, _PER_TRANSACTION):
        async with database.transactions() as session:
            for number in range(start, start + _PER_TRANSACTION, 2):
                session.emit(events_pb2.StockMoved(sku=f"SKU-{number}"))
                session.emit(events_pb2.AvailabilityState(sku=f"SKU-{number}"))


async def _until_stored(bus: Bus, count: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    stored = 0
    while time.monotonic() < deadline:
        try:
            found = [await streams.find(bus, SERVICE, kind) for kind in (Kind.FACT, Kind.STATE)]
            stored = sum(state.last_sequence for state in found if state is not None)
        except (BusUnavailable, ApiError):
            stored = 0
        if stored == count:
            return
        await asyncio.sleep(0.02)
    raise WrongResult(f"{stored} of {count} events are in the streams")


async def _plain_publishing(bus: Bus, seconds: float) -> float:
    """Messages a second that the same server stores when each is acknowledged, many in flight."""
    config = {"name": "reference", "subjects": ["reference.*"], "storage": "file"}
    await bus.api("STREAM.CREATE.reference", config)
    stream, payload = bus.client.jetstream(), bytes(300)
    stop_at, stored = time.monotonic() + seconds, 0

    async def publish(number: int) -> None:
        nonlocal stored
        while time.monotonic() < stop_at:
            await stream.publish(f"reference.{number}", payload, headers={"ce-id": str(uuid4())})
            stored += 1

    await asyncio.gather(*(publish(number) for number in range(_IN_FLIGHT)))
    await bus.api("STREAM.DELETE.reference")
    return stored / seconds


async def _upkeep(database: Database, bus: Bus) -> list[Figure]:
    """The look that is taken each minute; one that finds 100,000 states lost; a sweep."""
    connection = await database.dedicated()
    await connection.execute(_STATES, _THINGS)
    await connection.execute("ANALYZE outbox")
    types = event_types_of(SERVICE)
    place = recovery.Place(connection, bus, SERVICE, Kind.STATE, types, Limits())
    began = time.perf_counter()
    await connection.fetchval(statements.COUNT_STATES)
    looked = time.perf_counter()
    await audit.Audit().run(place)
    found = time.perf_counter()
    sweep, longest, more = upkeep.Sweep(), 0.0, True
    while more:
        step = time.perf_counter()
        more = await sweep.step(connection)
        longest = max(longest, time.perf_counter() - step)
    await connection.close()
    return [
        Figure("repair.audit", (looked - began) * 1000, "ms"),
        Figure("repair.audit.100,000-lost", (found - looked) * 1000, "ms"),
        Figure("repair.sweep.longest-batch", longest * 1000, "ms"),
    ]
