"""Up to where a type that is new to a consumer is history."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from comptoir_runtime.arrivals import Entry
from comptoir_runtime.bus import Bus
from comptoir_runtime.bus.connection import Message
from comptoir_runtime.clock import ManualClock
from comptoir_runtime.database import Transactions
from comptoir_runtime.ids import uuid7
from comptoir_runtime.inbox import Delivered, Inbox
from comptoir_runtime.missing import Intervals, Missing


class FakeInbox:
    names = ("new",)

    def __init__(self) -> None:
        self.told = 0

    async def find_gaps(self, session: None, types: Sequence[str], told: int) -> list[Any]:
        self.told = told
        return []


class FakeTransactions:
    async def run(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        return await work(SimpleNamespace(clock=ManualClock(datetime(2026, 5, 1, tzinfo=UTC))))


@pytest.mark.parametrize(
    ("again", "deliveries", "nothing_forgotten", "history"),
    [(False, 1, True, 50), (False, 2, True, 0), (True, 1, True, 0), (False, 1, False, 0)],
)
async def test_is_said_by_what_comes_for_the_first_time(
    again: bool, deliveries: int, nothing_forgotten: bool, history: int
) -> None:
    """What is told again may be a month old, and all that was told since would be missing.

    And a database that is an older copy may never have seen a type of which it has acknowledged
    facts: those must be asked for first.
    """
    inbox = FakeInbox()
    missing = Missing(
        cast(Bus, None),
        cast(Transactions, FakeTransactions()),
        cast(Inbox, inbox),
        Intervals(gap_check_interval=0),
    )
    event_id = uuid7()
    headers = {"ce-id": str(event_id), "Nats-Msg-Id": str(uuid7() if again else event_id)}
    event = Delivered(event_id, "old", "subject", b"", 50, 49, headers)

    missing.arrived(Entry(Message(cast(Any, None), headers=headers), event, deliveries))
    await missing.look((), SimpleNamespace(nothing=nothing_forgotten))

    assert inbox.told == history
