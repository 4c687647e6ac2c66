"""What the relay reads, when statistics are of a time when there was less."""

import asyncpg

from comptoir_runtime.ids import uuid7
from comptoir_runtime.outbox import statements
from libs.runtime.tests import sample
from libs.runtime.tests.integration.world import World

OLD = 2_000
PUBLISHED_LONG_AGO = """
INSERT INTO outbox (id, kind, subject, type, payload, headers,
                    producer_seq, previous_seq, stream_seq, published_at)
SELECT gen_random_uuid(), 1, 's', 't', '', '{}', n, n - 1, n, now()
FROM generate_series(1, $1::bigint) AS n"""
READ = """
SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'outbox'"""


async def test_what_was_published_is_not_read_again(
    world: World, migration: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    connection = await world.database.dedicated()
    await connection.execute(statements.PREPARE_CONNECTION)
    await migration.execute("ANALYZE outbox")
    nothing: tuple[list[object], ...] = ([uuid7()], [None], [None], [None], [], [], [])
    # From here on both statements have their plan: that for an empty table.
    assert await connection.fetch(statements.UNPUBLISHED, 500) == []
    assert await connection.execute(statements.PUBLISHED, *nothing) == "UPDATE 0"
    await migration.execute(PUBLISHED_LONG_AGO, OLD)
    await world.emit(*(sample.ThingHappened(thing_id=name) for name in "abc"))

    async with connection.transaction():
        ids = [row["id"] for row in await connection.fetch(statements.UNPUBLISHED, 500)]
        empty = [None] * len(ids)
        done = await connection.execute(statements.PUBLISHED, ids, empty, empty, empty, [], [], [])
        [(read, fetched)] = await connection.fetch(READ)

    assert (len(ids), done) == (3, "UPDATE 3")
    assert read == 0
    assert fetched <= 4 * len(ids)
    await connection.close()
