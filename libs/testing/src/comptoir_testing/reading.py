"""How much a question reads: what an index finds is not looked for among everything."""

from comptoir_runtime.database import Session

_READ = """
SELECT sum(seq_tup_read + idx_tup_fetch) FROM pg_stat_xact_user_tables WHERE relname = $1"""


async def rows_read(session: Session, table: str) -> int:
    """Rows of a table that this transaction has read so far."""
    rows: int = await session.fetchval(_READ, table)
    return rows
