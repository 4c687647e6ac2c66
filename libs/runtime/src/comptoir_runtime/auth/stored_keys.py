"""The public keys of user tokens, kept by every service in its own database."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from comptoir_runtime.auth.keys import USER_ISSUER, VerificationKey, verification_key

if TYPE_CHECKING:  # only shapes: auth stays importable without the database
    from comptoir_runtime.database import Session, Transactions

# Two replicas may take in two states of a key in either order: an end that is known stays known.
REMEMBER = """
INSERT INTO verification_key (kid, jwk, expires_at) VALUES ($1, $2, $3)
ON CONFLICT (kid) DO UPDATE SET expires_at = excluded.expires_at
WHERE verification_key.jwk = excluded.jwk AND verification_key.expires_at > excluded.expires_at
"""
# What the column says of a key that has no end yet; it sorts after every real one.
NO_END = datetime(9999, 1, 1, tzinfo=UTC)
LOAD = "SELECT jwk, expires_at FROM verification_key WHERE expires_at > $1"


async def remember_key(
    session: "Session", kid: str, jwk_json: str, expires: datetime | None
) -> None:
    """Trusts a key until it expires; None is for one that still signs and has no end yet.

    The key behind a known kid never changes, only its end.
    """
    jwk: dict[str, Any] = orjson.loads(jwk_json)
    if verification_key(jwk, USER_ISSUER).kid != kid:
        raise ValueError(f"the key calls itself {jwk['kid']!r}, not {kid!r}")
    await session.execute(REMEMBER, kid, jwk, expires or NO_END)


async def load_keys(transactions: "Transactions") -> list[VerificationKey]:
    """Every stored key that has not expired."""
    async with transactions.reading() as session:
        rows = await session.fetch(LOAD, session.clock.now())
    return [
        verification_key(row["jwk"], USER_ISSUER, row["expires_at"].timestamp()) for row in rows
    ]
