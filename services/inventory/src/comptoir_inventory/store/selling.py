"""Selling policies and supply, in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from comptoir_inventory.domain.selling import Arrival, Policy, Source, Supply, Terms
from comptoir_inventory.domain.stock import Quantity
from comptoir_inventory.store.offers import policy_of
from comptoir_runtime.database import Row, Session, Where

_POLICY = "sku, backorder, backorder_until, preorder_at, max_per_order"
# So that there is something to lock, and of two first policies one comes after the other.
MAKE_POLICY = """
INSERT INTO selling_policy (sku, backorder, max_per_order, version) VALUES ($1, 1, 0, 0)
ON CONFLICT DO NOTHING
"""
LOCK_POLICY = "SELECT version FROM selling_policy WHERE sku = $1 FOR UPDATE"
SAVE_POLICY = """
UPDATE selling_policy SET backorder = $2, backorder_until = $3, preorder_at = $4,
    max_per_order = $5, version = $6
WHERE sku = $1
"""
POLICIES = f"SELECT {_POLICY}, version FROM selling_policy WHERE sku = ANY($1::text[])"
RELEASED = """
SELECT sku FROM selling_policy
WHERE preorder_at IS NOT NULL AND preorder_at > $1 AND preorder_at <= $2
"""
ARRIVALS = """
SELECT sku, location, units, expected_at FROM supply WHERE sku = ANY($1::text[])
ORDER BY expected_at, reference
"""
_SUPPLY = "sku, location, reference, units, source, expected_at"
CALL_OFF = """
DELETE FROM supply s
USING unnest($1::text[], $2::text[], $3::text[]) AS w (sku, location, reference)
WHERE s.sku = w.sku AND s.location = w.location AND s.reference = w.reference
"""
ANNOUNCE = f"""
INSERT INTO supply ({_SUPPLY})
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::smallint[],
                     $6::timestamptz[]) AS w ({_SUPPLY})
WHERE units > 0 ORDER BY sku, location, reference
"""
# What came under a reference is expected no more; the rest still is.
ARRIVED = """
WITH arrived AS (
    SELECT s.sku, s.location, s.reference, s.units - w.units AS rest
    FROM supply s
    JOIN unnest($2::text[], $3::text[], $4::int[]) AS w (sku, location, units)
        USING (sku, location)
    WHERE s.reference = $1 ORDER BY s.sku, s.location FOR UPDATE OF s
),
gone AS (
    DELETE FROM supply s USING arrived a WHERE a.rest <= 0
        AND s.sku = a.sku AND s.location = a.location AND s.reference = a.reference
)
UPDATE supply s SET units = a.rest FROM arrived a WHERE a.rest > 0
    AND s.sku = a.sku AND s.location = a.location AND s.reference = a.reference
"""


async def lock_policy(session: Session, sku: str) -> int:
    """The version of a sku's policy, kept from others; 0 when it has none, and must get one."""
    await session.execute(MAKE_POLICY, sku)
    version: int = await session.fetchval(LOCK_POLICY, sku)
    return version


async def save_policy(session: Session, policy: Policy) -> None:
    """Stores the policy in place of the one that was locked."""
    await session.execute(
        SAVE_POLICY,
        policy.sku,
        int(policy.backorder),
        policy.backorder_until,
        policy.preorder_at,
        policy.max_per_order,
        policy.version,
    )


async def released(session: Session, after: datetime, until: datetime) -> list[str]:
    """Skus that could be sold in advance until a moment of this time."""
    return sorted(row["sku"] for row in await session.fetch(RELEASED, after, until))


async def terms(session: Session, skus: Sequence[str]) -> dict[str, Terms]:
    """Policies with what is expected, of those skus that have a policy."""
    policies = await session.fetch(POLICIES, list(skus))
    if not policies:
        return {}
    expected: dict[str, dict[str, tuple[Arrival, ...]]] = defaultdict(dict)
    for row in await session.fetch(ARRIVALS, [row["sku"] for row in policies]):
        places = expected[row["sku"]]
        arrival = Arrival(row["units"], row["expected_at"])
        places[row["location"]] = (*places.get(row["location"], ()), arrival)
    return {row["sku"]: Terms(policy_of(row), expected[row["sku"]]) for row in policies}


async def announce(session: Session, supply: Sequence[Supply]) -> None:
    """Replaces what was expected of each sku, location and reference."""
    columns = [
        [each.sku for each in supply],
        [each.location for each in supply],
        [each.reference for each in supply],
    ]
    await session.execute(CALL_OFF, *columns)
    await session.execute(
        ANNOUNCE,
        *columns,
        [each.units for each in supply],
        [int(each.source) for each in supply],
        [each.expected_at for each in supply],
    )


async def arrived(session: Session, reference: str, lines: Sequence[Quantity]) -> None:
    """Takes what came off what is expected under the reference."""
    await session.execute(
        ARRIVED,
        reference,
        [line.sku for line in lines],
        [line.location for line in lines],
        [line.units for line in lines],
    )


async def page(
    session: Session, sku: str, location: str, after: tuple[datetime, str, str, str], size: int
) -> list[Supply]:
    """What is expected, soonest first."""
    where = Where()
    where.add("(expected_at, sku, location, reference) > ({}, {}, {}, {})", *after)
    if sku:
        where.add("sku = {}", sku)
    if location:
        where.add("location = {}", location)
    most = where.parameter(size)
    rows = await session.fetch(
        f"SELECT {_SUPPLY} FROM supply {where}"
        f" ORDER BY expected_at, sku, location, reference LIMIT {most}",
        *where.values,
    )
    return [_supply(row) for row in rows]


def _supply(row: Row) -> Supply:
    return Supply(
        row["sku"],
        row["location"],
        row["reference"],
        row["units"],
        Source(row["source"]),
        row["expected_at"],
    )
