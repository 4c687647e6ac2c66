"""What of the books a client's own journal can be compared with, and whether they are at rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import orjson

from comptoir_audit.audit import audit
from comptoir_audit.invariants.events import E2, E2_PUBLISHED, E3
from comptoir_audit.sources import Connections
from tests.faults.world import World

# Records of asyncpg, or mappings with the same keys.
Rows = Sequence[Any]

AT_ONCE = timedelta(0)
"""Nothing is in flight where nothing is left to be done."""
# What has been begun and waits for nobody but us: payers at their bank may take their time.
_BEGUN = {
    "orders": "SELECT id, kind, state FROM process"
    " WHERE next_run_at IS NOT NULL AND state <> 'ACTION_REQUIRED'",
    "payments": """
    SELECT operation.id, operation.kind, payment.state FROM operation
    JOIN payment ON payment.id = operation.payment_id
    WHERE operation.next_attempt_at IS NOT NULL AND payment.state <> 'requires_action'
    UNION ALL SELECT event_id, type, state FROM provider_notice WHERE state = 'open'""",
}
_ORDERS = """
SELECT id, cart, state, total, currency, document->'lines' AS lines,
  document->'payments' AS payments, review FROM orders"""
_PARCELS = "SELECT id, state FROM fulfilment"
_PAYMENTS = """
SELECT id, order_id, method, amount, refunded_amount AS refunded, disputed_amount AS disputed,
  charged_back_amount AS charged_back, purse_id AS purse FROM payment"""
_PURSES = """
SELECT id, balance - held AS available FROM purse WHERE kind IN ('gift_card', 'store_credit')"""


@dataclass
class Books:
    """As they were at one moment of quiet."""

    orders: Rows
    parcels: Rows
    payments: Rows
    purses: Rows


async def read(world: World) -> Books:
    """What clients have asked for and were told."""
    return Books(
        orders=await rows(world, "orders", _ORDERS),
        parcels=await rows(world, "orders", _PARCELS),
        payments=await rows(world, "payments", _PAYMENTS),
        purses=await rows(world, "payments", _PURSES),
    )


async def unrest(world: World) -> list[str]:
    """What still has to happen by itself; empty when all is quiet."""
    begun = [
        f"{service}: {' '.join(str(value) for value in row.values())}"
        for service, query in _BEGUN.items()
        for row in await rows(world, service, query)
    ]
    return begun or await _news_under_way(world)


async def _news_under_way(world: World) -> list[str]:
    """Events that are not published, not taken in by all who want to know, or looked for."""
    async with Connections.open(world.surroundings.audited) as connections:
        report = await audit(
            connections, grace=AT_ONCE, pause=AT_ONCE, invariants=(E2_PUBLISHED, *E2, E3)
        )
    return [str(finding) for finding in report.findings]


async def rows(world: World, service: str, query: str) -> Rows:
    """The rows of a query in a service's own database."""
    connection = await asyncpg.connect(world.surroundings.database_urls[service])
    try:
        await connection.set_type_codec(
            "jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads
        )
        found: Rows = await connection.fetch(query)
        return found
    finally:
        await connection.close()
