from dataclasses import replace

import pytest

from comptoir_cart.domain.carts import Cart
from comptoir_cart.domain.priced import PricedCart, Totals
from comptoir_cart.domain.pricing import Market, Notice, Product, price_cart, require_sold
from comptoir_cart.domain.promotions import AppliedCoupon, Why
from comptoir_cart.domain.taxes import Rate, RateTotal
from comptoir_cart.errors import ProductNotSold
from services.cart.tests.factories import (
    COFFEE,
    JACKET,
    LAMP,
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

PRICES = [listed(JACKET, 12_900), listed(COFFEE, 690), listed(LAMP, 3_990)]
CLASSES = {COFFEE: "reduced"}
STANDARD, REDUCED = Rate(20_000, "20"), Rate(5_500, "5.5")


def price(priced: Cart, at: Market) -> PricedCart:
    return price_cart(priced, at, RULES)


class TestTaxIncludedPrices:
    def test_an_empty_cart_costs_nothing(self) -> None:
        found = price(cart(delivery=shipped()), market(shipping_rules=[shipping_rule()]))
        assert found.totals == Totals(0, 0, 0, 0, 0, ())
        assert found.deliverable

    def test_two_rates_and_delivery(self) -> None:
        found = price(
            cart(line(JACKET), line(COFFEE, 2), delivery=shipped()),
            market(PRICES, tax_classes=CLASSES, shipping_rules=[shipping_rule()]),
        )
        # 129.00 + 4.90 at 20 %: 22.3166… within 133.90; 13.80 at 5.5 %: 0.7194….
        assert found.totals == Totals(
            subtotal=14_280,
            discount=0,
            shipping=490,
            tax=2_232 + 72,
            total=14_770,
            taxes=(RateTotal(STANDARD, 11_158, 2_232), RateTotal(REDUCED, 1_308, 72)),
        )
        assert [(each.total, each.tax, each.tax_rate) for each in found.lines] == [
            (12_900, 2_150, "20"),
            (1_380, 72, "5.5"),
        ]
        assert found.shipping_tax == 82

    def test_a_discount_lowers_the_tax_of_each_rate(self) -> None:
        found = price(
            cart(line(JACKET), line(COFFEE, 10), coupons=("TEN",)),
            market(PRICES, tax_classes=CLASSES, coupons=[percent("TEN", 1_000)]),
        )
        assert [(each.subtotal, each.discount, each.total) for each in found.lines] == [
            (12_900, 1_290, 11_610),
            (6_900, 690, 6_210),
        ]
        assert found.totals.taxes == (
            RateTotal(STANDARD, 9_675, 1_935),
            RateTotal(REDUCED, 5_886, 324),
        )


class TestTaxExcludedPrices:
    NET = (listed(JACKET, 9_990, tax_included=False), listed(COFFEE, 333, tax_included=False))

    def test_the_tax_is_on_top(self) -> None:
        found = price(cart(line(JACKET, 10), line(COFFEE)), market(self.NET, tax_classes=CLASSES))
        assert found.totals == Totals(
            subtotal=100_233,
            discount=0,
            shipping=0,
            tax=19_980 + 18,
            total=120_231,
            taxes=(RateTotal(STANDARD, 99_900, 19_980), RateTotal(REDUCED, 333, 18)),
        )
        assert [(each.unit_price, each.total) for each in found.lines] == [
            (9_990, 119_880),
            (333, 351),
        ]

    def test_in_one_cart_with_prices_that_include_it(self) -> None:
        prices = [self.NET[0], listed(LAMP, 3_990)]
        found = price(cart(line(JACKET), line(LAMP)), market(prices))
        assert found.totals == Totals(
            subtotal=13_980,
            discount=0,
            shipping=0,
            tax=1_998 + 665,
            total=11_988 + 3_990,
            taxes=(RateTotal(STANDARD, 9_990 + 3_325, 2_663),),
        )


class TestCoupons:
    def test_an_amount_is_spread_by_largest_remainder(self) -> None:
        prices = [listed("A", 100), listed("B", 100), listed("C", 100)]
        found = price(
            cart(line("C"), line("A"), line("B"), coupons=("ONE",)),
            market(prices, coupons=[amount("ONE", 100)]),
        )
        assert [(each.sku, each.discount) for each in found.lines] == [
            ("C", 33),
            ("A", 34),
            ("B", 33),
        ]
        assert found.totals.discount == 100

    def test_percentages_come_before_amounts(self) -> None:
        coupons = [amount("MINUS10", 1_000), percent("TEN", 1_000)]
        found = price(
            cart(line(LAMP, 5), coupons=("MINUS10", "TEN")), market(PRICES, coupons=coupons)
        )
        assert found.coupons == (AppliedCoupon("MINUS10", 1_000), AppliedCoupon("TEN", 1_995))
        assert found.totals.total == 19_950 - 1_995 - 1_000

    def test_no_coupon_takes_more_than_there_is(self) -> None:
        coupons = [amount("ALL", 1_000_000), amount("MORE", 1)]
        found = price(cart(line(LAMP), coupons=("ALL", "MORE")), market(PRICES, coupons=coupons))
        assert found.coupons == (
            AppliedCoupon("ALL", 3_990),
            AppliedCoupon("MORE", 0, "NOTHING_LEFT"),
        )
        assert (found.totals.total, found.totals.tax) == (0, 0)

    def test_one_that_does_not_count_says_why(self) -> None:
        found = price(cart(line(LAMP), coupons=("GONE",)), market(PRICES))
        assert found.coupons == (AppliedCoupon("GONE", 0, str(Why.UNKNOWN)),)
        assert found.totals.total == 3_990

    def test_the_minimum_is_the_goods_value_before_discounts(self) -> None:
        coupons = [percent("HALF", 5_000), amount("FIVE", 500, minimum_subtotal=3_990)]
        found = price(cart(line(LAMP), coupons=("HALF", "FIVE")), market(PRICES, coupons=coupons))
        assert found.totals.discount == 1_995 + 500

    def test_a_visitor_has_to_sign_in_for_a_coupon_counted_by_customer(self) -> None:
        once = market(PRICES, coupons=[percent("ONCE", 1_000, usage_limit_per_customer=1)])
        wanted = cart(line(LAMP), coupons=("ONCE",))
        assert price(wanted, once).totals.discount == 399
        of_visitor = price(replace(wanted, owner="vis_marie"), once)
        assert of_visitor.coupons == (AppliedCoupon("ONCE", 0, "SIGN_IN_REQUIRED"),)


class TestTiers:
    def test_the_price_depends_on_the_quantity(self) -> None:
        tiers = market([listed(LAMP, 3_990), listed(LAMP, 3_500, min_quantity=3)])
        assert [price(cart(line(LAMP, units)), tiers).totals.total for units in (1, 2, 3)] == [
            3_990,
            7_980,
            10_500,
        ]


class TestNotices:
    def test_a_withdrawn_product_stays_visible_and_costs_nothing(self) -> None:
        found = price(cart(line(JACKET), line(LAMP)), market(PRICES, unsold=[JACKET]))
        gone, kept = found.lines
        assert (gone.notice, gone.unit_price, gone.total) == (Notice.WITHDRAWN, None, 0)
        assert gone.names == {"fr_FR": JACKET}
        assert (kept.notice, kept.total) == (Notice.NONE, 3_990)
        assert found.totals.total == 3_990

    def test_a_product_without_a_price_is_marked(self) -> None:
        found = price(cart(line(JACKET)), market(tax_classes={JACKET: "standard"}))
        assert found.lines[0].notice == Notice.NO_PRICE

    def test_a_product_nobody_knows_is_marked(self) -> None:
        assert price(cart(line("GHOST")), market()).lines[0].notice == Notice.WITHDRAWN

    def test_what_is_not_sold_cannot_be_required(self) -> None:
        found = price(cart(line(JACKET), line(LAMP)), market(PRICES, unsold=[JACKET]))
        require_sold(found, LAMP)
        with pytest.raises(ProductNotSold) as refused:
            require_sold(found, JACKET)
        assert refused.value.metadata == {"sku": JACKET, "channel": "web", "why": "WITHDRAWN"}


class TestDelivery:
    def test_a_cart_without_delivery_cannot_be_delivered(self) -> None:
        assert not price(cart(line(LAMP)), market(PRICES)).deliverable

    def test_free_from_counts_the_goods_after_coupons(self) -> None:
        rules = [shipping_rule(free_from=10_000)]
        wanted = cart(line(JACKET), delivery=shipped(), coupons=("HALF",))
        half = market(PRICES, coupons=[percent("HALF", 5_000)], shipping_rules=rules)
        assert price(wanted, half).totals.shipping == 490
        assert price(replace(wanted, coupons=()), half).totals.shipping == 0


class TestFingerprint:
    WANTED = cart(line(JACKET), line(COFFEE, 2), delivery=shipped())
    MARKET = market(PRICES, shipping_rules=[shipping_rule()], coupons=[percent("TEN", 1_000)])

    def fingerprint(self, wanted: Cart, at: Market | None = None) -> str:
        return price(wanted, at or self.MARKET).fingerprint

    def test_is_a_sha_256_in_hexadecimal(self) -> None:
        found = self.fingerprint(self.WANTED)
        assert len(found) == 64
        assert int(found, 16) > 0

    def test_ids_names_notes_versions_and_the_order_of_lines_do_not_count(self) -> None:
        lines = tuple(replace(each, id=f"x{each.id}", note="gift") for each in self.WANTED.lines)
        same = replace(self.WANTED, lines=lines[::-1], version=7, id="crt_other")
        renamed = {
            sku: Product(product.id, sku, {"fr_FR": "?"}, product.tax_class, product.sold)
            for sku, product in self.MARKET.products.items()
        }
        assert self.fingerprint(same) == self.fingerprint(self.WANTED)
        other_names = replace(self.MARKET, products=renamed)
        assert self.fingerprint(self.WANTED, other_names) == self.fingerprint(self.WANTED)

    def test_everything_that_is_priced_counts(self) -> None:
        address = shipped().address
        assert address is not None
        moved = replace(shipped(), address=replace(address, city="Paris"))
        dearer = market([*PRICES[1:], listed(JACKET, 12_901)], shipping_rules=[shipping_rule()])
        rate = market(PRICES, tax_classes={JACKET: "reduced"}, shipping_rules=[shipping_rule()])
        found = [
            self.fingerprint(self.WANTED),
            self.fingerprint(self.WANTED, dearer),
            self.fingerprint(self.WANTED, rate),
            self.fingerprint(replace(self.WANTED, lines=(line(JACKET), line(COFFEE, 3)))),
            self.fingerprint(replace(self.WANTED, delivery=None)),
            self.fingerprint(replace(self.WANTED, delivery=moved)),
            self.fingerprint(replace(self.WANTED, coupons=("TEN",))),
            self.fingerprint(replace(self.WANTED, channel="store")),
        ]
        assert len(set(found)) == len(found)
