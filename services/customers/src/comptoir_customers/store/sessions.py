"""Sessions, refresh tokens and attempts, in the database."""

from __future__ import annotations

from datetime import datetime

from comptoir_customers.domain.sessions import Attempts, RefreshToken, SessionRecord
from comptoir_runtime.database import Row, Session

INSERT_SESSION = """
INSERT INTO session (id, kind, subject, visitor, created_at) VALUES ($1, $2, $3, $4, $5)
"""
GET_SESSION = "SELECT id, kind, subject, visitor, created_at, ended_at FROM session WHERE id = $1"
END_SESSION = "UPDATE session SET ended_at = $2 WHERE id = $1 AND ended_at IS NULL"
INSERT_REFRESH = """
INSERT INTO refresh_token (digest, nonce, session, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO NOTHING
"""
LOCK_REFRESH = """
SELECT digest, nonce, session, expires_at, spent_at FROM refresh_token WHERE digest = $1 FOR UPDATE
"""
SPEND_REFRESH = "UPDATE refresh_token SET spent_at = $2 WHERE digest = $1"
# An attempt after the window begins a new one.
COUNT_ATTEMPT = """
INSERT INTO attempt AS a (account, failures, since) VALUES ($1, 1, $2)
ON CONFLICT (account) DO UPDATE SET
    failures = CASE WHEN a.since < $3 THEN 1 ELSE a.failures + 1 END,
    since = CASE WHEN a.since < $3 THEN excluded.since ELSE a.since END
RETURNING failures, since
"""
FORGET_FAILURES = "DELETE FROM attempt WHERE account = $1"


async def insert_session(session: Session, record: SessionRecord) -> None:
    """Stores a new family of tokens."""
    await session.execute(
        INSERT_SESSION, record.id, record.kind, record.subject, record.visitor, record.created_at
    )


async def get_session(session: Session, session_id: str) -> SessionRecord | None:
    """The session, ended or not."""
    row = await session.fetchrow(GET_SESSION, session_id)
    return None if row is None else _record(row)


async def end_session(session: Session, session_id: str, now: datetime) -> None:
    """Ends a session; its refresh tokens are refused from now on."""
    await session.execute(END_SESSION, session_id, now)


async def insert_token(session: Session, token: RefreshToken) -> None:
    """Stores a refresh token; one that is stored already stays as it is."""
    await session.execute(
        INSERT_REFRESH, token.digest, token.nonce, token.session, token.expires_at
    )


async def lock_token(session: Session, digest: bytes) -> RefreshToken | None:
    """The refresh token, kept from others until the transaction ends."""
    row = await session.fetchrow(LOCK_REFRESH, digest)
    if row is None:
        return None
    return RefreshToken(
        row["digest"], row["nonce"], row["session"], row["expires_at"], row["spent_at"]
    )


async def spend_token(session: Session, digest: bytes, now: datetime) -> None:
    """Marks a locked refresh token as spent."""
    await session.execute(SPEND_REFRESH, digest, now)


async def count_attempt(
    session: Session, account: bytes, now: datetime, window_began: datetime
) -> Attempts:
    """Counts an attempt as failed until it has succeeded; answers how many there are now."""
    row = await session.fetchrow(COUNT_ATTEMPT, account, now, window_began)
    assert row is not None, "the statement always returns its row"
    return Attempts(row["failures"], row["since"])


async def forget_failures(session: Session, account: bytes) -> None:
    """Starts again at none, after a success."""
    await session.execute(FORGET_FAILURES, account)


def _record(row: Row) -> SessionRecord:
    return SessionRecord(
        row["id"],
        row["kind"],
        row["subject"],
        row["visitor"],
        row["created_at"],
        row["ended_at"],
    )
