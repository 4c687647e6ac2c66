"""Driving processes: whoever holds the lease of a row brings it on."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from comptoir_orders.domain.processes import Kind
from comptoir_orders.domain.schedule import DRIVE_SECONDS, LEASE
from comptoir_orders.errors import NotYourCart, Overtaken
from comptoir_orders.store import processes
from comptoir_orders.store.processes import Lease, Process
from comptoir_runtime import deadline, ids
from comptoir_runtime.database import Transactions

Driver = Callable[[Process], Awaitable[Process]]
"""Brings a process to its end, or parks it; answers it as it was written last."""

_FIRST_LOOK_SECONDS = 0.02
_LONGEST_LOOK_SECONDS = 0.25

log = logging.getLogger(__name__)


class Runner:
    """Drives processes in tasks of their own, so that none ends with the call that began it."""

    def __init__(self, transactions: Transactions, drivers: Mapping[Kind, Driver]) -> None:
        self._transactions = transactions
        self._drivers = drivers
        self._owner = ids.new_id("drv")
        self._tasks: dict[str, asyncio.Task[Process | None]] = {}

    @property
    def count(self) -> int:
        """How many processes are driven here now."""
        return len(self._tasks)

    def lease(self) -> Lease:
        """A lease for this runner, from now."""
        return Lease(self._owner, self._transactions.clock.now() + LEASE)

    def start(self, process: Process) -> None:
        """Drives a process whose lease this runner holds."""
        task = asyncio.get_running_loop().create_task(self._drive(process))
        self._tasks[process.id] = task
        task.add_done_callback(lambda _: self._forget(process.id, task))

    async def settled(
        self, process_id: str, kind: Kind, patience: float, *, ended: bool = False
    ) -> Process:
        """The process once it has ended or waits for something; with `ended`, once it has ended.

        As it is now when that takes longer than `patience` seconds. It may be driven by another
        instance of this service: then its row is looked at.
        """
        give_up = time.monotonic() + patience
        task = self._tasks.get(process_id)
        if task is not None:
            await asyncio.wait({task}, timeout=patience)
            left = task.result() if task.done() else None
            if left is not None and (left.ended or not ended):
                return left
        pause = _FIRST_LOOK_SECONDS
        while True:
            async with self._transactions.reading() as session:
                process = await processes.by_id(session, process_id, kind)
            if process is None:  # only what strangers began is forgotten
                raise NotYourCart("this cart belongs to somebody else")
            waits = not process.driven and not ended
            if process.ended or waits or time.monotonic() + pause >= give_up:
                return process
            await asyncio.sleep(pause)
            pause = min(_LONGEST_LOOK_SECONDS, pause * 2)

    async def stop(self) -> None:
        """Waits for what is being driven; what takes longer than a lease others finish."""
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()), timeout=DRIVE_SECONDS)

    async def _drive(self, process: Process) -> Process | None:
        # The caller's deadline is not the driver's: no call of it may outlast the lease instead.
        deadline.begin(DRIVE_SECONDS)
        try:
            return await self._drivers[process.kind](process)
        except Overtaken:
            log.warning("a process was taken over by others", extra={"process_id": process.id})
        except Exception:
            # Whatever it was, the row says how far it got: when its lease is over it is taken up
            # again, here or elsewhere.
            log.exception("a process was interrupted", extra={"process_id": process.id})
        return None

    def _forget(self, process_id: str, task: asyncio.Task[Process | None]) -> None:
        if self._tasks.get(process_id) is task:
            del self._tasks[process_id]


class Worker:
    """Takes up what is due: after a crash, after news, after a pause."""

    def __init__(
        self,
        transactions: Transactions,
        runner: Runner,
        *,
        poll_seconds: float = 0.5,
        at_once: int = 16,
    ) -> None:
        self._transactions = transactions
        self._runner = runner
        self._poll_seconds = poll_seconds
        self._at_once = at_once
        self._due = asyncio.Event()

    def wake(self) -> None:
        """Something became due: look now."""
        self._due.set()

    async def run(self) -> None:
        """Looks for ever; when it is stopped, what is being driven is finished first."""
        try:
            while True:
                self._due.clear()
                if await self.look() == 0:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._poll_seconds):
                            await self._due.wait()
        except asyncio.CancelledError:
            await self._runner.stop()
            raise

    async def look(self) -> int:
        """Takes up what is due now, as much as can be driven at once; answers how many."""
        free = self._at_once - self._runner.count
        if free <= 0:
            await asyncio.sleep(_FIRST_LOOK_SECONDS)
            return 0
        async with self._transactions.reading() as session:  # one statement
            claimed = await processes.claim(session, self._runner.lease(), free)
        for process in claimed:
            self._runner.start(process)
        return len(claimed)
