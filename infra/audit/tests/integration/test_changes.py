"""What has changed is found by indexes: a minute's look costs no more when tables are large."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from comptoir_audit.invariants.changes import VIEWS
from comptoir_audit.scope import Scope
from infra.audit.tests.integration.world import World

# The first waits for six migrations, on a machine that may be busy.
pytestmark = pytest.mark.timeout(480)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("orders", "changed_orders"),
        ("orders", "begun_orders"),
        ("payments", "changed_payments"),
        ("payments", "changed_purses"),
        ("cart", "changed_uses"),
        ("inventory", "changed_places"),
    ],
)
async def test_no_table_is_read_whole(world: World, service: str, name: str) -> None:
    since = datetime.now(UTC) - timedelta(minutes=1)
    text, values = Scope(since, views=VIEWS).statement(f"EXPLAIN SELECT * FROM @{name} AS c")
    with world.damaged({}) as urls:
        connection = await asyncpg.connect(urls[service], server_settings={"enable_seqscan": "off"})
        try:
            plan = [row[0] for row in await connection.fetch(text, *values)]
        finally:
            await connection.close()
    assert not [step for step in plan if "Seq Scan" in step], "\n".join(plan)
