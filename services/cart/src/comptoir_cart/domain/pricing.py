"""What a cart costs, line by line.

The same goods cost the same in whatever order they were put in: everything that
is spread by largest remainder is spread in the order of the skus.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from comptoir_cart.domain import discounts, shipping, taxes
from comptoir_cart.domain.carts import Cart, Line
from comptoir_cart.domain.fingerprints import fingerprint
from comptoir_cart.domain.priced import PricedCart, PricedLine, Totals
from comptoir_cart.domain.prices import ListedPrice, resolve
from comptoir_cart.domain.promotions import AppliedCoupon, Coupon, Effect, Why
from comptoir_cart.domain.shipping import ShippingRule
from comptoir_cart.domain.taxes import RateTotal, Taxable, TaxRates
from comptoir_cart.errors import ProductNotSold

_CUSTOMER_PREFIX = "cus_"


class Notice(IntEnum):
    """Numbers as in `comptoir.cart.v1.CartLine.Notice`."""

    NONE = 0
    WITHDRAWN = 1
    NO_PRICE = 2


@dataclass(frozen=True, slots=True)
class Product:
    """What the cart knows of a product; `sold` in the channel that was asked about."""

    id: str
    sku: str
    names: Mapping[str, str]
    tax_class: str
    sold: bool


@dataclass(frozen=True, slots=True)
class Market:
    """All that decides what one cart costs at one moment."""

    now: datetime
    products: Mapping[str, Product]
    prices: Mapping[str, Sequence[ListedPrice]]
    coupons: Mapping[str, Coupon]
    shipping_rules: tuple[ShippingRule, ...]


@dataclass(frozen=True, slots=True)
class Rules:
    """The policies a service prices with."""

    taxes: TaxRates
    effects: Mapping[str, Effect]


@dataclass(slots=True)
class _Work:
    """A line while it is being priced."""

    line: Line
    product: Product | None
    notice: Notice
    price: ListedPrice | None
    subtotal: int
    rate: taxes.Rate
    discount: int = 0

    @property
    def left(self) -> int:
        return self.subtotal - self.discount

    @property
    def included(self) -> bool:
        return self.price is None or self.price.tax_included


def price_cart(cart: Cart, market: Market, rules: Rules) -> PricedCart:
    """Prices a cart. Never refuses: what cannot be sold carries a notice and costs nothing."""
    work = [_work(line, cart, market, rules) for line in cart.lines]
    in_order = sorted(work, key=lambda each: each.line.sku)
    coupons = _discount(in_order, cart, market, rules)
    rule = shipping.chosen(market.shipping_rules, cart.delivery, cart.country, cart.currency)
    subtotal, discount = sum(w.subtotal for w in work), sum(w.discount for w in work)
    price = 0 if rule is None or not cart.lines else rule.price_for(subtotal, discount)
    standard = rules.taxes.rate(cart.country, shipping.TAX_CLASS, market.now.date())
    taxables = [Taxable(each.rate, each.left, each.included) for each in in_order]
    taxables.append(Taxable(standard, price, included=True))
    taxed = taxes.tax(taxables)
    tax_of = {each.line.id: tax for each, tax in zip(in_order, taxed, strict=False)}
    lines = tuple(_priced(each, tax_of[each.line.id]) for each in work)
    totals = _totals(lines, price, taxed, taxes.by_rate(taxables, taxed))
    return PricedCart(
        cart=cart,
        lines=lines,
        coupons=coupons,
        totals=totals,
        shipping_tax=taxed[-1],
        deliverable=rule is not None,
        fingerprint=fingerprint(cart, lines, coupons, totals),
    )


def require_sold(priced: PricedCart, sku: str) -> None:
    """Raises `ProductNotSold` when the line of the sku carries a notice."""
    for line in priced.lines:
        if line.sku == sku and line.notice:
            raise ProductNotSold(
                f"{sku} is not sold here",
                metadata={
                    "sku": sku,
                    "channel": priced.cart.channel,
                    "why": Notice(line.notice).name,
                },
            )


def _work(line: Line, cart: Cart, market: Market, rules: Rules) -> _Work:
    product = market.products.get(line.sku)
    price = resolve(market.prices.get(line.sku, ()), line.quantity)
    notice = Notice.NONE
    if product is None or not product.sold:
        notice, price = Notice.WITHDRAWN, None
    elif price is None:
        notice = Notice.NO_PRICE
    tax_class = "" if product is None else product.tax_class
    rate = rules.taxes.rate(cart.country, tax_class, market.now.date())
    subtotal = 0 if price is None else price.amount * line.quantity
    return _Work(line, product, notice, price, subtotal, rate)


def _discount(
    work: Sequence[_Work], cart: Cart, market: Market, rules: Rules
) -> tuple[AppliedCoupon, ...]:
    """Lets each coupon take its part off the lines; answers them in the order of the cart.

    Percentages first, then amounts, each from what the ones before have left; among equals in
    the order of their codes.
    """
    if not cart.coupons:
        return ()
    subtotal = sum(each.subtotal for each in work)
    applied: dict[str, AppliedCoupon] = {}
    counting: list[Coupon] = []
    for code in cart.coupons:
        coupon = market.coupons.get(code)
        why = Why.UNKNOWN if coupon is None else why_not(coupon, cart, market.now, subtotal)
        if coupon is None or why is not None:
            applied[code] = AppliedCoupon(code, 0, str(why))
        else:
            counting.append(coupon)
    counting.sort(key=lambda each: (rules.effects[each.effect].phase, each.code))
    left = subtotal
    for coupon in counting:
        off = rules.effects[coupon.effect].off(left, coupon.value)
        left -= off
        applied[coupon.code] = AppliedCoupon(coupon.code, off, "" if off else str(Why.NOTHING_LEFT))
    groups = [(each.rate.thousandths, each.included) for each in work]
    off_lines = discounts.spread(subtotal - left, [each.subtotal for each in work], groups)
    for each, off in zip(work, off_lines, strict=True):
        each.discount = off
    return tuple(applied[code] for code in cart.coupons)


def why_not(coupon: Coupon, cart: Cart, now: datetime, subtotal: int) -> Why | None:
    """The first reason why the coupon does not count for a cart, None when it does."""
    known = cart.owner.startswith(_CUSTOMER_PREFIX)
    return coupon.why_not(now, cart.currency, subtotal, known=known)


def _priced(work: _Work, tax: int) -> PricedLine:
    line, product, price = work.line, work.product, work.price
    return PricedLine(
        id=line.id,
        sku=line.sku,
        product="" if product is None else product.id,
        names={} if product is None else product.names,
        quantity=line.quantity,
        note=line.note,
        unit_price=None if price is None else price.amount,
        price_list="" if price is None else price.price_list,
        tax_included=work.included,
        subtotal=work.subtotal,
        discount=work.discount,
        tax=tax,
        total=work.left if work.included else work.left + tax,
        tax_rate=work.rate.text,
        notice=int(work.notice),
    )


def _totals(
    lines: Sequence[PricedLine],
    shipping_price: int,
    taxed: Sequence[int],
    by_rate: tuple[RateTotal, ...],
) -> Totals:
    return Totals(
        subtotal=sum(line.subtotal for line in lines),
        discount=sum(line.discount for line in lines),
        shipping=shipping_price,
        tax=sum(taxed),
        total=sum(line.total for line in lines) + shipping_price,
        taxes=by_rate,
    )
