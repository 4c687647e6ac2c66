"""What decides a price, read in one statement."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.prices import ListedPrice
from comptoir_cart.domain.pricing import Market, Product
from comptoir_cart.store.carts import COLUMNS, cart_from, not_found
from comptoir_cart.store.coupons import coupon_from
from comptoir_cart.store.shipping import rule_from
from comptoir_runtime.database import Session


def _prices(skus: str, currency: str, channel: str, owner: str, now: str) -> str:
    # Lists narrow from the index on sku.
    return f"""
SELECT jsonb_agg(jsonb_build_array(p.sku, p.min_quantity, p.amount, l.code, l.tax_included,
                                   l.customer_group <> '', l.channel <> '', l.priority))
FROM price p JOIN price_list l ON l.code = p.price_list
WHERE p.sku = ANY({skus}) AND l.currency = {currency} AND l.channel IN ('', {channel})
  AND l.customer_group
    IN ('', coalesce((SELECT price_group FROM customer WHERE id = {owner}), ''))
  AND (l.valid_from IS NULL OR l.valid_from <= {now})
  AND (l.valid_to IS NULL OR l.valid_to > {now})"""


def _market(
    *, skus: str, currency: str, channel: str, owner: str, now: str, coupons: str, method: str
) -> str:
    """Four columns; the arguments are SQL. A `method` that is NULL means all."""
    # Arrays, not objects: half the size, and a third of the time to read.
    return f"""
  (SELECT jsonb_agg(jsonb_build_array(p.id, p.sku, p.names, p.tax_class,
                                      {channel} = ANY(p.channels)))
   FROM product p WHERE p.sku = ANY({skus})),
  ({_prices(skus, currency, channel, owner, now)}),
  CASE WHEN {coupons} <> '{{}}' THEN
    (SELECT jsonb_agg(to_jsonb(o) || jsonb_build_object('used_by_owner', coalesce(
       (SELECT u.used_count FROM coupon_customer u
        WHERE u.code = o.code AND u.customer = {owner}), 0)))
     FROM coupon o WHERE o.code = ANY({coupons})) END,
  CASE WHEN {method} IS DISTINCT FROM '' THEN
    (SELECT jsonb_agg(to_jsonb(r) ORDER BY r.position, r.code) FROM shipping_rule r
     WHERE r.currency = {currency} AND ({method} IS NULL OR r.code = {method})) END"""


_PRICES = _prices("$1", "$2", "$3", "$4", "$5")
_MARKET = "SELECT" + _market(
    skus="$1",
    currency="$2",
    channel="$3",
    owner="$4",
    now="$5",
    coupons="$6::text[]",
    method="$7::text",
)

# All of it from the row itself, so that it is read again with the row when that was waited for.
_LOCK_WITH_MARKET = f"""
SELECT {COLUMNS},{
    _market(
        skus="(ARRAY(SELECT line ->> 'sku' FROM jsonb_array_elements(c.lines) line) || $3::text)",
        currency="c.currency",
        channel="coalesce($4::text, c.channel)",
        owner="c.owner",
        now="$2::timestamptz",
        coupons="(c.coupons || $5::text[])",
        method="CASE WHEN NOT $6::bool THEN coalesce(c.delivery ->> 'shipping_method', '') END",
    )
}
FROM cart c WHERE c.id = $1 FOR UPDATE"""

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
    return _market_from(now, *row)


async def lock_cart_with_market(
    session: Session,
    cart_id: str,
    *,
    sku: str = "",
    channel: str | None = None,
    coupons: Sequence[str] = (),
    every_shipping_rule: bool = False,
) -> tuple[Cart, Market]:
    """Locks a cart until the transaction ends, and reads what decides its price.

    That is what it holds, and what is about to be added to it: a sku, coupons; `channel` takes
    the place of its own. Raises `CartNotFound`.
    """
    now = session.clock.now()
    row = await session.fetchrow(
        _LOCK_WITH_MARKET, cart_id, now, sku, channel, coupons, every_shipping_rule
    )
    if row is None:
        raise not_found(cart_id)
    return cart_from(row), _market_from(now, *tuple(row)[-4:])


def _market_from(
    now: datetime,
    products: list[Any] | None,
    prices: list[Any] | None,
    coupons: list[Any] | None,
    rules: list[Any] | None,
) -> Market:
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
