"""One drive of a placement: what is written of it, and what has become of it since."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from comptoir_orders import errors
from comptoir_orders.domain.orders import Quote
from comptoir_orders.domain.placement import Outcome, State
from comptoir_orders.domain.processes import PlacementData
from comptoir_orders.store.processes import Process
from comptoir_runtime.database import Session, Transactions
from comptoir_runtime.errors import Failure, Overloaded

T = TypeVar("T")
_PAUSES_SECONDS = (0.05, 0.2)


@dataclass(slots=True)
class Run:
    """`saved` is the row as written last; `state` and `data` are ahead of it between writes."""

    saved: Process
    state: State
    data: PlacementData
    trouble: str = ""
    """Why the last step was tried in vain, when it is to be tried again."""

    @property
    def quote(self) -> Quote:
        assert self.data.quote is not None, "known since the cart was locked"
        return self.data.quote

    @property
    def hold_until(self) -> datetime:
        assert self.data.hold_until is not None, "known since the sources were chosen"
        return self.data.hold_until

    @property
    def reserve_key(self) -> str:
        """Another plan is another request, and so is another channel.

        In rows of before stock was told there is none: what was asked for then is asked for again.
        """
        key = f"{self.saved.id}/reserve/{self.data.plan_number}"
        return f"{key}/{self.data.channel}" if self.data.channel else key

    @property
    def stock_owner(self) -> str:
        return f"order/{self.saved.order}"

    def note(self, **changes: Any) -> None:
        """Keeps what a step has found out."""
        self.data = replace(self.data, **changes)

    def in_vain(self, outcome: Outcome, failure: Failure) -> Outcome:
        """Keeps why a step has to be tried again, for people who look at its row."""
        self.trouble = errors.cause(failure)
        return outcome

    def refuse(self, outcome: Outcome, failure: Failure) -> Outcome:
        """Keeps why, for the caller and for whoever asks again."""
        self.note(refusal=errors.kept(failure))
        return outcome

    def after(
        self,
        state: State,
        data: PlacementData,
        next_run_at: datetime | None,
        *,
        attempts: int = 0,
        until: datetime | None = None,
    ) -> Process:
        """The row as it is to be written."""
        return replace(
            self.saved,
            state=state,
            document=data,
            next_run_at=next_run_at,
            attempts=attempts,
            trouble=self.trouble,
            deadline=until or self.saved.deadline,
            driven=next_run_at is not None,
        )


async def written(transactions: Transactions, body: Callable[[Session], Awaitable[T]]) -> T:
    """Runs `body` in a transaction; again when it collided, or when no connection was free.

    Neither has had an effect. A connection that is lost while it commits is another matter: then
    the row tells whoever takes over.
    """
    return await _when_there_is_room(lambda: transactions.run(body))


async def noted(transactions: Transactions, statement: Callable[[Session], Awaitable[T]]) -> T:
    """Runs one statement that needs no transaction around it: a guarded write of one row."""

    async def run() -> T:
        async with transactions.reading() as session:
            return await statement(session)

    return await _when_there_is_room(run)


async def _when_there_is_room(attempt: Callable[[], Awaitable[T]]) -> T:
    for pause in _PAUSES_SECONDS:
        try:
            return await attempt()
        except Overloaded:
            await asyncio.sleep(pause)
    return await attempt()


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """Tries again a little later while no answer comes: only for what is safe to repeat."""
    for pause in _PAUSES_SECONDS:
        try:
            return await call()
        except errors.OutcomeUnknown:
            await asyncio.sleep(pause)
    return await call()
