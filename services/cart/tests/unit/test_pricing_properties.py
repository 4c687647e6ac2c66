"""What holds for any cart at any prices with any coupons, in any currency."""

from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from comptoir.type.v1.money_pb2 import Money
from comptoir_cart.convert.carts import cart_to
from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.priced import PricedCart
from comptoir_cart.domain.pricing import Market, price_cart
from comptoir_cart.domain.promotions import Coupon
from services.cart.tests.factories import (
    RULES,
    amount,
    cart,
    line,
    listed,
    market,
    percent,
    shipped,
    shipping_rule,
)

CLASSES = ("standard", "intermediate", "reduced", "super_reduced", "")
MANY = settings(max_examples=200, deadline=None)


@dataclass(frozen=True)
class Case:
    cart: Cart
    market: Market

    def priced(self) -> PricedCart:
        return price_cart(self.cart, self.market, RULES)


@st.composite
def coupons(draw: st.DrawFn, currency: str) -> list[Coupon]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        minimum = draw(st.none() | st.integers(0, 20_000))
        if draw(st.booleans()):
            made.append(
                percent(f"C{number}", draw(st.integers(1, 10_000)), minimum_subtotal=minimum)
            )
        else:
            value = draw(st.integers(1, 30_000))
            made.append(amount(f"C{number}", value, currency, minimum_subtotal=minimum))
    return made


@st.composite
def cases(draw: st.DrawFn) -> Case:
    currency = draw(st.sampled_from(["EUR", "JPY", "KWD"]))
    skus = [f"S{number:03}" for number in range(draw(st.integers(0, 12)))]
    prices = [
        listed(
            sku,
            draw(st.integers(0, 20_000)),
            min_quantity=minimum,
            tax_included=draw(st.booleans()),
        )
        for sku in skus
        for minimum in draw(st.sampled_from([(1,), (1, 3), (2,)]))
    ]
    available = draw(coupons(currency))
    rules = [
        shipping_rule(
            price=draw(st.integers(0, 1_500)),
            currency=currency,
            free_from=draw(st.none() | st.integers(0, 30_000)),
        )
    ]
    wanted = cart(
        *(line(sku, draw(st.integers(1, 12))) for sku in draw(st.permutations(skus))),
        currency=currency,
        coupons=tuple(coupon.code for coupon in available),
        delivery=draw(st.none() | st.just(shipped())),
    )
    at = market(
        prices,
        tax_classes={sku: draw(st.sampled_from(CLASSES)) for sku in skus},
        unsold=draw(st.lists(st.sampled_from(skus), max_size=2)) if skus else [],
        coupons=available,
        shipping_rules=rules,
    )
    return Case(wanted, at)


@MANY
@given(cases())
def test_no_amount_is_negative_and_no_discount_exceeds_its_goods(case: Case) -> None:
    found = case.priced()
    for each in found.lines:
        assert 0 <= each.discount <= each.subtotal
        assert 0 <= each.tax <= each.total
    totals = found.totals
    assert min(totals.subtotal, totals.discount, totals.shipping, totals.tax, totals.total) >= 0
    assert min((min(each.net, each.tax) for each in totals.taxes), default=0) >= 0


@MANY
@given(cases())
def test_lines_coupons_and_taxes_sum_to_the_totals(case: Case) -> None:
    found = case.priced()
    totals, lines = found.totals, found.lines
    assert totals.subtotal == sum(each.subtotal for each in lines)
    assert totals.discount == sum(each.discount for each in lines)
    assert totals.discount == sum(each.discount for each in found.coupons)
    assert totals.total == sum(each.total for each in lines) + totals.shipping
    on_top = sum(each.tax for each in lines if not each.tax_included)
    assert totals.total == totals.subtotal - totals.discount + totals.shipping + on_top
    assert totals.tax == sum(each.tax for each in lines) + found.shipping_tax
    assert totals.tax == sum(each.tax for each in totals.taxes)
    assert totals.total == sum(each.net + each.tax for each in totals.taxes)


@MANY
@given(cases())
def test_the_sums_also_hold_on_the_wire(case: Case) -> None:
    def decimal(money: Money) -> Decimal:
        assert money.currency == case.cart.currency
        return Decimal(money.amount)

    message = cart_to(case.priced(), ["fr_FR"])
    totals = message.totals
    lines = sum((decimal(each.total) for each in message.lines), Decimal(0))
    assert decimal(totals.total) == lines + decimal(totals.shipping)
    taxes = sum((decimal(each.tax) for each in totals.taxes), Decimal(0))
    assert decimal(totals.tax) == taxes


@MANY
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_lines_and_coupons_does_not_matter(case: Case, random: Random) -> None:
    other = replace(
        case.cart,
        lines=tuple(random.sample(case.cart.lines, len(case.cart.lines))),
        coupons=tuple(random.sample(case.cart.coupons, len(case.cart.coupons))),
    )
    found, again = case.priced(), price_cart(other, case.market, RULES)
    assert found.totals == again.totals
    assert found.fingerprint == again.fingerprint
    assert {each.sku: each for each in found.lines} == {each.sku: each for each in again.lines}
    assert {each.code: each for each in found.coupons} == {
        each.code: each for each in again.coupons
    }


@MANY
@given(cases(), st.data())
def test_one_more_coupon_never_raises_the_total(case: Case, data: st.DataObject) -> None:
    dropped = data.draw(st.sets(st.sampled_from(case.cart.coupons or ("",)), min_size=1))
    kept = tuple(code for code in case.cart.coupons if code not in dropped)
    fewer = price_cart(replace(case.cart, coupons=kept), case.market, RULES)
    assert case.priced().totals.total <= fewer.totals.total
