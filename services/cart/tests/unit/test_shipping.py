import pytest
from hypothesis import given
from hypothesis import strategies as st

from comptoir_cart.domain.carts import Delivery, Mode
from comptoir_cart.domain.shipping import chosen, offered, with_offered_method
from comptoir_cart.errors import ShippingMethodNotOffered
from services.cart.tests.factories import cart, line, shipped, shipping_rule

STANDARD = shipping_rule(free_from=6_000)
EXPRESS = shipping_rule("express", 990, position=2)
PICK_UP = shipping_rule("store_pick_up", 0, mode=Mode.PICK_UP, position=3)
RULES = (STANDARD, EXPRESS, PICK_UP)


class TestPriceFor:
    @pytest.mark.parametrize(
        ("goods", "discount", "price"),
        [
            (5_999, 0, 490),
            (6_000, 0, 0),
            (7_000, 1_000, 0),
            # The coupon alone keeps the goods below: at most what is missing.
            (6_000, 1, 1),
            (6_000, 100, 100),
            (6_000, 490, 490),
            (6_000, 6_000, 490),
            (5_000, 100, 490),
        ],
    )
    def test_free_from_a_goods_value_after_discounts(
        self, goods: int, discount: int, price: int
    ) -> None:
        assert STANDARD.price_for(goods, discount) == price

    @given(st.integers(0, 20_000), st.data())
    def test_a_larger_discount_never_makes_it_dearer_in_all(
        self, goods: int, data: st.DataObject
    ) -> None:
        smaller = data.draw(st.integers(0, goods))
        larger = data.draw(st.integers(smaller, goods))

        def to_pay(discount: int) -> int:
            return goods - discount + STANDARD.price_for(goods, discount)

        assert to_pay(larger) <= to_pay(smaller)


class TestOffered:
    def test_methods_of_the_country_in_the_given_order(self) -> None:
        german = shipping_rule("paketpost", countries=("DE",))
        found = offered((*RULES, german), cart(line("A")), 6_000, 0)
        assert [(each.rule.code, each.price) for each in found] == [
            ("standard", 0),
            ("express", 990),
            ("store_pick_up", 0),
        ]

    def test_methods_in_another_currency_are_not_offered(self) -> None:
        assert offered(RULES, cart(line("A"), currency="JPY"), 0, 0) == []


class TestWithOfferedMethod:
    def test_the_first_of_the_mode_when_none_is_named(self) -> None:
        collected = cart(delivery=Delivery(Mode.PICK_UP, None, "store_lyon", ""))
        found = with_offered_method(collected, RULES).delivery
        assert found == Delivery(Mode.PICK_UP, None, "store_lyon", "store_pick_up")

    def test_a_method_of_the_other_mode_is_refused(self) -> None:
        with pytest.raises(ShippingMethodNotOffered) as refused:
            with_offered_method(cart(delivery=shipped("store_pick_up")), RULES)
        assert refused.value.metadata == {"shipping_method": "store_pick_up", "country": "FR"}


class TestChosen:
    def test_a_method_that_is_gone_serves_nothing(self) -> None:
        assert chosen((EXPRESS,), shipped("standard"), "FR", "EUR") is None

    def test_the_method_of_the_delivery(self) -> None:
        assert chosen(RULES, shipped("express"), "FR", "EUR") is EXPRESS
