"""What can be promised at places, in the database: figures, terms, and whether it is held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from comptoir_inventory.domain.promising import Offer
from comptoir_inventory.domain.selling import Arrival, Backorder, Beyond, Policy
from comptoir_inventory.domain.stock import Place
from comptoir_runtime.database import Row, Session

_FREE = "s.on_hand - s.reserved - s.safety_stock"
_OFFERS = """
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::int[]) AS w (sku, location, least)
),
locked AS (
    SELECT s.sku, s.location, {free} AS free, s.backordered
    FROM stock_item s JOIN wanted w USING (sku, location)
    LEFT JOIN selling_policy p ON p.sku = s.sku
    {only} ORDER BY s.sku, s.location FOR UPDATE OF s {how}
)
SELECT w.sku, w.location, l.active, l.channels, {free} AS seen,
    k.free, k.backordered, p.backorder, p.backorder_until, p.preorder_at, p.max_per_order,
    CASE WHEN p.sku IS NOT NULL THEN (
        SELECT jsonb_agg(jsonb_build_array(a.units, extract(epoch FROM a.expected_at))
                         ORDER BY a.expected_at, a.reference)
        FROM supply a WHERE a.sku = w.sku AND a.location = w.location
    ) END AS arrivals,
    EXISTS (SELECT FROM reservation WHERE state = 1 AND expires_at <= $4) AS overdue
FROM wanted w
LEFT JOIN location l ON l.code = w.location
LEFT JOIN stock_item s ON s.sku = w.sku AND s.location = w.location
LEFT JOIN locked k ON k.sku = w.sku AND k.location = w.location
LEFT JOIN selling_policy p ON p.sku = w.sku
"""
# Nothing is locked where nobody can be given anything: being sold out costs a look.
QUICK = _OFFERS.format(
    free=_FREE, only=f"WHERE {_FREE} >= w.least OR p.sku IS NOT NULL", how="SKIP LOCKED"
)
PATIENT = _OFFERS.format(free=_FREE, only="", how="")


@dataclass(frozen=True, slots=True)
class Offers:
    """What can be promised at each place that was asked about."""

    by_place: Mapping[Place, Offer]
    unknown: frozenset[str]
    """Codes of locations that do not exist."""
    without_figures: frozenset[str]
    """Skus that some of the places never had."""
    overdue: bool
    """Whether held promises have expired that nobody has given back yet."""


async def lock(
    session: Session, wanted: Mapping[Place, int], now: datetime, *, waits: bool
) -> Offers:
    """The offers at places of which somebody wants at least so many units, kept from others.

    Without `waits`, what somebody else holds is `busy`, and places where less can be promised
    than anybody wants are told but not kept.
    """
    places = sorted(wanted)
    rows = await session.fetch(
        PATIENT if waits else QUICK,
        [sku for sku, _ in places],
        [location for _, location in places],
        [wanted[place] for place in places],
        now,
    )
    by_place = {
        (row["sku"], row["location"]): _offer(row, wanted[row["sku"], row["location"]])
        for row in rows
    }
    unknown = frozenset(row["location"] for row in rows if row["active"] is None)
    without_figures = frozenset(row["sku"] for row in rows if row["seen"] is None)
    overdue = any(row["overdue"] for row in rows[:1])
    return Offers(by_place, unknown, without_figures, overdue)


def _offer(row: Row, least: int) -> Offer:
    if not row["active"]:
        return Offer()
    has_policy = row["backorder"] is not None
    channels = frozenset(row["channels"])
    if row["free"] is None:
        busy = row["seen"] is not None and (has_policy or row["seen"] >= least)
        return Offer(max(0, row["seen"] or 0), busy=busy, channels=channels)
    available, beyond = max(0, row["free"]), None
    if has_policy:
        beyond = Beyond(policy_of(row), arrivals_of(row["arrivals"]), row["backordered"])
    return Offer(available, beyond, channels=channels)


def policy_of(row: Row) -> Policy:
    """The policy in a row that has one; without its version."""
    return Policy(
        row["sku"],
        Backorder(row["backorder"]),
        row["backorder_until"],
        row["preorder_at"],
        row["max_per_order"],
    )


def arrivals_of(stored: Iterable[Any] | None) -> tuple[Arrival, ...]:
    """Supply in the order it is expected, from [units, seconds]."""
    return tuple(
        Arrival(units, datetime.fromtimestamp(seconds, UTC)) for units, seconds in stored or ()
    )
