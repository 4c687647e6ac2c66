"""Where transactions begin and end."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Protocol, TypeVar

from comptoir_runtime.clock import Clock
from comptoir_runtime.database import flush
from comptoir_runtime.database.failures import COLLISIONS, RETRY_SOON
from comptoir_runtime.database.link import Link
from comptoir_runtime.database.pool import Pool
from comptoir_runtime.database.session import Session
from comptoir_runtime.errors import ConcurrentChange
from comptoir_runtime.guard import inside_transaction

T = TypeVar("T")
_log = logging.getLogger(__name__)

ATTEMPTS = 5
_FIRST_PAUSE = 0.004
_RECOVERY_TIMEOUT = 2.0


class Announcer(Protocol):
    """Who is told what was committed; called right after commit, must neither block nor raise."""

    def outbox_written(self) -> None:
        """There are new rows in the outbox."""

    def signals_sent(self, signals: Sequence[tuple[str, bytes]]) -> None:
        """Signals, as subject and payload, to send now."""


class Transactions:
    """Opens sessions on one pool."""

    def __init__(self, pool: Pool, clock: Clock) -> None:
        self._pool = pool
        self.clock = clock
        self.announcers: list[Announcer] = []
        self._recoveries: set[asyncio.Task[None]] = set()

    @property
    def breaks(self) -> int:
        """Grows when a connection was lost: what is behind the next one may be an older copy."""
        return self._pool.breaks

    def __call__(self) -> AbstractAsyncContextManager[Session]:
        """A transaction: commits when the block ends, rolls back when it raises."""
        return _Transaction(self)

    def reading(self) -> AbstractAsyncContextManager[Session]:
        """A session without a transaction: each statement sees the newest committed state."""
        return _Reading(self)

    async def run(self, body: Callable[[Session], Awaitable[T]]) -> T:
        """Runs `body` in a transaction, again when it collides with another one.

        `body` must not have effects outside its session. Raises `ConcurrentChange` after five
        collisions.
        """
        for attempt in range(ATTEMPTS):
            try:
                async with self() as session:
                    return await body(session)
            except COLLISIONS as error:
                if attempt == ATTEMPTS - 1:
                    raise ConcurrentChange(
                        "other transactions came in between each time", retry_after=RETRY_SOON
                    ) from error
            # Full jitter: two that collided must not come back at the same moment.
            await asyncio.sleep(random.uniform(0, _FIRST_PAUSE * 2**attempt))
        raise AssertionError("unreachable")

    async def acquire(self) -> Link:
        return await self._pool.acquire()

    def release(self, link: Link) -> None:
        self._pool.release(link)

    async def abandon(self, link: Link, error: BaseException | None) -> None:
        """Rolls back and releases; when the task is being cancelled, without keeping it waiting."""
        if link.is_closed():
            self.release(link)
        elif isinstance(error, Exception):
            await self._recover(link, interrupted=False)
        else:
            recovery = self._recover(link, interrupted=True)
            task = asyncio.get_running_loop().create_task(recovery)
            self._recoveries.add(task)
            task.add_done_callback(self._recoveries.discard)

    async def _recover(self, link: Link, *, interrupted: bool) -> None:
        try:
            await link.roll_back(_RECOVERY_TIMEOUT, interrupted=interrupted)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, a new link is cheaper
            link.terminate()
        except BaseException:
            link.terminate()
            raise
        finally:
            self.release(link)

    def announce(self, session: Session) -> None:
        """Tells what the session has committed."""
        if session.rows:
            for announcer in self.announcers:
                announcer.outbox_written()
        if session.signals:
            for announcer in self.announcers:
                announcer.signals_sent(session.signals)
        for callback in session.callbacks:
            try:
                callback()
            except Exception:  # noqa: BLE001 - logged below
                # The commit stands; the callback must not make it look as if it had failed.
                _log.exception("a callback failed after commit")


class _Transaction:
    __slots__ = ("_link", "_mark", "_session", "_transactions")

    _link: Link
    _session: Session
    _mark: AbstractContextManager[None]

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def __aenter__(self) -> Session:
        transactions = self._transactions
        self._link = link = await transactions.acquire()
        link.begin()
        self._mark = inside_transaction()
        self._mark.__enter__()
        self._session = Session(link, transactions.clock, transactional=True)
        return self._session

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._mark.__exit__(None, None, None)
        transactions, link = self._transactions, self._link
        if error is not None:
            await transactions.abandon(link, error)
            return
        try:
            flush.hold(self._session, link)
            await link.commit()
        except BaseException as failure:
            await transactions.abandon(link, failure)
            raise
        transactions.release(link)
        transactions.announce(self._session)


class _Reading:
    __slots__ = ("_link", "_transactions")

    _link: Link

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def __aenter__(self) -> Session:
        self._link = await self._transactions.acquire()
        return Session(self._link, self._transactions.clock, transactional=False)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, Exception):
            self._transactions.release(self._link)
        else:
            await self._transactions.abandon(self._link, error)
