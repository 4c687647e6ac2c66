"""Selling what no site has yet: which sites promise it before it has come."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from comptoir_orders.domain.sourcing import Beyond, Site
from comptoir_runtime.addresses import Point, kilometres

_NOBODY_KNOWS = datetime.max.replace(tzinfo=UTC)


def with_backorders(
    asked: Mapping[str, int], sites: Sequence[Site], destination: Point | None
) -> Sequence[Site]:
    """The sites as if they had the units of `asked` that are nowhere and that they sell ahead.

    No more than is missing: what is there goes first. A site that can promise all that is
    missing goes before those that cannot; then whoever expects it first, then the nearest. When
    all of them together cannot, the sites have what they can promise, and it is not enough.
    """
    missing = {
        sku: units - sum(max(0, site.available.get(sku, 0)) for site in sites)
        for sku, units in asked.items()
    }
    given = {
        (site.code, sku): units
        for sku, short in missing.items()
        if short > 0
        for site, units in _spread(sku, short, sites, destination)
    }
    if not given:
        return sites
    return [
        replace(
            site,
            available={
                sku: max(0, site.available.get(sku, 0)) + given.get((site.code, sku), 0)
                for sku in asked
            },
        )
        for site in sites
    ]


def _spread(
    sku: str, short: int, sites: Sequence[Site], destination: Point | None
) -> list[tuple[Site, int]]:
    offers = [(site, site.beyond[sku]) for site in sites if sku in site.beyond]

    def rank(offer: tuple[Site, Beyond]) -> tuple[bool, datetime, float, str]:
        site, beyond = offer
        expected = beyond.expected_at or _NOBODY_KNOWS
        return beyond.units < short, expected, kilometres(destination, site.point), site.code

    spread = []
    for site, beyond in sorted(offers, key=rank):
        units = min(short, beyond.units)
        short -= units
        if units:
            spread.append((site, units))
    return spread
