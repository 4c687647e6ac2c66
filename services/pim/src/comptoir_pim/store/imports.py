"""Imports: files in pieces, progress, errors, and who is working on them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from comptoir_runtime.database import Session

RECEIVING = 0
QUEUED = 1
RUNNING = 2
FINISHED = 3
FAILED = 4

ERROR = 1
WARNING = 2

CREATE = "INSERT INTO imports (id, state, created_at) VALUES ($1, $2, $3)"
QUEUE = "UPDATE imports SET state = 1 WHERE id = $1 AND state = 0"
ADD_FILE = "INSERT INTO import_files (import_id, ordinal, name, done) VALUES ($1, $2, $3, false)"
ADD_PIECE = """
INSERT INTO import_chunks (import_id, ordinal, piece, content) VALUES ($1, $2, $3, $4)
"""
GET = """
SELECT i.*,
  (SELECT count(*) FROM import_errors e WHERE e.import_id = i.id AND e.severity = 2) AS warnings
FROM imports i WHERE i.id = $1
"""
FILES = "SELECT * FROM import_files WHERE import_id = $1 ORDER BY ordinal"
ERRORS = """
SELECT f.name, e.* FROM import_errors e
JOIN import_files f ON f.import_id = e.import_id AND f.ordinal = e.ordinal
WHERE e.import_id = $1 AND (e.ordinal, e.line, e.number) > ($2::bigint, $3::bigint, $4::bigint)
ORDER BY e.ordinal, e.line, e.number LIMIT $5
"""
# One at a time: files of one import may rest on those of the one before.
CLAIM = """
UPDATE imports SET state = 2, lease_owner = $1, lease_until = $3
WHERE id = (SELECT id FROM imports WHERE state IN (1, 2) ORDER BY created_at, id LIMIT 1
  FOR UPDATE SKIP LOCKED)
  AND (lease_until IS NULL OR lease_until < $2 OR lease_owner = $1)
RETURNING id
"""
KEEP = """
UPDATE imports SET lease_until = $3, attempts = 0, created_count = created_count + $4,
  updated_count = updated_count + $5, unchanged_count = unchanged_count + $6
WHERE id = $1 AND lease_owner = $2 AND state = 2
"""
RETRY = """
UPDATE imports SET attempts = attempts + 1, lease_until = $3
WHERE id = $1 AND lease_owner = $2 AND state = 2 RETURNING attempts
"""
END = """
UPDATE imports SET state = $3, finished_at = $4, lease_owner = NULL, lease_until = NULL
WHERE id = $1 AND lease_owner = $2 AND state = 2
"""
PROGRESS = """
UPDATE import_files SET row_count = $3, read_count = $4, error_count = error_count + $5, done = $6
WHERE import_id = $1 AND ordinal = $2
"""
ADD_ERRORS = """
INSERT INTO import_errors
  (import_id, ordinal, line, number, column_name, content, reason, severity)
SELECT $1::text, $2::smallint, * FROM unnest(
  $3::integer[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::smallint[])
"""
PIECE = "SELECT content FROM import_chunks WHERE import_id = $1 AND ordinal = $2 AND piece = $3"
# A file that could not be read has no rows and an error that says why.
ALL_UNREADABLE = """
SELECT NOT EXISTS (SELECT FROM import_files f WHERE f.import_id = $1
  AND (f.row_count > 0 OR NOT EXISTS (SELECT FROM import_errors e
    WHERE e.import_id = f.import_id AND e.ordinal = f.ordinal AND e.severity = 1)))
"""
DROP_PIECES = "DELETE FROM import_chunks WHERE import_id = $1"
ABANDONED = """
WITH gone AS (DELETE FROM imports WHERE state = 0 AND created_at < $1 RETURNING id),
  files AS (DELETE FROM import_files USING gone WHERE import_id = gone.id)
DELETE FROM import_chunks USING gone WHERE import_id = gone.id
"""


class LeaseLost(Exception):
    """Another process is working on this import now."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of an import; counts are rows."""

    ordinal: int
    name: str
    row_count: int
    read_count: int
    error_count: int
    done: bool


@dataclass(frozen=True, slots=True)
class Import:
    """One import with its files; counts are records."""

    id: str
    state: int
    created_count: int
    updated_count: int
    unchanged_count: int
    warning_count: int
    files: tuple[File, ...]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one row; `number` tells those of one line apart."""

    ordinal: int
    line: int
    number: int
    column: str
    value: str
    reason: str
    severity: int
    file: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Records written by one batch."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0


async def create_import(session: Session, import_id: str, *, receiving: bool) -> None:
    """Notes a new import."""
    state = RECEIVING if receiving else QUEUED
    await session.execute(CREATE, import_id, state, session.clock.now())


async def queue_import(session: Session, import_id: str) -> None:
    """All its files are there."""
    await session.execute(QUEUE, import_id)


async def add_file(session: Session, import_id: str, ordinal: int, name: str) -> None:
    """Notes a file; its pieces follow."""
    await session.execute(ADD_FILE, import_id, ordinal, name)


async def add_piece(
    session: Session, import_id: str, ordinal: int, piece: int, content: bytes
) -> None:
    """Keeps the next bytes of a file."""
    await session.execute(ADD_PIECE, import_id, ordinal, piece, content)


async def get_piece(session: Session, import_id: str, ordinal: int, piece: int) -> bytes | None:
    """A piece of a file; None after the last one."""
    content: bytes | None = await session.fetchval(PIECE, import_id, ordinal, piece)
    return content


async def get_import(session: Session, import_id: str) -> Import | None:
    """An import as far as it is."""
    row = await session.fetchrow(GET, import_id)
    if row is None:
        return None
    files = tuple(_file(each) for each in await session.fetch(FILES, import_id))
    return Import(
        id=row["id"],
        state=row["state"],
        created_count=row["created_count"],
        updated_count=row["updated_count"],
        unchanged_count=row["unchanged_count"],
        warning_count=row["warnings"],
        files=files,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )


async def list_errors(
    session: Session, import_id: str, after: tuple[int, int, int], limit: int
) -> list[RowError]:
    """What is wrong with rows, by file and line."""
    rows = await session.fetch(ERRORS, import_id, *after, limit)
    return [
        RowError(
            row["ordinal"],
            row["line"],
            row["number"],
            row["column_name"],
            row["content"],
            row["reason"],
            row["severity"],
            row["name"],
        )
        for row in rows
    ]


async def claim_import(session: Session, owner: str, lease: timedelta) -> str | None:
    """The oldest import that is not finished, unless somebody else is working on it."""
    now = session.clock.now()
    import_id: str | None = await session.fetchval(CLAIM, owner, now, now + lease)
    return import_id


async def keep_lease(
    session: Session, import_id: str, owner: str, lease: timedelta, counts: Counts
) -> None:
    """Counts what was written, and stays in charge; raises `LeaseLost` when somebody else is."""
    until = session.clock.now() + lease
    done = await session.execute(
        KEEP, import_id, owner, until, counts.created, counts.updated, counts.unchanged
    )
    if done != "UPDATE 1":
        raise LeaseLost(import_id)


async def note_attempt(session: Session, import_id: str, owner: str, pause: timedelta) -> int:
    """Counts a failure since the last progress; answers how many there were, 0 when not ours."""
    attempts: int | None = await session.fetchval(
        RETRY, import_id, owner, session.clock.now() + pause
    )
    return attempts or 0


async def all_unreadable(session: Session, import_id: str) -> bool:
    """Whether none of its files could be read."""
    return bool(await session.fetchval(ALL_UNREADABLE, import_id))


async def end_import(session: Session, import_id: str, owner: str, state: int) -> None:
    """Ends an import and forgets its pieces; raises `LeaseLost` when somebody else is on it."""
    if await session.execute(END, import_id, owner, state, session.clock.now()) != "UPDATE 1":
        raise LeaseLost(import_id)
    await session.execute(DROP_PIECES, import_id)


async def note_progress(
    session: Session,
    import_id: str,
    ordinal: int,
    *,
    rows: int,
    read: int,
    errors: int,
    done: bool,
) -> None:
    """How far a file is; `errors` are added."""
    await session.execute(PROGRESS, import_id, ordinal, rows, read, errors, done)


async def add_errors(
    session: Session, import_id: str, ordinal: int, errors: Sequence[RowError]
) -> None:
    """Keeps what is wrong with rows of a file."""
    if errors:
        await session.execute(
            ADD_ERRORS,
            import_id,
            ordinal,
            [each.line for each in errors],
            [each.number for each in errors],
            [each.column for each in errors],
            [each.value for each in errors],
            [each.reason for each in errors],
            [each.severity for each in errors],
        )


async def drop_abandoned(session: Session, before: datetime) -> None:
    """Forgets uploads that were never completed."""
    await session.execute(ABANDONED, before)


def _file(row: Any) -> File:
    return File(
        ordinal=row["ordinal"],
        name=row["name"],
        row_count=row["row_count"],
        read_count=row["read_count"],
        error_count=row["error_count"],
        done=row["done"],
    )
