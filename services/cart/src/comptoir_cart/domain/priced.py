"""A cart with its prices. Amounts are minor units of the cart's currency."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.promotions import AppliedCoupon
from comptoir_cart.domain.taxes import RateTotal


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A line and what it costs; `unit_price` is None when it cannot be sold."""

    id: str
    sku: str
    product: str
    names: Mapping[str, str]
    quantity: int
    note: str
    unit_price: int | None
    price_list: str
    tax_included: bool
    """Whether unit price, subtotal and discount include tax; the total always does."""
    subtotal: int
    discount: int
    tax: int
    total: int
    tax_rate: str
    notice: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What a cart costs: `total` is the sum of the lines' totals and the shipping."""

    subtotal: int
    discount: int
    shipping: int
    tax: int
    total: int
    taxes: tuple[RateTotal, ...]


@dataclass(frozen=True, slots=True)
class PricedCart:
    """A cart and what it costs at one moment."""

    cart: Cart
    lines: tuple[PricedLine, ...]
    coupons: tuple[AppliedCoupon, ...]
    totals: Totals
    shipping_tax: int
    deliverable: bool
    """Whether a way of delivery is chosen and offered."""
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Quote:
    """A priced cart that never changes any more."""

    priced: PricedCart
    created_at: datetime
