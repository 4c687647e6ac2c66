"""Shipping rules."""

from collections.abc import Mapping
from typing import Any

from comptoir_cart.domain.carts import Mode
from comptoir_cart.domain.shipping import ShippingRule
from comptoir_runtime.database import Session

_PUT = """
INSERT INTO shipping_rule (code, name, mode, countries, currency, price, free_from, position)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (code) DO UPDATE SET name = $2, mode = $3, countries = $4, currency = $5, price = $6,
  free_from = $7, position = $8"""


async def put_rule(session: Session, rule: ShippingRule) -> None:
    """Creates or changes a rule."""
    await session.execute(
        _PUT,
        rule.code,
        rule.name,
        rule.mode,
        rule.countries,
        rule.currency,
        rule.price,
        rule.free_from,
        rule.position,
    )


def rule_from(row: Mapping[str, Any]) -> ShippingRule:
    return ShippingRule(
        code=row["code"],
        name=row["name"],
        mode=Mode(row["mode"]),
        countries=tuple(row["countries"]),
        currency=row["currency"],
        price=row["price"],
        free_from=row["free_from"],
        position=row["position"],
    )
