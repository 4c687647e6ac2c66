"""What a way of delivery costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from comptoir_cart.domain.carts import Cart, Delivery, Mode
from comptoir_cart.errors import ShippingMethodNotOffered

TAX_CLASS = "standard"
"""Delivery is a service of its own, taxed at the standard rate."""


@dataclass(frozen=True, slots=True)
class ShippingRule:
    """A way of delivery with its price, tax included, in minor units."""

    code: str
    name: Mapping[str, str]
    mode: Mode
    countries: tuple[str, ...]
    """ISO 3166-1 alpha-2; empty means all."""
    currency: str
    price: int
    free_from: int | None
    position: int

    def serves(self, mode: Mode, country: str, currency: str) -> bool:
        return (
            self.mode is mode
            and self.currency == currency
            and (not self.countries or country in self.countries)
        )

    def price_for(self, goods: int, discount: int) -> int:
        """The price for goods of this price before the discount.

        Free when the goods reach `free_from` after the discount. When only the discount keeps
        them below, the price is at most what is missing: a coupon never costs its user money.
        """
        if self.free_from is None or goods < self.free_from:
            return self.price
        missing = self.free_from - (goods - discount)
        return min(self.price, missing) if missing > 0 else 0


@dataclass(frozen=True, slots=True)
class OfferedMethod:
    """A shipping rule and what it would cost one cart."""

    rule: ShippingRule
    price: int


def chosen(
    rules: Sequence[ShippingRule], delivery: Delivery | None, country: str, currency: str
) -> ShippingRule | None:
    """The rule of the delivery; None when there is no delivery or its rule does not serve it."""
    if delivery is None:
        return None
    for rule in rules:
        if rule.code == delivery.shipping_method:
            return rule if rule.serves(delivery.mode, country, currency) else None
    return None


def offered(
    rules: Sequence[ShippingRule], cart: Cart, goods: int, discount: int
) -> list[OfferedMethod]:
    """What the rules that serve the cart's country would cost it, in the rules' order."""
    return [
        OfferedMethod(rule, rule.price_for(goods, discount))
        for rule in rules
        if rule.serves(rule.mode, cart.country, cart.currency)
    ]


def with_offered_method(cart: Cart, rules: Sequence[ShippingRule]) -> Cart:
    """The cart with a method that serves its delivery: the one it names, or the first.

    Raises `ShippingMethodNotOffered`.
    """
    delivery = cart.delivery
    if delivery is None:
        return cart
    for rule in rules:
        named = delivery.shipping_method in {"", rule.code}
        if named and rule.serves(delivery.mode, cart.country, cart.currency):
            return replace(cart, delivery=replace(delivery, shipping_method=rule.code))
    raise ShippingMethodNotOffered(
        "no such way of delivery is offered",
        metadata={"shipping_method": delivery.shipping_method, "country": cart.country},
    )
