"""What other systems have told, in the database."""

from __future__ import annotations

from collections.abc import Sequence

from comptoir_inventory.domain.stock import Place
from comptoir_runtime.database import Session

# Answers the newest sequence: another one than was asked for means that this file is too old.
BEGIN = """
INSERT INTO stock_import AS i (source, sequence, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (source) DO UPDATE
    SET sequence = greatest(i.sequence, excluded.sequence), updated_at = excluded.updated_at
RETURNING sequence
"""
# Only places of which no file as new as this one has told before.
TAKE_OVER = """
INSERT INTO imported_place AS i (source, sku, location, sequence, attempt)
SELECT $1, sku, location, $2, $5 FROM unnest($3::text[], $4::text[]) AS w (sku, location)
ORDER BY sku, location
ON CONFLICT (source, sku, location) DO UPDATE
    SET sequence = excluded.sequence, attempt = excluded.attempt
    WHERE i.sequence < excluded.sequence
RETURNING sku, location
"""
TOLD = """
SELECT i.sku, i.location FROM imported_place i
JOIN unnest($3::text[], $4::text[]) AS w (sku, location) USING (sku, location)
WHERE i.source = $1 AND i.attempt = $2
"""
KNOWN = "SELECT code FROM location WHERE code = ANY($1::text[])"


async def begin(session: Session, source: str, sequence: int) -> int:
    """Notes that a file is being taken over; answers the newest sequence of the source."""
    newest: int = await session.fetchval(BEGIN, source, sequence, session.clock.now())
    return newest


async def take_over(
    session: Session, source: str, sequence: int, attempt: str, places: Sequence[Place]
) -> set[Place]:
    """The places that this file is the newest to tell of; noted with the attempt to send it."""
    rows = await session.fetch(TAKE_OVER, source, sequence, *_columns(places), attempt)
    return {(row["sku"], row["location"]) for row in rows}


async def told(session: Session, source: str, attempt: str, places: Sequence[Place]) -> set[Place]:
    """Those of the places of which the same attempt has told before."""
    rows = await session.fetch(TOLD, source, attempt, *_columns(places))
    return {(row["sku"], row["location"]) for row in rows}


async def known(session: Session, codes: Sequence[str]) -> set[str]:
    """Those of the codes that are locations."""
    return {row["code"] for row in await session.fetch(KNOWN, list(codes))}


def _columns(places: Sequence[Place]) -> tuple[list[str], list[str]]:
    return [sku for sku, _ in places], [location for _, location in places]
