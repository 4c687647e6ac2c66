from typing import Any

import pytest

from comptoir.cart.v1 import cart_pb2, price_pb2
from comptoir_cart.convert.basics import minor_of, text_of
from comptoir_cart.convert.carts import cart_to, delivery_from
from comptoir_cart.convert.prices import coupon_from, price_list_from
from comptoir_cart.domain.pricing import price_cart
from comptoir_runtime.errors import InvalidFields, Violation
from services.cart.tests.factories import (
    ADDRESS,
    LAMP,
    RULES,
    cart,
    line,
    listed,
    market,
    money,
    ship_to_lyon,
    shipped,
    shipping_rule,
)

NAMES = {"en_GB": "Lamp", "en_US": "Light", "fr_FR": "Lampe"}


class TestTextOf:
    @pytest.mark.parametrize(
        ("locales", "text"),
        [
            (["en-US", "fr_FR"], "Light"),
            (["en-AU", "fr_FR"], "Lamp"),
            (["de-DE", "fr_FR"], "Lampe"),
            (["de"], "Lamp"),
            (["*", "fr_FR"], "Lampe"),
        ],
    )
    def test_the_locale_then_its_language_then_the_next(
        self, locales: list[str], text: str
    ) -> None:
        assert text_of(NAMES, locales) == text

    def test_no_text_is_empty(self) -> None:
        assert text_of({}, ["fr_FR"]) == ""


class TestMinorOf:
    @pytest.mark.parametrize("text", ["1.5", "1.005", "-1.00"])
    def test_what_is_no_price_is_named(self, text: str) -> None:
        with pytest.raises(InvalidFields) as refused:
            minor_of(money(text), "prices[3].amount")
        assert [each.field for each in refused.value.violations] == ["prices[3].amount.amount"]


class TestMoments:
    @pytest.mark.parametrize("field", ["valid_from_time", "valid_to_time"])
    @pytest.mark.parametrize(
        ("read", "message", "path"),
        [
            (price_list_from, price_pb2.PriceList(code="sale"), "price_list"),
            (coupon_from, price_pb2.Coupon(code="SALE", percent="10"), "coupon"),
        ],
        ids=["price list", "coupon"],
    )
    def test_what_is_no_moment_is_named(
        self, read: Any, message: Any, path: str, field: str
    ) -> None:
        wrong = type(message)()
        wrong.CopyFrom(message)
        getattr(wrong, field).seconds = 2**60
        with pytest.raises(InvalidFields) as refused:
            read(wrong)
        assert [each.field for each in refused.value.violations] == [f"{path}.{field}"]


class TestDelivery:
    def test_there_and_back(self) -> None:
        delivery = delivery_from(ship_to_lyon())
        assert (delivery, delivery.address) == (shipped(), ADDRESS)
        wanted = cart(line(LAMP), delivery=delivery)
        at = market([listed(LAMP, 3_990)], shipping_rules=[shipping_rule()])
        assert cart_to(price_cart(wanted, at, RULES), ["fr_FR"]).delivery == ship_to_lyon()

    @pytest.mark.parametrize("field", ["recipient", "lines", "postal_code", "city"])
    def test_an_address_needs_its_parts(self, field: Any) -> None:
        delivery = ship_to_lyon()
        delivery.address.ClearField(field)
        with pytest.raises(InvalidFields) as refused:
            delivery_from(delivery)
        assert refused.value.violations == (
            Violation(f"delivery.address.{field}", "must be given"),
        )

    def test_a_pick_up_has_no_address(self) -> None:
        message = ship_to_lyon()
        message.mode = cart_pb2.Delivery.MODE_PICK_UP
        message.location = "store_lyon"
        delivery = delivery_from(message)
        assert (delivery.address, delivery.location) == (None, "store_lyon")
