"""Starts a service with failpoints: `python -m tests.faults.failpoints FOLDER comptoir_orders`.

No product package knows of them. This launcher wraps a few public seams of the runtime before the
service is composed, so that a service that is started in the usual way has no hook at all.

What is to fail is read from a file, `FOLDER/<package>`, one `name:action[:when]` a line, and
read again whenever it changes: a test arms a point of a service that runs. Of several replicas the
one that gets there takes it, and no other does.

| point | where |
| --- | --- |
| `call.before.P`, `call.after.P` | this service calls procedure P of a neighbour |
| `handle.before.P`, `handle.after.P` | P is asked of this service; done, and not yet answered |
| `commit.before.C`, `commit.after.C` | a transaction of procedure or event C |
| `publish.before`, `publish.after` | the relay: events are in the outbox; stored, not yet marked |
| `pull.before.C` | the consumer has acknowledged events (the last of type C), and asks for more |

| action | what it does |
| --- | --- |
| `crash` | SIGKILL to this very process |
| `delay=SECONDS` | waits |
| `error` | commit: rolled back as PostgreSQL would (40001); publish: no answer came |
| `dup` | publish: stored a second time under another message id |

`when` is `3` (the third time, once, counted over all replicas; default 1) or `30%` (that share of
the times, for ever).
"""

import asyncio
import fcntl
import fnmatch
import functools
import os
import random
import runpy
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncpg
import grpc

from comptoir_runtime.bus.connection import BusUnavailable, Message
from comptoir_runtime.bus.publisher import Chain, Publisher, Stored
from comptoir_runtime.bus.pull import Pull
from comptoir_runtime.channel import Client
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered, Inbox
from comptoir_runtime.pace import Pace
from comptoir_runtime.rpc import Pipeline
from comptoir_runtime.rpc.batches import Gathering
from comptoir_runtime.rpc.procedures import Procedure, Shape

FIRED, PASSED = ".fired", ".passed"
"""Files beside the armed points: where they struck whom, and how often each was passed."""
_cause: ContextVar[str] = ContextVar("cause", default="background")


@dataclass(frozen=True, slots=True)
class Failpoint:
    """What happens where, and when: at the `nth` time or in a `share` of the times."""

    name: str
    action: str
    argument: float = 0.0
    nth: int = 1
    share: float = 0.0

    @classmethod
    def parse(cls, line: str) -> "Failpoint":
        """`name:action[=argument][:when]`; ValueError when it is anything else."""
        name, _, rest = line.strip().partition(":")
        action, _, when = rest.partition(":")
        action, _, argument = action.partition("=")
        if not name or action not in {"crash", "delay", "error", "dup"}:
            raise ValueError(f"not a failpoint: {line!r}")
        point = cls(name, action, float(argument or 0))
        if when.endswith("%"):
            return replace(point, share=int(when[:-1]) / 100)
        return replace(point, nth=int(when or 1))


class Failpoints:
    """The points of a service that are armed, as one of its processes sees them."""

    def __init__(self, path: Path, chance: Callable[[], float] = random.random) -> None:
        self._path = path
        self._chance = chance
        self._read_at: int | None = None
        self._armed: list[Failpoint] = []

    def take(self, name: str) -> Failpoint | None:
        """What is to happen here now; counted down, and forgotten once it has happened."""
        self._read()
        for index, point in enumerate(self._armed):
            if not fnmatch.fnmatchcase(name, point.name):
                continue
            if point.share:
                return point if self._chance() < point.share else None
            return point if self._passed(index) == point.nth else None
        return None

    def _passed(self, index: int) -> int:
        """How often any replica has come by the point since it was armed, this time included."""
        mark = f"{self._read_at}/{index}"
        with self._path.with_suffix(PASSED).open("a+") as passed:
            fcntl.flock(passed, fcntl.LOCK_EX)
            passed.write(f"{mark}\n")
            passed.flush()
            passed.seek(0)
            return passed.read().split().count(mark)

    def note(self, name: str) -> None:
        """Tells the test, also when this process has no time left to say anything."""
        with self._path.with_suffix(FIRED).open("a") as fired:
            fired.write(f"{os.getpid()} {name}\n")

    async def reach(self, name: str) -> str:
        """Passes a point; answers the action that its seam has to carry out, or nothing."""
        point = self.take(name)
        if point is None:
            return ""
        self.note(name)
        if point.action == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if point.action == "delay":
            await asyncio.sleep(point.argument)
        return point.action

    def _read(self) -> None:
        try:
            changed_at = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return
        if changed_at != self._read_at:
            self._read_at = changed_at
            lines = self._path.read_text().splitlines()
            self._armed = [Failpoint.parse(line) for line in lines if line.strip()]


def install(points: Failpoints) -> None:
    """Wraps the seams; from now on every service composed in this process has them."""
    _wrap_calls(points)
    _wrap_handlers(points)
    _wrap_batches()
    _wrap_commits(points)
    _wrap_publishing(points)
    _wrap_consuming(points)


def _wrap_calls(points: Failpoints) -> None:
    call = Client.call

    @functools.wraps(call)
    async def reaching(self: Client, name: str, *arguments: Any, **options: Any) -> Any:
        await points.reach(f"call.before.{name}")
        answer = await call(self, name, *arguments, **options)
        await points.reach(f"call.after.{name}")
        return answer

    Client.call = reaching  # type: ignore[method-assign]  # what a failpoint is


def _wrap_handlers(points: Failpoints) -> None:
    handler = Pipeline.handler

    def reaching(self: Pipeline, procedure: Procedure) -> Any:
        made: Any = handler(self, procedure)
        if procedure.shape in (Shape.STREAM, Shape.UPLOAD):
            return made
        name, serve = procedure.name.rpartition("/")[2], made.unary_unary

        async def handle(payload: bytes, context: Any) -> bytes:
            _cause.set(name)
            await points.reach(f"handle.before.{name}")
            answer: bytes = await serve(payload, context)
            await points.reach(f"handle.after.{name}")
            return answer

        return grpc.unary_unary_rpc_method_handler(handle)

    Pipeline.handler = reaching  # type: ignore[method-assign]  # what a failpoint is


def _wrap_batches() -> None:
    """Calls that are decided together run in a context of their own: it, too, has a cause."""
    carry_out = Gathering.carry_out

    async def carrying(self: Gathering, batch: Any, **how: bool) -> None:
        scopes = [one.key.scope for one in batch if one.key is not None]
        if scopes:
            _cause.set(scopes[0].rpartition("/")[2])
        await carry_out(self, batch, **how)

    Gathering.carry_out = carrying  # type: ignore[method-assign]  # what a failpoint is


class _Reaching(AbstractAsyncContextManager[Session]):
    """A transaction that passes a point before and after it is committed."""

    def __init__(self, inner: AbstractAsyncContextManager[Session], points: Failpoints) -> None:
        self._inner = inner
        self._points = points

    async def __aenter__(self) -> Session:
        return await self._inner.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            cause = _cause.get()
            if await self._points.reach(f"commit.before.{cause}") == "error":
                refused = asyncpg.SerializationError("could not serialize access (failpoint)")
                await self._inner.__aexit__(type(refused), refused, None)
                raise refused
        await self._inner.__aexit__(kind, error, traceback)
        if error is None:
            await self._points.reach(f"commit.after.{cause}")


def _wrap_commits(points: Failpoints) -> None:
    begin = Transactions.__call__

    def reaching(self: Transactions) -> AbstractAsyncContextManager[Session]:
        return _Reaching(begin(self), points)

    Transactions.__call__ = reaching  # type: ignore[method-assign]  # what a failpoint is


def _wrap_publishing(points: Failpoints) -> None:
    publish = Publisher.publish

    async def reaching(self: Publisher, *chains: Chain, patience: float = 5.0) -> list[Stored]:
        await points.reach("publish.before")
        stored = await publish(self, *chains, patience=patience)
        action = await points.reach("publish.after")
        if action == "dup":
            again = [_once_more(*each) for each in zip(chains, stored, strict=True)]
            await publish(self, *again, patience=patience)
        if action == "error":
            raise BusUnavailable("the acknowledgements were lost (failpoint)")
        return stored

    Publisher.publish = reaching  # type: ignore[method-assign]  # what a failpoint is


def _once_more(chain: Chain, stored: Stored) -> Chain:
    """Behind its own end, under other message ids: the relay does not know of it."""
    messages = [replace(each, id=str(uuid7())) for each in chain.messages]
    return replace(chain, after=stored.last, messages=messages)


def _wrap_consuming(points: Failpoints) -> None:
    take_in: Callable[..., Awaitable[int]] = Inbox.take_in
    following = Pull.next

    async def taking(self: Inbox, session: Session, events: Sequence[Delivered]) -> int:
        _cause.set(events[-1].type.rpartition(".")[2])
        return await take_in(self, session, events)

    async def pulling(self: Pull, pace: Pace | None = None) -> list[Message]:
        await points.reach(f"pull.before.{_cause.get()}")
        return await following(self, pace)

    Inbox.take_in = taking  # type: ignore[method-assign]  # what a failpoint is
    Pull.next = pulling  # type: ignore[method-assign]  # what a failpoint is


def main() -> None:
    """Become the service that is named, with its points installed."""
    folder, package, *arguments = sys.argv[1:]
    install(Failpoints(Path(folder) / package))
    sys.argv = [package, *arguments]
    runpy.run_module(package, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
