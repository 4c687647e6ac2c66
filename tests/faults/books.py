"""What every party has written down, read where it lies: databases, streams, the provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import nats
import orjson

from comptoir_local.demo.provider import Provider
from tests.faults.world import World

# Records of asyncpg, or mappings with the same keys.
Rows = list[Any]

# Started processes that nobody waits for a person to go on with.
UNFINISHED = "SELECT id, kind, state FROM process WHERE next_run_at IS NOT NULL AND state <> $1"
OPEN_OPERATIONS = """
SELECT operation.id, operation.kind, payment.state FROM operation
JOIN payment ON payment.id = operation.payment_id
WHERE operation.next_attempt_at IS NOT NULL AND payment.state <> 'requires_action'"""
OPEN_NOTICES = "SELECT event_id, type FROM provider_notice WHERE state = 'open'"
UNPUBLISHED = "SELECT id, type FROM outbox WHERE published_at IS NULL"
EMITTED = "SELECT id::text, type FROM outbox WHERE kind = 1"
TAKEN_IN = "SELECT id::text FROM inbox"
QUARANTINED = "SELECT id::text, type, error FROM dead_letter WHERE state = 'quarantined'"
ORDERS = "SELECT id, number, cart, state, total, currency, document FROM orders"
PLACEMENTS = """
SELECT id, order_id, state, document ->> 'refusal' AS refusal, created_at, updated_at
FROM process WHERE kind = 'PLACEMENT'"""
PAYMENTS = """
SELECT id, order_id, state, currency, amount, authorised_amount, captured_amount, refunded_amount
FROM payment WHERE provider = 'sandbox'"""
UNBALANCED = """
SELECT operation_id, currency, sum(amount)::bigint AS off FROM ledger_entry
GROUP BY operation_id, currency HAVING sum(amount) <> 0"""
LEDGER_CAPTURES = """
SELECT transfer.payment_id, sum(entry.amount)::bigint AS amount
FROM ledger_transfer AS transfer JOIN ledger_entry AS entry USING (operation_id)
WHERE transfer.kind = $1 AND entry.amount > 0
GROUP BY transfer.payment_id"""
RESERVATIONS = "SELECT id, owner, state, lines FROM reservation"
STOCK_OFF = """
SELECT item.sku, item.location, item.on_hand, coalesce(sum(movement.units), 0)::int AS moved
FROM stock_item AS item LEFT JOIN movement USING (sku, location)
GROUP BY item.sku, item.location, item.on_hand
HAVING item.on_hand <> coalesce(sum(movement.units), 0)"""
STOCK = "SELECT sku, location, on_hand, reserved FROM stock_item"
COUPONS = "SELECT code, usage_limit, used_count FROM coupon"
REDEMPTIONS = "SELECT code, checkout, state FROM redemption"


@dataclass
class Books:
    """Everything, as it was at one moment of quiet."""

    rows: dict[tuple[str, str], Rows]
    provider: dict[str, Mapping[str, Any]]
    """The provider's payments by our reference, as its journal leaves them; several: in a list."""
    provider_twice: list[str]
    """References the provider knows more than one payment for."""
    missing: dict[str, list[str]]
    """By consumer: facts of its producers that it has never taken in."""

    def of(self, service: str, query: str) -> Rows:
        return self.rows[service, query]


_QUERIES: Mapping[str, tuple[str, ...]] = {
    "orders": (ORDERS, PLACEMENTS),
    "payments": (PAYMENTS, UNBALANCED),
    "inventory": (RESERVATIONS, STOCK, STOCK_OFF),
    "cart": (COUPONS, REDEMPTIONS),
}


async def read(world: World) -> Books:
    """Reads all books."""
    rows: dict[tuple[str, str], Rows] = {}
    for service, url in world.surroundings.database_urls.items():
        connection = await asyncpg.connect(url)
        try:
            await connection.set_type_codec(
                "jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads
            )
            for query in (*_QUERIES.get(service, ()), QUARANTINED):
                rows[service, query] = await connection.fetch(query)
            if service == "payments":
                for kind in ("capture", "refund"):
                    rows[service, kind] = await connection.fetch(LEDGER_CAPTURES, kind)
        finally:
            await connection.close()
    provider, twice = await _provider(world)
    return Books(rows, provider, twice, await missing_facts(world))


async def unrest(world: World) -> list[str]:
    """What still has to happen by itself; empty when all is quiet."""
    found: list[str] = []
    for service, url in world.surroundings.database_urls.items():
        connection = await asyncpg.connect(url)
        try:
            found += _told(service, "unpublished", await connection.fetch(UNPUBLISHED))
            if service == "orders":
                rows = await connection.fetch(UNFINISHED, "ACTION_REQUIRED")
                found += _told(service, "unfinished", rows)
            if service == "payments":
                found += _told(service, "open operation", await connection.fetch(OPEN_OPERATIONS))
                found += _told(service, "open notice", await connection.fetch(OPEN_NOTICES))
        finally:
            await connection.close()
    for consumer, facts in (await missing_facts(world)).items():
        found += [f"{consumer} has not taken in {fact}" for fact in facts]
    return found


async def missing_facts(world: World) -> dict[str, list[str]]:
    """By consumer: emitted facts of the types it subscribes to that are not in its inbox."""
    wanted = await _subscribed(world)
    emitted: dict[str, Rows] = {}
    taken: dict[str, set[str]] = {}
    for service, url in world.surroundings.database_urls.items():
        connection = await asyncpg.connect(url)
        try:
            emitted[service] = await connection.fetch(EMITTED)
            taken[service] = {row["id"] for row in await connection.fetch(TAKEN_IN)}
        finally:
            await connection.close()
    missing: dict[str, list[str]] = defaultdict(list)
    for consumer, types in wanted.items():
        for rows in emitted.values():
            missing[consumer] += [
                f"{row['type']} {row['id']}"
                for row in rows
                if row["type"] in types and row["id"] not in taken[consumer]
            ]
    return {consumer: facts for consumer, facts in missing.items() if facts}


async def _subscribed(world: World) -> dict[str, set[str]]:
    """Types of facts by consumer, as the streams know them."""
    client = await nats.connect(world.surroundings.nats_url)
    wanted: dict[str, set[str]] = defaultdict(set)
    try:
        stream = client.jetstream()
        for info in await stream.streams_info():
            name = info.config.name
            assert name is not None, "a stream has a name"
            for consumer in await stream.consumers_info(name):
                subjects = consumer.config.filter_subjects or [consumer.config.filter_subject or ""]
                wanted[consumer.name] |= {_type(subject) for subject in subjects}
    finally:
        await client.close()
    return wanted


def _type(subject: str) -> str:
    """`comptoir.orders.v1.OrderPlaced` of `comptoir.orders.v1.OrderPlaced.*`."""
    return subject.rpartition(".")[0]


async def _provider(world: World) -> tuple[dict[str, Mapping[str, Any]], list[str]]:
    last: dict[str, Mapping[str, Any]] = {}
    async with httpx.AsyncClient(base_url=world.surroundings.provider_url, timeout=30) as http:
        for entry in await Provider(http).journal():
            last[entry["answer"]["id"]] = entry["answer"]
    by_reference: dict[str, Mapping[str, Any]] = {}
    twice: list[str] = []
    for payment in last.values():
        if payment["reference"] in by_reference:
            twice.append(payment["reference"])
        by_reference[payment["reference"]] = payment
    return by_reference, twice


def _told(service: str, what: str, rows: list[Any]) -> list[str]:
    return [f"{service}: {what} {' '.join(str(value) for value in row.values())}" for row in rows]
