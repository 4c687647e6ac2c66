import asyncio

import pytest

from comptoir_runtime.errors import NetworkCallInTransaction
from comptoir_runtime.guard import inside_transaction, outside_transaction


class TestGuard:
    def test_a_network_call_is_refused_inside_a_transaction_only(self) -> None:
        outside_transaction()
        with inside_transaction(), pytest.raises(NetworkCallInTransaction):
            outside_transaction()
        outside_transaction()

    async def test_the_mark_follows_into_tasks_started_inside(self) -> None:
        async def call() -> None:
            outside_transaction()

        with inside_transaction():
            inside = asyncio.create_task(call())
        with pytest.raises(NetworkCallInTransaction):
            await inside
        await asyncio.create_task(call())
