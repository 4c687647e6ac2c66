"""The database of a service: two pools, the clock, and connections on their own."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import asyncpg
import orjson

from comptoir_runtime.clock import Clock, DatabaseClock
from comptoir_runtime.database import measures
from comptoir_runtime.database.failures import is_outage
from comptoir_runtime.database.link import Connection, Link, Row
from comptoir_runtime.database.pool import Pool
from comptoir_runtime.database.transactions import Announcer, Transactions
from comptoir_runtime.database.wire import ConnectingLoop

_log = logging.getLogger(__name__)
_JSONB_VERSION = b"\x01"


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """How to reach PostgreSQL, and how patient to be with it. Times are in seconds."""

    url: str = field(repr=False)  # holds a password
    application_name: str = "comptoir"
    pool_size: int = 10
    background_pool_size: int = 3
    """For consumers: news must not wait behind callers, nor callers behind news."""
    acquire_timeout: float = 0.5
    connect_timeout: float = 2.0
    statement_timeout: float = 5.0
    lock_timeout: float = 1.0
    idle_in_transaction_timeout: float = 10.0
    maintenance_interval: float = 30.0
    """How often the clock is measured and idle connections are closed."""


class Database:
    """A service's own database. `transactions` is for callers, `background` for consumers."""

    def __init__(self, settings: DatabaseSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._database_clock = DatabaseClock()
        self.clock: Clock = clock if clock is not None else self._database_clock
        timeout = settings.acquire_timeout
        self._pool = Pool(self._link, settings.pool_size, timeout, "callers")
        # Nobody waits for a consumer, so its turn may take longer.
        self._background_pool = Pool(
            self._link, settings.background_pool_size, 10 * timeout, "background"
        )
        self.transactions = Transactions(self._pool, self.clock)
        self.background = Transactions(self._background_pool, self.clock)
        self._maintenance: asyncio.Task[None] | None = None
        self._stop_watching: Callable[[], None] | None = None

    @classmethod
    async def connect(cls, settings: DatabaseSettings, clock: Clock | None = None) -> "Database":
        """Opens a first connection and measures the clock; raises `DatabaseUnavailable`.

        A `clock` given here takes the place of the database's: for tests.
        """
        database = cls(settings, clock)
        await database._measure_clock()
        pools = [database._pool, database._background_pool]
        database._stop_watching = measures.watch(pools)
        database._maintenance = asyncio.get_running_loop().create_task(database._maintain())
        return database

    def announce_to(self, announcer: Announcer) -> None:
        """Tells `announcer` from now on what is committed."""
        self.transactions.announcers.append(announcer)
        self.background.announcers.append(announcer)

    async def dedicated(self, *, application_name: str | None = None) -> Connection:
        """A connection outside the pools; the caller closes it."""
        # asyncpg does not clean up when it is cancelled half way: let it finish, then drop it.
        opening = asyncio.get_running_loop().create_task(self._open(application_name))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_drop)
            raise

    async def _link(self) -> Link:
        return Link(await self.dedicated())

    async def _open(self, application_name: str | None) -> Connection:
        settings = self._settings
        connection: Connection = await asyncpg.connect(
            settings.url,
            loop=cast("asyncio.AbstractEventLoop", ConnectingLoop()),
            timeout=settings.connect_timeout,
            record_class=Row,
            statement_cache_size=500,
            max_cached_statement_lifetime=0,
            server_settings={
                "application_name": application_name or settings.application_name,
                "statement_timeout": _milliseconds(settings.statement_timeout),
                "lock_timeout": _milliseconds(settings.lock_timeout),
                "idle_in_transaction_session_timeout": _milliseconds(
                    settings.idle_in_transaction_timeout
                ),
                "timezone": "UTC",
                "jit": "off",
                # Hot statements look up a few keys: planning them again costs more than running.
                "plan_cache_mode": "force_generic_plan",
                # Such a plan is made when a table has few rows and kept when it has many. What has
                # no index is read as a whole all the same.
                "enable_seqscan": "off",
            },
        )
        await connection.set_type_codec(
            "jsonb",
            schema="pg_catalog",
            encoder=lambda value: _JSONB_VERSION + orjson.dumps(value),
            decoder=lambda data: orjson.loads(data[1:]),
            format="binary",
        )
        return connection

    async def ping(self) -> None:
        """Returns when the database answers; raises a `Failure` when it does not."""
        async with self.transactions.reading() as session:
            await session.fetchval("SELECT 1")

    async def close(self) -> None:
        """Closes the connections; those in use are closed when they are released."""
        if self._stop_watching is not None:
            self._stop_watching()
        if self._maintenance is not None:
            self._maintenance.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._maintenance
        await self._pool.close()
        await self._background_pool.close()

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(self._settings.maintenance_interval)
            self._pool.shrink(keep=2)
            self._background_pool.shrink(keep=1)
            try:
                await self._measure_clock()
            except Exception as error:  # noqa: BLE001 - the last measurement stays good
                if not is_outage(error):
                    _log.exception("the database's clock could not be read")

    async def _measure_clock(self) -> None:
        async with self.transactions.reading() as session:
            before = time.monotonic()
            now = await session.fetchval("SELECT clock_timestamp()")
            self._database_clock.measured(now, before, time.monotonic())


def _drop(opening: "asyncio.Task[Connection]") -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().terminate()


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
