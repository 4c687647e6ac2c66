"""What decides a price, read in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.prices import ListedPrice
from comptoir_cart.domain.pricing import Market, Product
from comptoir_cart.store.coupons import coupon_from
from comptoir_cart.store.shipping import rule_from
from comptoir_runtime.database import Session

# $1 skus, $2 currency, $3 channel, $4 customer, $5 now. Lists narrow from the index on sku.
_PRICES = """
SELECT jsonb_agg(jsonb_build_array(p.sku, p.min_quantity, p.amount, l.code, l.tax_included,
                                   l.customer_group <> '', l.channel <> '', l.priority))
FROM price p JOIN price_list l ON l.code = p.price_list
WHERE p.sku = ANY($1) AND l.currency = $2 AND l.channel IN ('', $3)
  AND l.customer_group IN ('', coalesce((SELECT price_group FROM customer WHERE id = $4), ''))
  AND (l.valid_from IS NULL OR l.valid_from <= $5) AND (l.valid_to IS NULL OR l.valid_to > $5)"""

# Arrays, not objects: half the size, and a third of the time to read.
_MARKET = f"""
SELECT
  (SELECT jsonb_agg(jsonb_build_array(p.id, p.sku, p.names, p.tax_class, $3 = ANY(p.channels)))
   FROM product p WHERE p.sku = ANY($1)),
  ({_PRICES}),
  CASE WHEN $6::text[] <> '{{}}' THEN
    (SELECT jsonb_agg(to_jsonb(c) || jsonb_build_object('used_by_owner', coalesce(
       (SELECT u.used_count FROM coupon_customer u WHERE u.code = c.code AND u.customer = $4), 0)))
     FROM coupon c WHERE c.code = ANY($6)) END,
  CASE WHEN $7::text IS DISTINCT FROM '' THEN
    (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.position, r.code)
     FROM shipping_rule r WHERE r.currency = $2 AND ($7 IS NULL OR r.code = $7)) END"""

Prices = Mapping[str, Sequence[ListedPrice]]


async def market_for(session: Session, cart: Cart, *, every_shipping_rule: bool = False) -> Market:
    """Everything that decides what the cart costs now; shipping rules only if it needs them."""
    now = session.clock.now()
    code: str | None = "" if cart.delivery is None else cart.delivery.shipping_method
    if every_shipping_rule:
        code = None
    row = await session.fetchrow(
        _MARKET,
        [line.sku for line in cart.lines],
        cart.currency,
        cart.channel,
        cart.owner,
        now,
        cart.coupons,
        code,
    )
    if row is None:
        raise RuntimeError("a SELECT without FROM has one row")
    products, prices, coupons, rules = row
    return Market(
        now=now,
        products=_products_from(products),
        prices=_prices_from(prices),
        coupons={each["code"]: coupon_from(each) for each in coupons or ()},
        shipping_rules=tuple(rule_from(each) for each in rules or ()),
    )


async def prices_for(
    session: Session, skus: Sequence[str], currency: str, channel: str, customer: str
) -> Prices:
    """Every price of the skus that the customer may get now in the channel."""
    now = session.clock.now()
    return _prices_from(await session.fetchval(_PRICES, skus, currency, channel, customer, now))


def _prices_from(rows: list[Any] | None) -> dict[str, list[ListedPrice]]:
    found: dict[str, list[ListedPrice]] = {}
    for row in rows or ():
        found.setdefault(row[0], []).append(ListedPrice(*row))
    return found


def _products_from(rows: list[Any] | None) -> dict[str, Product]:
    found: dict[str, Product] = {}
    for row in rows or ():
        product = Product(*row)
        before = found.get(product.sku)
        # A sku may have passed from a withdrawn product to another one.
        if before is None or (product.sold, product.id) > (before.sold, before.id):
            found[product.sku] = product
    return found
