"""The fingerprint of what a buyer was shown."""

import hashlib
from collections.abc import Sequence

import orjson

from comptoir_cart.domain.carts import Cart, Delivery
from comptoir_cart.domain.priced import PricedLine, Totals
from comptoir_cart.domain.promotions import AppliedCoupon

_VERSION = 1


def fingerprint(
    cart: Cart, lines: Sequence[PricedLine], coupons: Sequence[AppliedCoupon], totals: Totals
) -> str:
    """SHA-256, in hexadecimal, of everything a buyer agrees to.

    Goods, quantities, prices, discounts, taxes, coupons and delivery; neither names, notes nor
    ids, nor the order of lines and coupons. Equal fingerprints mean the same price for the same.
    """
    document = [
        _VERSION,
        cart.currency,
        cart.country,
        cart.channel,
        sorted(_line(line) for line in lines),
        sorted([coupon.code, coupon.discount] for coupon in coupons if coupon.discount),
        _delivery(cart.delivery),
        [totals.subtotal, totals.discount, totals.shipping, totals.tax, totals.total],
    ]
    return hashlib.sha256(orjson.dumps(document)).hexdigest()


def _line(line: PricedLine) -> list[str | int]:
    return [
        line.sku,
        line.quantity,
        -1 if line.unit_price is None else line.unit_price,
        line.subtotal,
        line.discount,
        line.tax,
        line.total,
        line.tax_rate,
        line.notice,
    ]


def _delivery(delivery: Delivery | None) -> list[object]:
    if delivery is None:
        return []
    chosen: list[object] = [int(delivery.mode), delivery.shipping_method, delivery.location]
    address = delivery.address
    if address is None:
        return chosen
    return [
        *chosen,
        address.recipient,
        address.lines,
        address.postal_code,
        address.city,
        address.country,
        address.phone,
    ]
