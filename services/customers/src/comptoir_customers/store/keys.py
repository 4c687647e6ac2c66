"""Signing keys, in the database."""

from __future__ import annotations

from datetime import datetime

from comptoir_customers.domain.keys import KeyRecord
from comptoir_runtime.database import Session

# Two replicas that start together must not both make the first key.
LOCK = "SELECT pg_advisory_xact_lock(7207102)"
ALL = "SELECT kid, private_pem, jwk, signs_from, signs_until FROM signing_key ORDER BY signs_from"
INSERT = """
INSERT INTO signing_key (kid, private_pem, jwk, signs_from) VALUES ($1, $2, $3, $4)
"""
END = "UPDATE signing_key SET signs_until = $2 WHERE kid = $1"


async def lock(session: Session) -> None:
    """Keeps other replicas from making keys until the transaction ends."""
    await session.execute(LOCK)


async def all_keys(session: Session) -> list[KeyRecord]:
    """Every key, the oldest first."""
    return [
        KeyRecord(row["kid"], row["private_pem"], row["jwk"], row["signs_from"], row["signs_until"])
        for row in await session.fetch(ALL)
    ]


async def insert(session: Session, key: KeyRecord) -> None:
    """Stores a new key."""
    await session.execute(INSERT, key.kid, key.private_pem, key.jwk, key.signs_from)


async def end(session: Session, kid: str, signs_until: datetime) -> None:
    """Tells when a key signs its last token."""
    await session.execute(END, kid, signs_until)
