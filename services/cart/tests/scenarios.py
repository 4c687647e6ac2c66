"""Reads shop scenarios in words and plays them with our rules, where they map onto what we have.

A promotion for every order is a coupon here; it is on the cart from the start unless the scenario
types its code. A sentence nobody understands makes the scenario one that does not map.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

from comptoir_cart.domain.carts import Cart, Line
from comptoir_cart.domain.priced import PricedCart
from comptoir_cart.domain.prices import ListedPrice
from comptoir_cart.domain.pricing import Market, Product, Rules, price_cart
from comptoir_cart.domain.promotions import MAY_CHANGE, Coupon, Why, normal_code
from comptoir_cart.domain.shipping import TAX_CLASS, ShippingRule
from comptoir_cart.domain.taxes import Rate
from comptoir_cart.policies.promotions import EFFECTS
from comptoir_cart.policies.taxes import TaxTable
from comptoir_cart.policies.taxes.table import parse_rate
from services.cart.tests.factories import NOW, cart, line, listed, shipped, shipping_rule

_STEP = re.compile(r"^(?:Given|When|Then|And|But) ")
_NO_RATE = Rate(0, "0")
_UNTAXED = "untaxed"


class DoesNotMapError(Exception):
    """The scenario needs something this service does not have (yet)."""


@dataclass
class Shop:
    """The shop of one scenario, and the one cart in it."""

    prices: dict[str, int] = field(default_factory=dict)
    categories: dict[str, str] = field(default_factory=dict)
    rates: dict[str, Rate] = field(default_factory=dict)
    included: set[str] = field(default_factory=set)
    coupons: dict[str, Coupon] = field(default_factory=dict)
    rules: list[ShippingRule] = field(default_factory=list)
    shipping_category: str = ""
    typed: bool = False
    """Whether the promotion only counts once its code is typed."""
    refused: bool = False
    cart: Cart = field(default_factory=cart)
    last: str = ""
    """The product that was mentioned last."""

    def play(self, steps: Sequence[str]) -> None:
        for step in steps:
            self._play(_STEP.sub("", step))

    def priced(self) -> PricedCart:
        found = self.cart
        if not self.typed:
            found = replace(found, coupons=tuple(self.coupons))
        if self.rules and found.lines:
            found = replace(found, delivery=shipped(self.rules[0].code))
        return price_cart(found, self._market(), self._policies())

    def _play(self, sentence: str) -> None:
        for pattern, act in _SENTENCES:
            match = pattern.fullmatch(sentence)
            if match is not None:
                act(self, *match.groups())
                return
        raise DoesNotMapError(sentence)

    def _market(self) -> Market:
        return Market(
            now=NOW,
            products={
                sku: Product(sku, sku, {}, self.categories.get(sku, _UNTAXED), sold=True)
                for sku in self.prices
            },
            prices={sku: [self._price(sku)] for sku in self.prices},
            coupons=self.coupons,
            shipping_rules=tuple(self.rules),
        )

    def _price(self, sku: str) -> ListedPrice:
        category = self.categories.get(sku, _UNTAXED)
        included = category in self.included or category not in self.rates
        return listed(sku, self.prices[sku], tax_included=included)

    def _policies(self) -> Rules:
        since = date(2000, 1, 1)
        rows = [("FR", name, rate, since) for name, rate in self.rates.items()]
        rows.append(("FR", _UNTAXED, _NO_RATE, since))
        rows.append(("FR", TAX_CLASS, self.rates.get(self.shipping_category, _NO_RATE), since))
        return Rules(TaxTable(rows), EFFECTS)


def minor(text: str) -> int:
    whole, _, fraction = text.lstrip("-$€").replace(",", "").partition(".")
    return int(whole) * 100 + int(fraction.ljust(2, "0"))


# --- what a sentence does ----------------------------------------------------------------------


def _nothing(_: Shop, *__: str) -> None:
    pass


def _product(shop: Shop, name: str, price: str) -> None:
    shop.prices[name] = minor(price)
    shop.last = name


def _category(shop: Shop, name: str) -> None:
    shop.categories[shop.last] = name


def _rate(shop: Shop, included: str | None, percent: str, category: str) -> None:
    shop.rates[category] = parse_rate(percent)
    if included:
        shop.included.add(category)


def _coupon(shop: Shop, code: str) -> None:
    shop.typed = True
    shop.coupons = {code: Coupon(code, "amount", 1, "EUR", {})}


def _effect(shop: Shop, off: str, minimum: str | None = None) -> None:
    code = next(iter(shop.coupons), "PROMOTION")
    percent = off.endswith("%")
    shop.coupons[code] = Coupon(
        code,
        "percent" if percent else "amount",
        minor(off.rstrip("%")),
        "" if percent else "EUR",
        {},
        minimum_subtotal=None if minimum is None else minor(minimum),
    )


def _coupon_time(shop: Shop, when: str) -> None:
    code, coupon = next(iter(shop.coupons.items()))
    days = 1 if when == "is valid until tomorrow" else -1
    if when == "starts tomorrow":
        shop.coupons[code] = replace(coupon, valid_from=NOW + timedelta(days=1))
    else:
        shop.coupons[code] = replace(coupon, valid_to=NOW + timedelta(days=days))


def _shipping(shop: Shop, name: str, fee: str) -> None:
    shop.rules.append(shipping_rule(name, minor(fee)))


def _shipping_tax(shop: Shop, category: str) -> None:
    if category not in shop.included:
        raise DoesNotMapError("the price of a delivery includes its tax")
    shop.shipping_category = category


def _add(shop: Shop, count: str | None, name: str) -> None:
    if name not in shop.prices:
        raise DoesNotMapError(f"no price for {name}")
    lines = [each for each in shop.cart.lines if each.sku != name]
    before = sum(each.quantity for each in shop.cart.lines if each.sku == name)
    shop.cart = replace(shop.cart, lines=(*lines, line(name, before + int(count or 1))))


def _remove(shop: Shop, name: str) -> None:
    lines = tuple(each for each in shop.cart.lines if each.sku != name)
    shop.cart = replace(shop.cart, lines=lines)


def _set(shop: Shop, name: str, count: str) -> None:
    lines = tuple(
        Line(each.id, each.sku, int(count)) if each.sku == name else each
        for each in shop.cart.lines
    )
    shop.cart = replace(shop.cart, lines=lines)


def _type_code(shop: Shop, code: str) -> None:
    before = shop.cart
    shop.cart = replace(shop.cart, coupons=(normal_code(code),))
    (applied,) = shop.priced().coupons
    shop.refused = bool(applied.reason)
    if applied.reason and Why(applied.reason) not in MAY_CHANGE:
        shop.cart = before


# --- what a sentence claims --------------------------------------------------------------------


def _total(shop: Shop, amount: str) -> None:
    assert shop.priced().totals.total == minor(amount)


def _items_total(shop: Shop, amount: str) -> None:
    totals = shop.priced().totals
    assert totals.subtotal - totals.discount == minor(amount)


def _discount(shop: Shop, amount: str) -> None:
    assert shop.priced().totals.discount == minor(amount)


def _no_discount(shop: Shop) -> None:
    assert shop.priced().totals.discount == 0


def _no_taxes(shop: Shop) -> None:
    assert shop.priced().totals.tax == 0


def _taxes(shop: Shop, included: str | None, amount: str) -> None:
    found = shop.priced()
    wanted = bool(included)
    tax = sum(each.tax for each in found.lines if each.tax_included is wanted)
    assert tax + (found.shipping_tax if wanted else 0) == minor(amount)


def _shipping_total(shop: Shop, amount: str) -> None:
    assert shop.priced().totals.shipping == minor(amount)


def _empty(shop: Shop) -> None:
    assert shop.cart.lines == ()


def _refused(shop: Shop) -> None:
    assert shop.refused


_MONEY = r'"(-?[$€]?[0-9.,]+)"'
_OFF = r'"([$€]?[0-9.]+%?)"'
_CODE = r'"([A-Z0-9]+)"'
_NAME = r'"([^"]+)"'
_ANY = r'"[^"]+"'
_US = r' within the "US" zone'
_GIVES = "(?:it|this promotion|the promotion) gives"
_ORDERED: list[tuple[str, Callable[..., None]]] = [
    (r'the store operates on a single channel in "United States"', _nothing),
    (r'default tax zone is "US"', _nothing),
    (r'the store uses the "Order item units based" tax calculation strategy', _nothing),
    (r"the store ships everywhere for [Ff]ree", _nothing),
    (r'the store allows paying (?:"[^"]+"|Offline)', _nothing),
    (r"I am a logged in customer", _nothing),
    (r'there is a promotion "[^"]+"', _nothing),
    (r"I see the summary of my cart", _nothing),
    (r'the store classifies its products as "[^"]+"(?: and "[^"]+")?', _nothing),
    (r'it belongs to "[^"]+"', _nothing),
    (rf"the store has a product {_NAME} priced at {_MONEY}", _product),
    (rf"it belongs to {_NAME} tax category", _category),
    (rf"the store has (included in price )?{_ANY} tax rate of ([0-9.]+)% for {_NAME}{_US}", _rate),
    (rf'the store has promotion "[^"]+" with coupon {_CODE}', _coupon),
    (rf"{_GIVES} {_OFF} discount to every order", _effect),
    (rf"{_GIVES} {_OFF} discount to every order with items total at least {_MONEY}", _effect),
    (
        r"this (?:coupon|promotion) (is valid until tomorrow|has already expired|starts tomorrow)",
        _coupon_time,
    ),
    (
        rf"the store has {_NAME} shipping method with {_MONEY} fee(?: within the \"US\" zone)?",
        _shipping,
    ),
    (rf'shipping method "[^"]+" belongs to {_NAME} tax category', _shipping_tax),
    (rf"I (?:add|added|have|had) (?:the )?()product {_NAME} (?:to|in) the cart", _add),
    (rf"I (?:add|added|have|had) ([0-9]+) products {_NAME} (?:to|in) the cart", _add),
    (rf"I remove(?:d)? product {_NAME} from the cart", _remove),
    (rf"I change(?:d)? product {_NAME} quantity to ([0-9]+)(?: in my cart)?", _set),
    (rf"I use coupon with code {_CODE}", _type_code),
    (rf"my cart(?:'s)? total should be {_MONEY}", _total),
    (rf"my cart items total should be {_MONEY}", _items_total),
    (rf"my discount should be {_MONEY}", _discount),
    (r"there should be no discount(?: applied)?", _no_discount),
    (r"there should be no taxes charged", _no_taxes),
    (rf"my (?:cart )?(included in price )?taxes should be {_MONEY}", _taxes),
    (rf"my cart (?:estimated )?shipping (?:total|cost) should be {_MONEY}", _shipping_total),
    (r"my cart should be empty", _empty),
    (r"I should be notified that the coupon is invalid", _refused),
    (r"I should be on my cart summary page", _nothing),
    (r"I should be notified that the product has been successfully added", _nothing),
]
_SENTENCES = [(re.compile(pattern), act) for pattern, act in _ORDERED]
