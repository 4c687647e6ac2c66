"""Calls that wait for the same procedure, carried out together: one transaction, one commit.

While a batch is being carried out the next one gathers; when nothing is under way a call begins
at once. What waits for nobody is never kept waiting: a batch takes no lock that another
transaction holds. Calls that need one are answered `Later` and come together again in a second
lane, whose batches do wait.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import TypeAlias

import asyncpg
from google.protobuf.message import Message

from comptoir_runtime import idempotency
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import DatabaseUnavailable, Failure, Overloaded
from comptoir_runtime.idempotency import RequestKey
from comptoir_runtime.rpc.call import Call

MOST = 100
"""Calls in one batch."""
# How many calls of a batch that failed are tried on their own at the same time.
_ALONE = 4


@dataclass(frozen=True, slots=True)
class Later:
    """Not in this batch: something is held by somebody else, or `first` has to be done before."""

    first: Callable[[], Awaitable[object]] | None = None


Outcome: TypeAlias = Message | Failure | Later


@dataclass(frozen=True, slots=True)
class Batch:
    """What a procedure knows about the calls it decides together, first come first."""

    session: Session
    calls: Sequence[Call]
    waits: bool
    """Whether it may wait for locks. If so, `Later` is no answer."""
    again: bool = False
    """Whether its one call met what an earlier call has stored: its answer may be forgotten."""


Function: TypeAlias = Callable[[Sequence[Message], Batch], Awaitable[Sequence[Outcome]]]


@dataclass(frozen=True, slots=True)
class Answered:
    """The bytes to answer with, and whether they were stored by an earlier call."""

    body: bytes
    replayed: bool = False


@dataclass(slots=True, eq=False)
class _Waiting:
    request: Message
    call: Call
    key: RequestKey | None
    answer: "asyncio.Future[Answered]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )

    def settle(self, outcome: Answered | BaseException) -> None:
        if self.answer.done():  # the caller has gone
            return
        if isinstance(outcome, Answered):
            self.answer.set_result(outcome)
        else:
            self.answer.set_exception(outcome)


class Gathering:
    """Brings the calls of one procedure together; made inside or outside the event loop."""

    def __init__(self, function: Function, transactions: Transactions) -> None:
        self._function = function
        self._transactions = transactions
        self._quick = _Lane(self, waits=False)
        self._patient = _Lane(self, waits=True)

    async def answer(self, request: Message, call: Call, key: RequestKey | None) -> Answered:
        """The answer to one call; raises its refusal. `key` makes it repeatable."""
        waiting = _Waiting(request, call, key)
        self._quick.join(waiting)
        return await waiting.answer

    async def carry_out(
        self, batch: Sequence[_Waiting], *, waits: bool, again: bool = False
    ) -> None:
        """Settles every call of the batch, or hands it to the lane that waits."""
        try:
            outcomes = await self._transactions.run(
                lambda session: self._run(session, batch, waits, again)
            )
        except (Overloaded, DatabaseUnavailable) as error:
            _settle(batch, error)  # nothing was tried; asking again would only add to its troubles
        except Exception as error:  # noqa: BLE001 - each caller gets it, or its own answer
            await self._apart(batch, error, waits, again)
        else:
            await self._tell(batch, outcomes)

    async def _run(
        self, session: Session, batch: Sequence[_Waiting], waits: bool, again: bool
    ) -> list[Answered | Failure | Later]:
        calls = [one.call for one in batch]
        outcomes = await self._function(
            [one.request for one in batch], Batch(session, calls, waits, again)
        )
        told: list[Answered | Failure | Later] = []
        for one, outcome in zip(batch, outcomes, strict=True):
            if not isinstance(outcome, Message):
                told.append(outcome)
                continue
            body = outcome.SerializeToString()
            if one.key is not None:
                session.remember_answer(
                    one.key.scope, one.key.caller, one.key.key, one.key.request_hash, body
                )
            told.append(Answered(body))
        return told

    async def _tell(
        self, batch: Sequence[_Waiting], outcomes: Sequence[Answered | Failure | Later]
    ) -> None:
        refused: list[tuple[_Waiting, Failure]] = []
        for one, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Later):
                self._patient.join(one, outcome.first)
            elif isinstance(outcome, Failure):
                refused.append((one, outcome))
            else:
                one.settle(outcome)
        known = await self._recall([one for one, _ in refused])
        for one, failure in refused:
            one.settle(known.get(one, failure))

    async def _apart(
        self, batch: Sequence[_Waiting], error: Exception, waits: bool, again: bool
    ) -> None:
        """After an error nobody foresaw: those carried out before, the others again, then alone."""
        known = await self._recall(batch) if _may_be_repeated(error) else {}
        for one, outcome in known.items():
            one.settle(outcome)
        rest = [one for one in batch if one not in known]
        if rest and len(batch) == 1 and not again and _is_there_before(error):
            await self.carry_out(rest, waits=waits, again=True)
        elif len(batch) == 1:
            _settle(rest, error)
        elif known:
            await self.carry_out(rest, waits=waits)
        else:
            gate = asyncio.Semaphore(_ALONE)

            async def alone(one: _Waiting) -> None:
                async with gate:
                    await self.carry_out([one], waits=waits)

            await asyncio.gather(*map(alone, rest))

    async def _recall(self, batch: Sequence[_Waiting]) -> dict[_Waiting, Answered | BaseException]:
        """What earlier calls with the same request ids were answered, for those there were."""
        keyed = [(one, one.key) for one in batch if one.key is not None]
        if not keyed:
            return {}
        try:
            stored = await idempotency.recall_many(self._transactions, [key for _, key in keyed])
        except Exception as error:  # noqa: BLE001 - each caller is told
            return {one: error for one, _ in keyed}
        return {
            one: Answered(found, replayed=True) if isinstance(found, bytes) else found
            for (one, _), found in zip(keyed, stored, strict=True)
            if found is not None
        }


class _Lane:
    """One batch at a time; the next one gathers meanwhile."""

    def __init__(self, gathering: Gathering, *, waits: bool) -> None:
        self._gathering = gathering
        self._waits = waits
        self._waiting: list[_Waiting] = []
        self._first: set[Callable[[], Awaitable[object]]] = set()
        self._work: asyncio.Task[None] | None = None

    def join(self, one: _Waiting, first: Callable[[], Awaitable[object]] | None = None) -> None:
        self._waiting.append(one)
        if first is not None:
            self._first.add(first)
        if self._work is None:
            # A context of its own: the deadline and the trace of one caller are not everybody's.
            loop = asyncio.get_running_loop()
            self._work = loop.create_task(self._carry_on(), context=Context())

    async def _carry_on(self) -> None:
        try:
            while self._waiting:
                first, self._first = self._first, set()
                batch = self._take()
                if not batch:  # all of them have gone
                    continue
                try:
                    for action in first:
                        await action()
                    await self._gathering.carry_out(batch, waits=self._waits)
                except Exception as error:  # noqa: BLE001 - each caller is told
                    _settle(batch, error)
        finally:
            self._work = None

    def _take(self) -> list[_Waiting]:
        """The first calls; one that repeats another waits for its answer to be stored."""
        batch: list[_Waiting] = []
        left: list[_Waiting] = []
        keys: set[tuple[str, str]] = set()
        for one in self._waiting:
            if one.answer.done():
                continue
            name = None if one.key is None else (one.key.caller, one.key.key)
            if len(batch) == MOST or name in keys:
                left.append(one)
                continue
            if name is not None:
                keys.add(name)
            batch.append(one)
        self._waiting = left
        return batch


def _settle(batch: Sequence[_Waiting], error: Exception) -> None:
    for one in batch:
        one.settle(error)


def _is_there_before(error: Exception) -> bool:
    """A key of the procedure's own was given before; answers are forgotten sooner than that."""
    return isinstance(error, asyncpg.UniqueViolationError)


def _may_be_repeated(error: Exception) -> bool:
    return isinstance(error, (Failure, asyncpg.PostgresError))
